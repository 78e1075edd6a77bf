"""The sample application of the demo: a plain driver, and nothing that knows of the agent.

It holds connections as real services do: some threads write all the time on theirs, others keep
one that is idle until it is used once, and now and then a fresh one is opened for one write. A
connection that the driver calls closed is opened again; a write that the server refuses leaves
its connection in use. With a pool, each write takes a connection out of it and puts it back.

    python app.py 'host=... dbname=...' --writers 4 --idle 16
    python app.py 'host=... dbname=...' --pool psycopg_pool
    python app.py mysql://user:password@host/database --writers 4 --idle 16

It reads commands from standard input (`use idle`, `resolve NAME=ADDRESS`, `stop`) and reports
every call on standard output: JSON lines with times of `time.monotonic()`, which processes on one
Linux host share.
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
    """psycopg, and the statements for PostgreSQL.

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
        self.error: Any = self._psycopg.Error

    def connect(self) -> Any:
        """Open a connection."""
        return self._psycopg.connect(self._dsn, autocommit=True)

    def close(self, connection: Any) -> None:
        """Close it."""
        connection.close()

    def execute(self, connection: Any, statement: str, *params: Any) -> None:
        """Run a statement."""
        connection.execute(statement, params)

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes the connection for closed."""
        return bool(connection.closed)

    def refused(self, error: Any) -> bool:
        """Return whether the server is no writer."""
        return bool(error.sqlstate == "25006")

    def described(self, error: Any) -> str:
        """Return the error's type, SQLSTATE and first line."""
        message = str(error).partition("\n")[0]
        return f"{type(error).__name__} {error.sqlstate or '-----'}: {message}"


class MySQL:
    """PyMySQL, and the statements for MySQL.

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

    def close(self, connection: Any) -> None:
        """Close it."""
        connection.close()

    def execute(self, connection: Any, statement: str, *params: Any) -> None:
        """Run a statement."""
        connection.cursor().execute(statement, params)

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes the connection for closed."""
        return not connection.open

    def refused(self, error: Any) -> bool:
        """Return whether the server is no writer."""
        return bool(error.args[0] == 1290)  # noqa: PLR2004 - the error's number says it

    def described(self, error: Any) -> str:
        """Return the error's type, number and message."""
        return " ".join(map(str, (type(error).__name__, *error.args)))


class PsycopgPool(PostgreSQL):
    """psycopg_pool: to connect is to take a connection out of it, and to close is to put it back.

    Args:
        dsn: libpq's connection string.
        size: how many connections it has.
    """

    def __init__(self, dsn: str, size: int) -> None:
        super().__init__(dsn)
        psycopg_pool: Any = importlib.import_module("psycopg_pool")
        self._pool = psycopg_pool.ConnectionPool(
            dsn, kwargs={"autocommit": True}, min_size=size, max_size=size, open=True
        )
        self._pool.wait()

    def connect(self) -> Any:
        """Take a connection."""
        return self._pool.getconn()

    def close(self, connection: Any) -> None:
        """Put a connection back."""
        self._pool.putconn(connection)


class SQLAlchemyPool(PostgreSQL):
    """An engine of SQLAlchemy's, whose pool is used alike.

    Args:
        dsn: libpq's connection string.
        size: how many connections its pool has.
    """

    def __init__(self, dsn: str, size: int) -> None:
        super().__init__(dsn)
        self._sqlalchemy: Any = importlib.import_module("sqlalchemy")
        self._engine = self._sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=super().connect,
            isolation_level="AUTOCOMMIT",
            pool_size=size,
            max_overflow=0,
        )
        self.error = (self._sqlalchemy.exc.SQLAlchemyError, self._psycopg.Error)

    def connect(self) -> Any:
        """Take a connection."""
        return self._engine.connect()

    def execute(self, connection: Any, statement: str, *params: Any) -> None:
        """Run a statement."""
        connection.exec_driver_sql(statement, params)

    def is_closed(self, connection: Any) -> bool:
        """Return whether SQLAlchemy takes the connection for lost."""
        return bool(connection.invalidated)

    def refused(self, error: Any) -> bool:
        """Return whether the server is no writer."""
        return super().refused(_original(error))

    def described(self, error: Any) -> str:
        """Return the driver's error's type, SQLSTATE and first line."""
        return super().described(_original(error))


def _original(error: Any) -> Any:
    return getattr(error, "orig", None) or error


POOLS = {"psycopg_pool": PsycopgPool, "sqlalchemy": SQLAlchemyPool}


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
        """Open the connection; return whether that worked."""
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
        """Write once; return whether it is settled, that is, not lost with the connection."""
        if self._connection is None and not self.connect():
            self._stopped.wait(RECONNECT_AFTER)
            return False
        connection = self._connection
        call = self._report.begin("write", self._name, self._number)
        settled = self._execute(call, connection)
        if not settled:
            self.close()
        return settled

    def _execute(self, call: dict[str, Any], connection: Any) -> bool:
        """Write on `connection`; return whether it is settled."""
        database = self._database
        try:
            database.execute(connection, database.write, self._name)
        except database.error as error:
            if database.refused(error):
                self._report.end(call, "refused", database.described(error))
                return True
            if not database.is_closed(connection):
                self._report.end(call, "failed", database.described(error))
                return True
            self._report.end(call, "closed", database.described(error))
            return False
        else:
            self._report.end(call, "ok")
        return True

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._database.close(connection)

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


class PooledClient(Client):
    """One user of a pool: a connection is taken for each write, and put back after it."""

    def write(self) -> bool:
        """Write once; return whether it is settled."""
        call = self._report.begin("write", self._name, 0)
        try:
            connection = self._database.connect()
        except self._database.error as error:
            self._report.end(call, "failed", self._database.described(error))
            self._stopped.wait(RECONNECT_AFTER)
            return False
        try:
            # Each counts as one that the pool handed out: none is kept.
            call["connection"] = self._report.connection()
            return self._execute(call, connection)
        finally:
            self._database.close(connection)


def resolve(addresses: dict[str, str]) -> None:
    """Make names resolve to addresses that no name server knows, as `curl --resolve` does."""
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
    parser.add_argument("--pool", choices=[*POOLS, "none"], default="none")
    parser.add_argument("--resolve", nargs="*", default=[], metavar="NAME=ADDRESS")
    options = parser.parse_args()

    addresses = dict(each.split("=") for each in options.resolve)
    if addresses:
        resolve(addresses)
    database = (MySQL if options.dsn.startswith("mysql://") else PostgreSQL)(options.dsn)
    with contextlib.closing(database.connect()) as connection:
        database.execute(connection, database.table)
    report, stopped, wanted = Report(), threading.Event(), threading.Event()
    pooled = options.pool != "none"
    held = POOLS[options.pool](options.dsn, options.writers + options.idle) if pooled else database

    def client(name: str) -> Client:
        kind = PooledClient if pooled else Client
        clients.append(kind(name, held, report, stopped))
        clients[-1].connect()
        return clients[-1]

    clients: list[Client] = []
    threads = []
    for number in range(1, options.writers + 1):
        writer = client(f"writer-{number}")
        threads.append(threading.Thread(target=writer.write_on, args=[options.write_every]))
    for number in range(1, options.idle + 1):
        idle = client(f"idle-{number}")
        threads.append(threading.Thread(target=idle.write_once, args=[wanted]))
    if pooled:
        # Now that all of them are open at once, they are idle in the pool.
        for each in clients:
            each.close()
    if options.fresh_every:
        fresh = Client("fresh", database, report, stopped)
        threads.append(threading.Thread(target=fresh.write_afresh, args=[options.fresh_every]))
    finished = threading.Event()
    reporter = threading.Thread(target=report.write_on, args=[finished], daemon=True)
    for thread in (reporter, *threads):
        thread.start()

    obey(wanted, addresses)
    stopped.set()
    wanted.set()
    for thread in threads:
        thread.join()
    finished.set()
    reporter.join()


def obey(wanted: threading.Event, addresses: dict[str, str]) -> None:
    """Follow standard input until it says `stop`."""
    for line in sys.stdin:
        if line == "use idle\n":
            wanted.set()
        elif line.startswith("resolve "):
            name, address = line.split()[1].split("=")
            addresses[name] = address
        elif line == "stop\n":
            return
    # The parent process is gone, and a call that hangs must not keep this one.
    os._exit(1)


if __name__ == "__main__":
    main()
