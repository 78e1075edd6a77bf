"""An application on the fake servers, and the witness of what the agent does to it."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from opentelemetry import metrics, trace

from aurora_otel.agent import Agent
from aurora_otel.discovery import dns
from aurora_otel.drivers.connects import Attempt, Login, Opening
from aurora_otel.drivers.marks import ATTRIBUTE, track_of
from aurora_otel.drivers.protocol import Failure
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from aurora_otel.model.symptoms import Symptom
from aurora_otel.runtime import blocking, sockets
from aurora_otel.settings import Settings
from aurora_otel.telemetry.metrics import instruments
from aurora_otel.telemetry.spans import Spans
from tests.histories.driver import Connection, Driver, FullError, LostError, identity
from tests.histories.servers import Servers, Session
from tests.support.threads import ASK, REFRESH, stacks, threads

# So often it is looked whether a refresh has ended: for 20 s at least.
LOOKS = 40_000


class Time:
    """The agent's clock: it goes faster than real time, and jumps where a history says so.

    Attributes:
        speed: so many times as fast.
    """

    speed = 50.0

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._passed = 1000.0

    def now(self) -> float:
        return self._passed + self.speed * (time.monotonic() - self._began)

    def passes(self, seconds: float) -> None:
        self._passed += seconds


class Application:
    """Holds connections, writes on them, and notes each one that was shut down while healthy.

    Attributes:
        held: the connections that it has, by the host and port that they came through.
        wronged: what was shut down although its server was the writer at that moment.
        shut: how many connections the agent shut down.
    """

    def __init__(self, world: Servers, clock: Time, settings: dict[str, Any]) -> None:
        self.world = world
        self.held: list[Connection] = []
        self.wronged: list[str] = []
        self.shut = 0
        self._clock = clock
        self._driver = Driver(world, clock.passes)
        resolved = Settings.resolve({"rds_api": "off", **settings}, {})
        tracer = Spans(trace.NoOpTracer())
        self.agent = Agent(resolved, tracer, instruments(metrics.NoOpMeterProvider()))
        self._plain = sockets.shut_down

    def watch(self, patched: Any) -> None:
        """Judge each shutdown at the moment that it happens."""
        patched.setattr(sockets, "shut_down", self._shut_down)
        patched.setattr(sockets, "peer", self._peer)
        patched.setattr(sockets, "accepts", self._accepts)
        patched.setattr(dns, "addresses", self._addresses)

    def _peer(self, descriptor: int) -> Address | None:
        session = self.world.sessions.get(descriptor)
        return session.peer if session else None

    def _addresses(self, name: Address) -> frozenset[str]:
        with self.world.lock:
            return self.world.addresses(*name)

    def _accepts(self, address: Address, seconds: float) -> bool:
        with self.world.lock:
            server = self.world.at(address)
            return server is not None and not (server.is_gone or server.is_frozen)

    def _shut_down(self, sock: Any, *args: Any, **how: Any) -> Any:
        with self.world.lock:
            for connection in self.held:
                if identity(connection) == sock:
                    self._judge(connection)
            return self._plain(sock, *args, **how)

    def _judge(self, connection: Connection) -> None:
        self.shut += 1
        track = track_of(connection)
        is_open = not connection.session.is_cut
        if is_open and self.world.is_wronged(connection.session, track.cluster if track else None):
            server = connection.session.server
            self.wronged.append(f"{server.name}, opened through {connection.through}")

    def connect(self, host: str, port: int, hosts: tuple[Address, ...] = ()) -> Connection | None:
        """Connect, and hold the connection; return `None` where the server cannot be reached.

        Args:
            host: where to.
            port: likewise.
            hosts: all those of the connection string, if there are several.
        """

        def open_() -> Connection:
            return Connection(self._driver.open(host, port, 1.0))

        def straight(to: Whereabouts) -> Connection:
            return Connection(self._driver.open_at(to.address, host, port, 1.0))

        def opening(connection: Connection) -> Opening:
            with self.world.lock:
                self.held.append(connection)
            return Opening(connection, Login((host, port)), open_, 0, hosts=hosts)

        attempt = Attempt(Address(host, port), open_, straight, opening)
        try:
            connection = blocking.run(self.agent.hooks.connect_steps(self._driver, attempt))
        except (FullError, LostError, TimeoutError):
            return None
        connection.through = f"{host}:{port}"
        if connection not in self.held:
            self.held.append(connection)
        return connection

    def write(self, connection: Connection) -> bool:
        """Write, as a driver's hooks see it; return whether the server took it."""
        track = getattr(connection, ATTRIBUTE, None)
        session = connection.session
        if track is not None and track.cluster.alert:
            self.agent.hooks.before_call(track)
        if session.server.is_frozen:
            return False
        failure = self._failure(session)
        if failure is None:
            return True
        if track is not None:
            self.agent.hooks.failed(track, lambda: failure)
        if failure.lost:
            self.close(connection)
        return False

    def _failure(self, session: Session) -> Failure | None:
        if session.is_cut or session.server.is_gone:
            return Failure(Symptom.CONNECTION_LOST, lost=True)
        if not session.server.accepts_writes:
            # MySQL says so by its error, PostgreSQL by a parameter that it reports.
            return Failure(Symptom.READ_ONLY, lost=False, is_of_reader=True)
        return None

    def read_only_transaction(self, connection: Connection) -> None:
        """Have the application's own read-only transaction refuse a write."""
        track = getattr(connection, ATTRIBUTE, None)
        if track is not None and not connection.session.is_cut:
            self.agent.hooks.failed(track, lambda: Failure(Symptom.READ_ONLY, lost=False))

    def close(self, connection: Connection) -> None:
        """Close it, as the application does."""
        if track := getattr(connection, ATTRIBUTE, None):
            self.agent.hooks.closed(track)
        with self.world.lock:
            connection.session.close()
            self.held.remove(connection)

    def tick(self) -> None:
        """Have the background loop go round once."""
        self.agent.use_cases.rounds.tick()

    def settle(self) -> None:
        """Wait until no refresh runs.

        Not for so many seconds: beside others on a busy machine, a process that gives way to them
        stands still for as long. Each time it looks it has run, and its other threads could.
        """
        for _ in range(LOOKS):
            if not (running := threads(REFRESH)):
                return
            time.sleep(0.0005)
        where = stacks([*running, *threads(ASK)])
        raise AssertionError(f"a refresh does not end:\n{where}")

    def stop(self) -> None:
        self.agent.stop()
        for connection in list(self.held):
            with contextlib.suppress(OSError):
                connection.session.close()
