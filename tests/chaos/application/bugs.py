"""Planted bugs, one for each invariant: chaos must find them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aurora_otel.discovery.kept import KeptConnections
from aurora_otel.discovery.walk import Walk
from aurora_otel.drivers.connects import Opening
from aurora_otel.drivers.protocol import Driver
from aurora_otel.hooks.agent_hooks import AgentHooks
from aurora_otel.hooks.identification import Identity
from aurora_otel.hooks.misrouting import Misrouting
from aurora_otel.hooks.new_connection import NewConnection
from aurora_otel.hooks.opening import Openings
from aurora_otel.model.former_writers import FormerWriters
from aurora_otel.runtime.effects import Steps
from aurora_otel.tracking.routes import Routes
from aurora_otel.tracking.track import State, Track
from aurora_otel.tracking.tracker import Tracker


def _let_writes_through() -> None:
    """Change a setting of the application's session."""
    receive = Openings.receive
    statement = "SELECT set_config('default_transaction_read_only', 'off', false)"

    def meddling(self: Openings, driver: Driver, opening: Opening, *others: Any) -> Steps[Any]:
        connection = yield from receive(self, driver, opening, *others)
        driver.ask(connection, statement, 1.0)
        return connection

    Openings.receive = meddling


def _believe_names() -> None:
    """Hand over what a name leads to, whatever is known."""

    def believing(self: Misrouting, new: NewConnection, identity: Identity) -> Steps[Identity]:
        del self, new
        yield from ()
        return identity

    Misrouting.reroute = believing
    Routes.to = lambda *_: None


def _close_readers() -> None:
    """Forget what the connection was opened through."""
    FormerWriters._is_stale = lambda *_, **__: True


def _lose_a_close() -> None:
    """Drop what was closed without counting it."""
    reconcile = Tracker._reconcile

    def losing(self: Tracker, track: Track) -> None:
        was = track.state
        reconcile(self, track)
        if track.state is State.CLOSED is not was:
            self.books[track.group].closes -= 1

    Tracker._reconcile = losing


def _let_an_exception_out() -> None:
    """Fail outside the shield."""

    def failing(self: AgentHooks, *_: Any) -> None:
        raise RuntimeError("an exception of the agent")

    AgentHooks.failed = failing


def _leak_a_monitoring_connection() -> None:
    """Keep what should be closed."""
    kept: list[Any] = []

    def keeping(self: Walk) -> None:
        kept.append(self._kept)
        self._kept = KeptConnections()

    Walk.close = keeping


BUGS: dict[str, Callable[[], None]] = {
    "let writes through": _let_writes_through,
    "close readers": _close_readers,
    "believe names": _believe_names,
    "lose a close": _lose_a_close,
    "let an exception out": _let_an_exception_out,
    "leak a monitoring connection": _leak_a_monitoring_connection,
}
