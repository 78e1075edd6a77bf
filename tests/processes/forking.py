"""A program with a monitoring connection open whose child ends as a program does.

Reports the sessions of that connection, as the server shows them, before and after.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time

import MySQLdb

import aurora_otel

LOGIN = json.loads(os.environ["PROCESS_LOGIN"])
# On a busy machine logins take seconds: until then there is none, or another one each time.
_PATIENCE = 40.0
OURS = "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() ORDER BY id"


def sessions(connection):
    cursor = connection.cursor()
    cursor.execute(OURS)
    return [session for (session,) in cursor.fetchall()]


def around_a_child(connection):
    before = sessions(connection)
    child = os.fork()
    if child == 0:
        # The application's own connection is left out.
        os.dup2(os.open(os.devnull, os.O_RDWR), MySQLdb.connections.Connection.fileno(connection))
        sys.exit(0)
    os.waitpid(child, 0)
    # The server would take its time to end a session.
    time.sleep(0.5)
    return before, sessions(connection)


def main():
    # Long between two refreshes: the monitoring connection is kept, and not used meanwhile.
    aurora_otel.AuroraInstrumentor().instrument(refresh_interval=30)
    connection = MySQLdb.connect(**LOGIN)
    connection.cursor().execute("START TRANSACTION READ ONLY")
    with contextlib.suppress(MySQLdb.Error):
        connection.cursor().execute("INSERT INTO writes (x) VALUES ('fork')")
    connection.rollback()
    # The parent may replace it meanwhile, less and less often: then another child shows it.
    deadline = time.monotonic() + _PATIENCE
    while True:
        before, after = around_a_child(connection)
        if (before and before == after) or time.monotonic() > deadline:
            break
    sys.stdout.write(json.dumps([before, after]))


main()
