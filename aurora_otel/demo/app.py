"""The sample application of the demo: a plain driver, and nothing that knows of the agent.

It holds connections as real services do: some threads write all the time on theirs, others keep
one that is idle until it is used once, and now and then a fresh one is opened for one write. A
connection that the driver calls closed is opened again; a write that the server refuses leaves
its connection in use.

    python app.py 'host=... dbname=...' --writers 4 --idle 16
    python app.py mysql://user:password@host/database --writers 4 --idle 16

It reads commands from standard input (`use idle`, `stop`) and reports every call on standard
output: JSON lines with times of `time.monotonic()`, which processes on one Linux host share.
"""

import argparse
import contextlib
import importlib
import json
import os
import socket
import sys
import threading
import time
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

REPORT_EVERY = 0.1
RECONNECT_AFTER = 0.1


class PostgreSQL:
    """psycopg, and what PostgreSQL is told.

    Args:
        dsn: libpq's connection string.
    """

    table = "CREATE TABLE IF NOT EXISTS tallies (client text PRIMARY KEY, writes bigint NOT NULL)"
    write = """
    INSERT INTO tallies AS t (client, writes) VALUES (%s, 1)
    ON CONFLICT (client) DO UPDATE SET writes = t.writes + 1
    """

    def __init__(self, dsn: str) -> None:
        self._psycopg: Any = importlib.import_module("psycopg")
        self._dsn = dsn
        self.error: type[Exception] = self._psycopg.Error

    def connect(self) -> Any:
        """Open a connection."""
        return self._psycopg.connect(self._dsn, autocommit=True)

    def is_closed(self, connection: Any) -> bool:
        """Tell whether the driver takes the connection for closed."""
        return bool(connection.closed)

    def refused(self, error: Any) -> bool:
        """Tell whether the server is no writer."""
        return bool(error.sqlstate == "25006")

    def described(self, error: Any) -> str:
        """Return the error's type, SQLSTATE and first line."""
        message = str(error).partition("\n")[0]
        return f"{type(error).__name__} {error.sqlstate or '-----'}: {message}"


class MySQL:
    """PyMySQL, and what MySQL is told.

    Args:
        dsn: a URL; its query has more arguments of PyMySQL's.
    """

    table = (
        "CREATE TABLE IF NOT EXISTS tallies"
        " (client varchar(64) PRIMARY KEY, writes bigint NOT NULL)"
    )
    write = (
        "INSERT INTO tallies (client, writes) VALUES (%s, 1)"
        " ON DUPLICATE KEY UPDATE writes = writes + 1"
    )

    def __init__(self, dsn: str) -> None:
        self._pymysql: Any = importlib.import_module("pymysql")
        url = urlsplit(dsn)
        more = {key: int(text) if text.isdigit() else text for key, text in parse_qsl(url.query)}
        self._login: dict[str, Any] = {
            "host": url.hostname,
            "port": url.port or 3306,
            "user": unquote(url.username or ""),
            "password": unquote(url.password or os.environ.get("MYSQL_PWD", "")),
            "database": url.path.lstrip("/"),
            **more,
        }
        self.error: type[Exception] = self._pymysql.Error

    def connect(self) -> Any:
        """Open a connection."""
        return self._pymysql.connect(**self._login, autocommit=True)

    def is_closed(self, connection: Any) -> bool:
        """Tell whether the driver takes the connection for closed."""
        return not connection.open

    def refused(self, error: Any) -> bool:
        """Tell whether the server is no writer."""
        return bool(error.args[0] == 1290)  # noqa: PLR2004 - the error's number says it

    def described(self, error: Any) -> str:
        """Return the error's type, number and message."""
        return " ".join(map(str, (type(error).__name__, *error.args)))


class Report:
    """What the threads did, written out in batches so that it does not slow them down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[dict[str, Any]] = []
        self._in_flight: dict[str, dict[str, Any]] = {}
        self._connections = 0

    def connection(self) -> int:
        """Return a number for a new connection."""
        with self._lock:
            self._connections += 1
            return self._connections

    def begin(self, operation: str, client: str, connection: int) -> dict[str, Any]:
        """Note that a call begins."""
        call = {
            "operation": operation,
            "client": client,
            "connection": connection,
            "start": time.monotonic(),
        }
        with self._lock:
            self._in_flight[client] = call
        return call

    def end(self, call: dict[str, Any], outcome: str, error: str = "") -> None:
        """Note how the call ended."""
        done = {**call, "end": time.monotonic(), "outcome": outcome, "error": error}
        with self._lock:
            del self._in_flight[call["client"]]
            self._calls.append(done)

    def write_on(self, finished: threading.Event) -> None:
        """Write a line each `REPORT_EVERY` seconds until the application has finished."""
        while not finished.wait(REPORT_EVERY):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            calls, self._calls = self._calls, []
            in_flight = list(self._in_flight.values())
        line = {"at": time.monotonic(), "calls": calls, "in_flight": in_flight}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class Client:
    """One user of the database, with one connection at a time."""

    def __init__(
        self, name: str, database: PostgreSQL | MySQL, report: Report, stopped: threading.Event
    ) -> None:
        self._name = name
        self._database = database
        self._report = report
        self._stopped = stopped
        self._connection: Any = None
        self._number = 0

    def connect(self) -> bool:
        """Open the connection; tell whether that worked."""
        number = self._report.connection()
        call = self._report.begin("connect", self._name, number)
        try:
            self._connection = self._database.connect()
        except self._database.error as error:
            self._report.end(call, "connect_failed", self._database.described(error))
            return False
        self._number = number
        self._report.end(call, "connected")
        return True

    def write(self) -> bool:
        """Write once; tell whether it is settled, that is, not lost with the connection."""
        if self._connection is None and not self.connect():
            self._stopped.wait(RECONNECT_AFTER)
            return False
        database, connection = self._database, self._connection
        call = self._report.begin("write", self._name, self._number)
        try:
            connection.cursor().execute(database.write, [self._name])
        except database.error as error:
            if database.refused(error):
                self._report.end(call, "refused", database.described(error))
                return True
            if not database.is_closed(connection):
                self._report.end(call, "failed", database.described(error))
                return True
            self._report.end(call, "closed", database.described(error))
            self.close()
            return False
        else:
            self._report.end(call, "ok")
        return True

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def write_on(self, every: float) -> None:
        """Write until the application stops, with a pause of `every` seconds."""
        while not self._stopped.is_set():
            self.write()
            self._stopped.wait(every)
        self.close()

    def write_once(self, wanted: threading.Event) -> None:
        """Hold the connection idle until it is `wanted`, and write once."""
        wanted.wait()
        while not self._stopped.is_set() and not self.write():
            pass
        self._stopped.wait()
        self.close()

    def write_afresh(self, every: float) -> None:
        """Open a connection of its own for one write, each `every` seconds."""
        while not self._stopped.wait(every):
            if self.connect():
                self.write()
                self.close()


def resolve(names: list[str]) -> None:
    """Make names resolve to addresses that no name server knows, as `curl --resolve` does."""
    addresses = dict(name.split("=") for name in names)
    plain: Any = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        return plain(addresses.get(host, host), *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def main() -> None:
    """Run until standard input says `stop`, or ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--idle", type=int, default=16)
    parser.add_argument("--write-every", type=float, default=0.01, metavar="SECONDS")
    parser.add_argument("--fresh-every", type=float, default=1, metavar="SECONDS", help="0: never")
    parser.add_argument("--resolve", nargs="*", default=[], metavar="NAME=ADDRESS")
    options = parser.parse_args()

    if options.resolve:
        resolve(options.resolve)
    database = (MySQL if options.dsn.startswith("mysql://") else PostgreSQL)(options.dsn)
    with contextlib.closing(database.connect()) as connection:
        connection.cursor().execute(database.table)
    report, stopped, wanted = Report(), threading.Event(), threading.Event()

    def client(name: str) -> Client:
        return Client(name, database, report, stopped)

    threads = []
    for number in range(1, options.writers + 1):
        writer = client(f"writer-{number}")
        writer.connect()
        threads.append(threading.Thread(target=writer.write_on, args=[options.write_every]))
    for number in range(1, options.idle + 1):
        idle = client(f"idle-{number}")
        idle.connect()
        threads.append(threading.Thread(target=idle.write_once, args=[wanted]))
    if options.fresh_every:
        fresh = client("fresh")
        threads.append(threading.Thread(target=fresh.write_afresh, args=[options.fresh_every]))
    finished = threading.Event()
    reporter = threading.Thread(target=report.write_on, args=[finished], daemon=True)
    for thread in (reporter, *threads):
        thread.start()

    obey(wanted)
    stopped.set()
    wanted.set()
    for thread in threads:
        thread.join()
    finished.set()
    reporter.join()


def obey(wanted: threading.Event) -> None:
    """Follow standard input until it says `stop`."""
    for line in sys.stdin:
        if line == "use idle\n":
            wanted.set()
        elif line == "stop\n":
            return
    # Whoever started us is gone, and a call that hangs must not keep us.
    os._exit(1)


if __name__ == "__main__":
    main()
