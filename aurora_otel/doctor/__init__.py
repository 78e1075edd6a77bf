"""The doctor: will the agent work here, and if not, what is to be done?

It reads and changes nothing. It asks a database by the agent's own code: the drivers' hooks, the
identification of a new connection, the walk to the writer.
"""
