"""The sample application of the demo: a plain driver, and nothing that knows of the agent.

It holds connections as real services do: some threads, or tasks of an event loop, write all the
time on theirs, others keep one that is idle until it is used once, and now and then a fresh one is
opened for one write. A connection that the driver calls closed is opened again; a write that the
server refuses leaves its connection in use. With a pool, each write takes a connection out of it
and puts it back.

    python -m app 'host=... dbname=...' --writers 4 --idle 16
    python -m app 'host=... dbname=...' --pool psycopg_pool
    python -m app mysql://user:password@host/database --writers 4 --idle 16
    python -m app postgresql://user:password@host/database --driver asyncpg

It reads commands from standard input (`use idle`, `resolve NAME=ADDRESS`, `stop`) and reports
every call on standard output: JSON lines with times of `time.monotonic()`, which processes on one
Linux host share.
"""
