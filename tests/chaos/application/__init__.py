"""The application, in a process of its own.

A driver in C may hold Python's lock while it waits. The gateway, on a thread of the other process,
would wait in this one for the driver that waits for it.
"""
