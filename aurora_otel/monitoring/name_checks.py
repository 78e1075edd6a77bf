"""Lookups of names, off the application's threads."""

from __future__ import annotations

import _thread
import contextlib
from collections.abc import Callable

from aurora_otel.discovery import dns
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import lead_to
from aurora_otel.runtime.gate import Gate
from aurora_otel.tracking.routes import Routes


class NameCheck:
    """The lookup of one name, once, on a thread; nothing waits for it.

    Attributes:
        ended: opened when the lookup has ended.
        is_over: whether it has.

    Args:
        name: the name.
        then: called on the thread with the addresses that were found; empty without any.
    """

    def __init__(
        self, name: Address, then: Callable[[frozenset[str]], None] = lambda _: None
    ) -> None:
        self.ended = Gate()
        self.is_over = False
        self._found: frozenset[str] | None = None
        self._name = name
        self._then = then
        try:
            # Not `Thread.start`, which waits.
            _thread.start_new_thread(self._look_up, ())
        except RuntimeError:
            # The interpreter is shutting down.
            self._end()

    @property
    def found(self) -> frozenset[str]:
        """The addresses that the name leads to; empty without any, or while they are looked up."""
        return self._found or frozenset()

    def leads_to(self, address: Address) -> bool:
        """Return whether the name leads to `address`, or may: its lookup has not ended."""
        return self._found is None or lead_to(self._found, address)

    def _look_up(self) -> None:
        try:
            self._found = dns.addresses(self._name)
            self._then(self._found)
        finally:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        self.ended.open()


class NameChecks:
    """The lookups of names by which connects go straight to the writer, until they lead there.

    Args:
        routes: the routes.
        clock: the monotonic clock.
    """

    def __init__(self, routes: Routes, clock: Callable[[], float]) -> None:
        self._routes = routes
        self._clock = clock
        # A resolver that gives no answer holds up no more than one thread for a name.
        self._under_way: dict[Address, NameCheck] = {}

    def begin_due(self) -> None:
        """Begin the lookups that are due; on the background loop's thread."""
        for name in self._routes.due(self._clock()):
            before = self._under_way.get(name)
            if before is None or before.is_over:
                self._begin(name)
        for name, check in list(self._under_way.items()):
            if check.is_over:
                del self._under_way[name]

    def _begin(self, name: Address) -> None:
        asked_at = self._clock()

        def then(addresses: frozenset[str]) -> None:
            with contextlib.suppress(Exception):
                self._routes.looked_up(name, addresses, asked_at)

        self._under_way[name] = NameCheck(name, then)
