"""A made-up asyncio driver, and the instances that it talks to: lines of JSON on real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aurora_otel.discovery import SYSTEMS
from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.drivers.connects import Login, LoginFailure, Opening
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure, Rows
from aurora_otel.hooks.agent_hooks import AgentHooks
from aurora_otel.model.endpoints import Address
from aurora_otel.model.symptoms import Symptom
from aurora_otel.runtime import coroutines, sockets
from aurora_otel.tracking.track import Track
from tests.support import probes

PROBE = SYSTEMS["postgresql"].probe
QUESTION = AuroraPostgreSQL().question(view=True)


class ToyError(Exception):
    """What the driver raises: READ_ONLY, or LOST."""


class Fleet:
    """Instances on threads of their own.

    Attributes:
        writer: the instance that accepts writes.
        answering: instances answer what the agent asks while this is set.
        asked: by instance, how often the agent asked.
    """

    def __init__(self, *names: str) -> None:
        self.writer = names[0]
        self.answering = threading.Event()
        self.answering.set()
        self.asked = dict.fromkeys(names, 0)
        self.sessions = 0
        self._listeners = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
        for name in names:
            threading.Thread(target=self._accept, args=(name,), daemon=True).start()

    def port(self, name: str) -> int:
        return int(self._listeners[name].getsockname()[1])

    @property
    def instance_endpoints(self) -> str:
        return ",".join(f"{name}=127.0.0.1:{self.port(name)}" for name in self._listeners)

    def close(self) -> None:
        self.answering.set()
        for listener in self._listeners.values():
            # Wakes the thread that accepts.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, name: str) -> None:
        while True:
            try:
                link, _ = self._listeners[name].accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(name, link), daemon=True).start()

    def _serve(self, name: str, link: socket.socket) -> None:
        session = str(link.fileno())
        self.sessions += 1
        try:
            with link, link.makefile("rw") as lines:
                for line in lines:
                    lines.write(json.dumps(self._answer(name, session, json.loads(line))) + "\n")
                    lines.flush()
        except OSError:
            pass
        finally:
            self.sessions -= 1

    def _answer(self, name: str, session: str, statement: str) -> Any:
        if statement == "LOGIN":
            return session
        if statement in (PROBE, QUESTION):
            self.asked[name] += 1
            self.answering.wait()
        if statement == PROBE:
            return [probes.of_aurora(session)]
        if statement == QUESTION:
            role = "false" if name == self.writer else "true"
            me = [name, role, session]
            return [
                [*me, each, "MASTER_SESSION_ID" if each == self.writer else each, "0"]
                for each in self._listeners
            ]
        if statement == "WRITE" and name != self.writer:
            return "READ_ONLY"
        return []


@contextmanager
def fleet(*names: str) -> Iterator[Fleet]:
    made = Fleet(*names)
    try:
        yield made
    finally:
        made.close()


class Connection:
    """A connection of the driver."""

    def __init__(self, hooks: AgentHooks, address: Address) -> None:
        self.hooks = hooks
        self.address = address
        self.session: str | None = None
        self.reader: Any = None
        self.writer: Any = None

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(*self.address)
        self.session = await self.round_trip("LOGIN")

    async def round_trip(self, statement: str) -> Any:
        self.writer.write(json.dumps(statement).encode() + b"\n")
        if not (line := await self.reader.readline()):
            raise ToyError("LOST")
        return json.loads(line)

    async def accepted(self, statement: str) -> Any:
        answer = await self.round_trip(statement)
        if answer == "READ_ONLY":
            raise ToyError(answer)
        return answer

    async def execute(self, statement: str) -> Any:
        """Run a statement, as a watched call of any driver does."""
        track: Track = getattr(self, ATTRIBUTE)
        if track.cluster.alert:
            await coroutines.run(self.hooks.before_call_steps(track))
        try:
            answer = await self.accepted(statement)
        except ToyError as error:
            lost = str(error) == "LOST"
            symptom = Symptom.CONNECTION_LOST if lost else Symptom.READ_ONLY
            await coroutines.run(self.hooks.failed_steps(track, lambda: Failure(symptom, lost)))
            raise
        return answer

    async def check_out(self) -> bool:
        """Return whether a pool may hand it out."""
        return await self.hooks.is_usable_on_loop(self)

    def close(self) -> None:
        self.hooks.closed(getattr(self, ATTRIBUTE))
        self.writer.close()


async def connect(hooks: AgentHooks, address: Address) -> Connection:
    """Connect, as the driver's patched `connect` does."""

    async def open_one() -> Connection:
        made = Connection(hooks, address)
        await made.open()
        return made

    opening = Opening(await open_one(), Login(address), open_one, 0)
    connection: Connection = await coroutines.run(hooks.opened_steps(DRIVER, opening))
    return connection


class Driver:
    """The `Driver`, whose `ask` is a coroutine function."""

    name = "toy"
    system = "postgresql"
    postpones_answers = False

    def address(self, connection: Connection) -> Address:
        return connection.address

    def backend_id(self, connection: Connection) -> str | None:
        return connection.session

    def fileno(self, connection: Connection) -> int:
        return int(connection.writer.get_extra_info("socket").fileno())

    def accepts_questions(self, *_: Any) -> bool:
        return True

    def is_idle(self, _: Any) -> bool:
        return True

    async def ask(self, connection: Connection, statement: str, timeout: float) -> Rows:
        # No cancellation: so an application's own differs from the end of the time.
        sock = sockets.identify(self.fileno(connection))
        timer = asyncio.get_running_loop().call_later(timeout, sockets.shut_down, sock)
        try:
            rows: Rows = await connection.round_trip(statement)
        finally:
            timer.cancel()
        return rows

    def is_closed(self, connection: Connection) -> bool:
        return bool(connection.writer.is_closing())

    def discard(self, connection: Connection) -> None:
        connection.writer.transport.abort()

    def mark(self, connection: Connection, track: Track) -> None:
        setattr(connection, ATTRIBUTE, track)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        return Monitor(address or login.parameters, timeout)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        del error
        return None

    def password(self, login: Login) -> str | None:
        del login
        return None

    def with_password(self, login: Login, password: str) -> Login:
        del password
        return login


class Monitor:
    """A connection of the agent's own, on its thread."""

    def __init__(self, address: Address, timeout: float) -> None:
        self._socket = socket.create_connection(address, timeout)
        self._lines = self._socket.makefile("rw")

    @property
    def peer(self) -> Address | None:
        return sockets.peer(self._socket.fileno())

    def ask(self, statement: str, timeout: float) -> Rows:
        self._socket.settimeout(timeout)
        self._lines.write(json.dumps(statement) + "\n")
        self._lines.flush()
        if not (line := self._lines.readline()):
            raise ToyError("LOST")
        rows: Rows = json.loads(line)
        return rows

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def abort(self) -> None:
        sockets.shut_down(sockets.identify(self._socket.fileno()))


DRIVER: Any = Driver()
