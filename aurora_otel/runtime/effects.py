"""What the agent's hooks wait for, as values.

What happens to a connection is written as generators (`Steps`): they yield an effect, a runner
carries it out and sends its outcome in. `blocking.run` does that in the calling thread,
`coroutines.run` on an event loop; the steps are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from aurora_otel.runtime.gate import Gate

T = TypeVar("T")


class Ask(NamedTuple):
    """Ask the server of a connection: its outcome is the rows.

    Attributes:
        ask: the driver's way to do so; a coroutine function, where the driver is for an event loop.
        connection: the connection.
        statement: what to run.
        timeout: seconds.
    """

    ask: Callable[[Any, str, float], Any]
    connection: Any
    statement: str
    timeout: float

    def __repr__(self) -> str:
        return "<Ask>"  # the connection may show how it was opened


class Reconnect(NamedTuple):
    """Connect again as the application did: its outcome is the connection.

    Attributes:
        connect: does it; a coroutine function, where the driver is for an event loop.
    """

    connect: Callable[[], Any]

    def __repr__(self) -> str:
        return "<Reconnect>"  # `connect` may show the application's arguments


class Pause(NamedTuple):
    """Wait for some seconds."""

    seconds: float


class Wait(NamedTuple):
    """Wait until a gate is open, for some seconds at most: its outcome is whether it is."""

    gate: Gate
    seconds: float


Effect = Ask | Reconnect | Pause | Wait
Steps = Generator[Effect, Any, T]
