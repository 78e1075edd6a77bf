"""A driver whose connections are sockets and nothing else, to see our own cost alone."""

from __future__ import annotations

import socket
import time
from typing import Any

from opentelemetry.context import Context

from aurora_otel import AuroraInstrumentor
from aurora_otel.agent import Agent
from aurora_otel.drivers.connects import Login, Opening
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.instrumentor import running_agent
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Reading, Source, Verdict
from aurora_otel.monitoring.requests import Trigger
from aurora_otel.tracking.track import Track

DOMAIN = "c0ffee123456.eu-west-1.rds.amazonaws.com"
PORT = 5432


class Connection:
    """A connection to an instance; the socket is optional."""

    def __init__(self, instance: str, sock: socket.socket | None = None) -> None:
        self.instance = instance
        self.socket = sock

    def call(self) -> None:
        """Do nothing."""


class Driver:
    """The `Driver` of these connections. They answer no question."""

    name = "null"
    system = "postgresql"

    def address(self, connection: Connection) -> Address:
        """Return the instance's endpoint."""
        return Address(f"{connection.instance}.{DOMAIN}", PORT)

    def fileno(self, connection: Connection) -> int:
        """Return the socket's descriptor."""
        return connection.socket.fileno() if connection.socket else -1

    def accepts_questions(self, _: Connection, __: Login) -> bool:
        """They are never asked."""
        return False

    def is_idle(self, _: Connection) -> bool:
        """They run no statement."""
        return True

    def is_closed(self, _: Connection) -> bool:
        """They stay open."""
        return False

    def password(self, _: Login) -> str:
        """They log in without one."""
        return ""

    def with_password(self, login: Login, _: str) -> Login:
        """They log in without one."""
        return login

    def mark(self, connection: Connection, track: Track) -> None:
        """Set the attribute."""
        setattr(connection, ATTRIBUTE, track)


DRIVER: Any = Driver()


def start(**settings: Any) -> Agent:
    """Start the agent and return it."""
    AuroraInstrumentor().instrument(**settings)
    agent = running_agent()
    if agent is None:
        raise RuntimeError("the agent does not run")
    return agent


def track(agent: Agent, connection: Connection) -> Connection:
    """Have `agent` track a connection, as the hook of a driver does."""
    opening = Opening(connection, Login(""), lambda: connection, 0)
    tracked: Connection = agent.hooks.opened(DRIVER, opening)
    return tracked


def judge(connection: Connection, writer: str, instances: tuple[str, ...]) -> None:
    """Give the agent a confirmed reading of the writer of `connection`'s cluster."""
    cluster = getattr(connection, ATTRIBUTE).cluster
    now = time.monotonic()
    verdict = Verdict(writer, instances, now)
    reading = Reading(Source.SQL, now, writer, instances, verdict)
    cluster.monitor.refresh.act(Trigger(Context()), reading, now)
