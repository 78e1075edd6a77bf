"""One MariaDB server that plays an Aurora MySQL instance, behind the gateway."""

from __future__ import annotations

import itertools
import shutil
import signal
from typing import TYPE_CHECKING, Any

from aurora_otel.lab import mariadb_installation, mariadb_settings, mysql_surface
from aurora_otel.lab.errors import StatementError
from aurora_otel.lab.local_server import ADMINISTRATOR, LocalServer
from aurora_otel.lab.membership import to_json
from aurora_otel.lab.mysql_session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aurora_otel.lab.membership import Member
    from aurora_otel.lab.server import Server

_PROGRESS = 5  # seconds within which a replica must have replayed something
# A server skips what bears its own number in the log: one that starts again needs another.
_numbers = itertools.count(1)

# While a data directory is made, each statement has to end its line.
_BEFORE_TABLES = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n"
_ADMINISTRATOR = f"""\
DELETE FROM global_priv;
INSERT INTO global_priv VALUES ('%%', '{ADMINISTRATOR}', JSON_OBJECT('access', {2**64 - 1},\
 'plugin', 'mysql_native_password', 'authentication_string', PASSWORD('%s')));
"""  # noqa: S608 -- a password of the lab's own


class MariaDBServer(LocalServer):
    """One server; implements `Server`. Applications come by the gateway.

    A replica starts from the empty database that the first writer started from, and replays all
    that was written since: every server keeps the whole log.
    """

    # The SQL that makes it more than a MariaDB like any other.
    surface = mysql_surface.SURFACE

    @property
    def _empty(self) -> Path:
        """The empty database that every server starts from."""
        return self._directory / "empty"

    @property
    def _no_reader(self) -> Path:
        """A file that is there while `read_only` does not make it a reader."""
        return self._directory / f"{self.identifier}.no_reader"

    def create(self) -> None:
        """Make a new, empty writer with its accounts, and starts it."""
        self._bootstrap()
        self._start(read_only=False)
        who = self._credentials
        with self._session() as session:
            if self.surface:
                session.run(self.surface)
            session.run(f"CREATE DATABASE {who.database}")
            session.run(f"CREATE USER {who.user} IDENTIFIED BY %s", who.password)
            session.run(f"GRANT ALL ON {who.database}.* TO {who.user}")

    def clone(self, source: Server) -> None:
        """Become a replica of `source`, from an empty database and its log, and start."""
        self.kill()
        self._start(read_only=True)
        position = source.position()
        self.follow(source)
        self._replay(position)

    def follow(self, source: Server) -> None:
        """Replicate from `source` from now on; sessions stay."""
        host, port = source.address
        with self._session() as session:
            session.run("STOP SLAVE")
            session.run(
                "CHANGE MASTER TO MASTER_HOST = %s, MASTER_PORT = %s, MASTER_USER = %s,"
                " MASTER_PASSWORD = %s, MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos",
                host,
                port,
                ADMINISTRATOR,
                self._credentials.administrator_password,
            )
            session.run("START SLAVE")

    def follows(self, source: Server) -> bool:
        """Return whether it replicates from `source` right now."""
        host, port = source.address
        try:
            status = self._replication()
        except StatementError as error:
            if error.sqlstate is not None:
                raise
            return False  # it does not answer (yet)
        return (
            (status.get("Master_Host"), status.get("Master_Port")) == (host, port)
            and status.get("Slave_IO_Running") == "Yes"
            and status.get("Slave_SQL_Running") == "Yes"
        )

    def position(self) -> str:
        """Return how far a writer has written, as a global transaction identifier."""
        ((position,),) = self._ask("SELECT @@global.gtid_current_pos")
        return str(position)

    def has_reached(self, position: str) -> bool:
        """Return whether a replica has all that was written up to a writer's position."""
        return self._ask("SELECT MASTER_GTID_WAIT(%s, 0)", position) == [(0,)]

    def promote(self) -> None:
        """Become a writer; return when it accepts writes."""
        with self._session() as session:
            session.run("STOP SLAVE IO_THREAD")
            received = str(self._replication().get("Gtid_IO_Pos", ""))
            self._replay(received)
            session.run("STOP SLAVE; RESET SLAVE ALL")
        self.allow_writes()

    def demote(self) -> None:
        """Refuse writes and say that it is a reader, in sessions old and new; they stay."""
        self._no_reader.unlink(missing_ok=True)
        self._ask("SET GLOBAL read_only = 1")

    def forbid_writes(self) -> None:
        """Refuse writes by its own setting, and say that it is no reader; sessions stay."""
        self._daemon.write(self._no_reader, "no reader", mode=0o644)
        self._ask("SET GLOBAL read_only = 1")

    def allow_writes(self) -> None:
        """Accept writes again; sessions stay."""
        self._ask("SET GLOBAL read_only = 0")
        self._no_reader.unlink(missing_ok=True)

    def shut_down(self) -> None:
        """End it in order: sessions are notified."""
        self._daemon.end(signal.SIGTERM, within=5.0)

    def show(self, rows: Iterable[Member]) -> None:
        """Show these rows as its view of the topology from now on."""
        # MariaDB loads no file that is not readable by all.
        self._daemon.write(self._view, to_json(rows), mode=0o644)

    def _count_sessions(self, application_name: str | None) -> int:
        statement = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s"
        params = [self._credentials.user]
        if application_name is not None:
            statement += (
                " AND id IN (SELECT processlist_id FROM performance_schema.session_connect_attrs"
                " WHERE attr_name = 'program_name' AND attr_value = %s)"
            )
            params.append(application_name)
        return int(self._ask(statement, *params)[0][0])

    def execute(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator, on a session of its own."""
        with self._session(self._credentials.database) as session:
            return session.run(statement, *params)

    def _ask(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Do the same where the application's database may not be there yet."""
        with self._session() as session:
            return session.run(statement, *params)

    def _replay(self, position: str) -> None:
        """Wait for all that was written up to a writer's position, while there is progress."""
        at = None
        while self._ask("SELECT MASTER_GTID_WAIT(%s, %s)", position, _PROGRESS) != [(0,)]:
            before, at = at, self.position()
            if at == before:
                raise self._daemon.failure(f"replays no more; it is at {at}")

    def _replication(self) -> dict[str, Any]:
        with self._session() as session:
            return next(iter(session.rows("SHOW SLAVE STATUS")), {})

    def _session(self, database: str = "") -> Session:
        password = self._credentials.administrator_password
        return Session(self.address, ADMINISTRATOR, password, database)

    def _bootstrap(self) -> None:
        """Make the empty database that every server starts from: system tables, one account."""
        tables = mariadb_installation.system_tables(self._installation.programs)
        administrator = _ADMINISTRATOR % self._credentials.administrator_password
        script = self._directory / "bootstrap.sql"
        self._daemon.write(script, f"{_BEFORE_TABLES}{tables}\n{administrator}")
        self._empty.mkdir()
        self._installation.give(self._empty)
        self._daemon.call(
            mariadb_installation.PROGRAM,
            *mariadb_settings.bootstrap(str(self._empty)),
            "--bootstrap",
            stdin=script,
        )
        script.unlink()

    def _start(self, *, read_only: bool) -> None:
        """Start it with the empty database."""
        self._no_reader.unlink(missing_ok=True)
        shutil.rmtree(self._data, ignore_errors=True)
        shutil.copytree(self._empty, self._data)
        for path in (self._data, *self._data.rglob("*")):
            self._installation.give(path)
        host, port = self.address
        settings = {
            "bind-address": host,
            "datadir": str(self._data),
            "pid-file": str(self._data / "pid"),
            "port": str(port),
            "read-only": str(int(read_only)),
            "report-host": self.identifier,
            "secure-file-priv": str(self._directory),
            "server-id": str(next(_numbers)),
            "tmpdir": str(self._data),
        }

        def ready() -> bool:
            try:
                return self._ask("SELECT 1") == [(1,)]
            except StatementError:
                return False

        self._daemon.start(
            mariadb_installation.PROGRAM, *mariadb_settings.running(settings), ready=ready
        )
