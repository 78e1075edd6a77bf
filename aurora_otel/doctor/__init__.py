"""The doctor: will the agent work here, and if not, what is to be done?

It looks and changes nothing. What it asks a database goes the agent's own ways: the drivers' hooks,
the identification of a new connection, the walk to the writer.
"""
