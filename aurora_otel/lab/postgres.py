"""One PostgreSQL server that plays an instance, of an Aurora PostgreSQL unless it is said."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING, Any

from aurora_otel.lab import aurora_sql, postgres_settings, processes
from aurora_otel.lab.conninfo import conninfo
from aurora_otel.lab.errors import LabError, StatementError
from aurora_otel.lab.local_server import ADMINISTRATOR, LocalServer
from aurora_otel.lab.membership import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aurora_otel.lab.membership import Member
    from aurora_otel.lab.server import Server
    from aurora_otel.lab.session import Session

# The administrator logs in often. A login costs thousands of hashes, which protect nothing here;
# from PostgreSQL 16 on a password can do with one.
_ONE_HASH = "SELECT set_config(name, '1', false) FROM pg_settings WHERE name = 'scram_iterations'"


class PostgresServer(LocalServer):
    """One server; implements `Server`.

    Attributes:
        surface: SQL that teaches a database what plain servers do not know.
        in_recovery: the call that says whether the server is in recovery, whatever it pretends.
    """

    surface = aurora_sql.SURFACE
    in_recovery = aurora_sql.IN_RECOVERY

    @property
    def _configuration(self) -> Path:
        return self._directory / f"{self.identifier}.conf"

    @property
    def _standby(self) -> Path:
        """A file that is there while it is a replica."""
        return self._data / "standby.signal"

    @property
    def _hba(self) -> Path:
        return self._directory / f"{self.identifier}.hba"

    @property
    def _passwords(self) -> Path:
        return self._directory / f"{self.identifier}.passwords"

    def create(self) -> None:
        """Make a new, empty writer with its accounts, and starts it."""
        secret = self._directory / f"{self.identifier}.secret"
        self._daemon.write(secret, self._credentials.administrator_password)
        self._daemon.call(
            "initdb",
            *("--pgdata", str(self._data), "--username", ADMINISTRATOR),
            *("--pwfile", str(secret), "--auth", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
            # A copy of the data brings whole segments of the log.
            *("--wal-segsize", "1"),
        )
        secret.unlink()
        self._configure()
        self._start()
        user, database = self._credentials.user, self._credentials.database
        for system_database in ("template1", "postgres"):
            with self._session(system_database) as session:
                if self.surface:
                    session.run(self.surface)
        with self._session("postgres") as session:
            session.run(f"CREATE ROLE {user} LOGIN PASSWORD '{self._credentials.password}'")
            session.run(f"CREATE DATABASE {database} OWNER {user}")
            session.run(_ONE_HASH)
            password = self._credentials.administrator_password
            session.run(f"ALTER ROLE {ADMINISTRATOR} PASSWORD '{password}'")

    def clone(self, source: Server) -> None:
        """Become a replica of `source`, with its data, and start."""
        self.kill()
        if not self._rewind(source):
            self._copy(source)
        self._daemon.write(self._standby, "")
        self._configure(primary_conninfo=self._primary(source))
        self._start()

    def _rewind(self, source: Server) -> bool:
        """Take back what a former writer has and `source` has not; return whether it went.

        It costs a fifth of a copy. `pg_rewind` brings a killed writer to an orderly end, which it
        can do to no replica. Before PostgreSQL 15 it takes no file of settings, and refuses.
        """
        if self._standby.exists() or not self._data.exists():
            return False
        # Two that were promoted apart may be on timelines of one number: then it finds nothing to
        # take back.
        ((timeline,),) = source.execute("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)")
        segments = (self._data / "pg_wal").glob("?" * 24)
        if max((each.name[:8] for each in segments), default="") >= timeline:
            return False
        # Until then one that was just promoted names its old timeline.
        source.execute("CHECKPOINT")
        try:
            self._daemon.call(
                "pg_rewind",
                *("--target-pgdata", str(self._data), "--config-file", str(self._configuration)),
                *("--source-server", self._primary(source, dbname="postgres"), "--no-sync"),
            )
        except LabError:
            return False
        # It comes up once it has read to where `source` was: past the head of a new page, that is
        # there with the next record only.
        source.execute("SELECT pg_create_restore_point('rewound')")
        return True

    def _copy(self, source: Server) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._daemon.call(
            "pg_basebackup",
            *("--pgdata", str(self._data), "--dbname", self._primary(source)),
            *("--checkpoint", "fast", "--wal-method", "stream", "--no-sync", "--no-manifest"),
        )

    def follow(self, source: Server) -> None:
        """Replicate from `source` from now on; sessions stay."""
        self._configure(primary_conninfo=self._primary(source))
        self._reload()

    def follows(self, source: Server) -> bool:
        """Return whether it replicates from `source` right now."""
        host, port = source.address
        try:
            rows = self.execute(
                "SELECT 1 FROM pg_stat_wal_receiver"
                " WHERE status = 'streaming' AND sender_host = %s AND sender_port = %s",
                host,
                port,
            )
            # An upstream that was promoted meanwhile may be on a timeline that this one cannot
            # reach: it streams the old one and waits, unless the upstream still counts it.
            return bool(rows) and bool(
                source.execute(
                    "SELECT 1 FROM pg_stat_replication"
                    " WHERE application_name = %s AND state = 'streaming'",
                    self.identifier,
                )
            )
        except StatementError as error:
            if error.sqlstate is not None:
                raise
            return False  # one of the two does not answer (yet)

    def position(self) -> str:
        """Return how far a writer has written, as a log sequence number: the end of a record."""
        # What is not committed yet is flushed by whole pages. A replica that becomes the writer
        # drops the half of a record that it has then, and another replica that has it is ahead.
        self.execute("SELECT pg_logical_emit_message(true, 'aurora-otel lab', '')")
        ((position,),) = self.execute("SELECT pg_current_wal_flush_lsn()::text")
        return str(position)

    def has_reached(self, position: str) -> bool:
        """Return whether a replica has all that was written up to a writer's position."""
        # What it had before it began to stream, it has replayed, and not received.
        has = "GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
        statement = f"SELECT {has} >= %s::text::pg_lsn"
        return self.execute(statement, position) == [(True,)]

    def promote(self) -> None:
        """Become a writer; return when it accepts writes."""
        with self._session() as session:
            session.run("SELECT pg_promote(false)")

            def promoted() -> bool:
                return session.run(f"SELECT {self.in_recovery}") == [(False,)]

            self._daemon.wait_until(promoted, "was not promoted")
        self._configure()

    def demote(self) -> None:
        """Refuse writes and say that it is a reader, in sessions old and new; they stay."""
        self._set(read_only=True, reader=True)

    def forbid_writes(self) -> None:
        """Refuse writes by its own setting, and say that it is no reader; sessions stay."""
        self._set(read_only=True, reader=False)

    def allow_writes(self) -> None:
        """Accept writes again; sessions stay."""
        self._set(read_only=False, reader=False)

    def _set(self, *, read_only: bool, reader: bool) -> None:
        state = {"default_transaction_read_only": "on"} if read_only else {}
        self._configure(**state, **({aurora_sql.DEMOTED: "on"} if reader else {}))
        self._reload()
        state_now = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')"

        def done() -> bool:
            return self.execute(state_now) == [(reader, "on" if read_only else "off")]

        # A session that starts so proves that the older ones have been notified: the postmaster
        # signals them before it accepts another connection.
        self._daemon.wait_until(done, "did not take its new settings")

    def kill(self) -> None:
        """End it like a power cut: no farewell on any connection."""
        super().kill()
        processes.release_shared_memory(self._data)

    def shut_down(self) -> None:
        """End it in order: sessions are notified."""
        self._daemon.end(signal.SIGINT, within=2.0)
        self.kill()

    def show(self, rows: Iterable[Member]) -> None:
        """Show these rows as its view of the topology from now on."""
        self._daemon.write(self._view, to_json(rows))

    def _count_sessions(self, application_name: str | None) -> int:
        statement = "SELECT count(*)::int FROM pg_stat_activity WHERE usename = %s"
        if application_name is None:
            rows = self.execute(statement, self._credentials.user)
        else:
            rows = self.execute(
                f"{statement} AND application_name = %s", self._credentials.user, application_name
            )
        return int(rows[0][0])

    def execute(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator, on a session of its own."""
        with self._session() as session:
            return session.run(statement, params)

    def _session(self, database: str | None = None) -> Session:
        from aurora_otel.lab.session import Session  # noqa: PLC0415 -- importing the lab imports no driver

        login = {
            **self._login(self.address),
            "dbname": database or self._credentials.database,
            "password": self._credentials.administrator_password,
        }
        return Session(conninfo(login))

    def _primary(self, source: Server, **more: object) -> str:
        """Return how to replicate from `source`; a server's log and the process list show that."""
        password = self._credentials.administrator_password
        self._daemon.write(self._passwords, f"*:*:*:{ADMINISTRATOR}:{password}\n")
        return conninfo(
            {
                **self._login(source.address),
                "application_name": self.identifier,
                "passfile": self._passwords,
                **more,
            }
        )

    def _login(self, address: tuple[str, int]) -> dict[str, object]:
        return {
            "host": address[0],
            "port": address[1],
            "user": ADMINISTRATOR,
            "sslmode": "disable",
            "gssencmode": "disable",
            "application_name": "aurora-otel lab",
        }

    def _configure(self, **state: str) -> None:
        """Write the whole configuration: what never changes, and the state that it is in."""
        host, port = self.address
        self._daemon.write(self._hba, "host all,replication all 127.0.0.0/8 scram-sha-256\n")
        settings = {
            "cluster_name": self.identifier,
            "hba_file": str(self._hba),
            "listen_addresses": host,
            "port": str(port),
            **state,
        }
        self._daemon.write(self._configuration, postgres_settings.render(settings))

    def _start(self) -> None:
        note = self._data / "postmaster.pid"
        note.unlink(missing_ok=True)

        def ready() -> bool:
            try:
                return note.read_text(encoding="utf-8").rstrip().endswith("\nready")
            except FileNotFoundError:
                return False

        self._daemon.start(
            "postgres",
            *("-D", str(self._data), "-c", f"config_file={self._configuration}"),
            ready=ready,
        )

    def _reload(self) -> None:
        self._daemon.send(signal.SIGHUP)
