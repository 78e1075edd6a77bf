"""Connections of the agent's own that stay open between two questions."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from aurora_otel.drivers.protocol import Monitor


class Kept(NamedTuple):
    """An open connection of the agent's own that is not in use.

    Attributes:
        instance: what answered at its other end last.
        connection: the connection.
        is_own: whether it was opened where that instance is reached by its own name.
    """

    instance: str
    connection: Monitor
    is_own: bool


class KeptConnections:
    """Those of one cluster; used by one thread at a time, `abort` apart."""

    def __init__(self) -> None:
        # The latest last.
        self._idle: list[Kept] = []

    def __len__(self) -> int:
        return len(self._idle)

    @property
    def latest(self) -> str | None:
        """The instance that answered last, of those to which one is open."""
        return self._idle[-1].instance if self._idle else None

    def add(self, kept: Kept) -> None:
        """Keep one that has just answered."""
        self._idle.append(kept)

    def take(self, instance: str | None) -> Kept | None:
        """Return the one to `instance`, to be used; `None`: there is none."""
        for each in self._idle:
            if each.instance == instance:
                self._idle.remove(each)
                return each
        return None

    def close_one(self, *, rather_than: str | None) -> str:
        """Close one to another instance than `rather_than`, if there is one such.

        Returns:
            the instance to which it was open.

        Raises:
            IndexError: there is none at all.
        """
        others = [each for each in self._idle if each.instance != rather_than]
        closed = (others or self._idle)[0]
        self._idle.remove(closed)
        _close(closed)
        return closed.instance

    def keep_one(self, instance: str | None, *, rather_than: str | None) -> None:
        """Close all but one: the one to `instance`, else the one that answered last.

        Args:
            instance: whose connection is wanted.
            rather_than: the instance whose connection is wanted least.
        """
        best = [each for each in self._idle if each.instance == instance]
        others = [each for each in self._idle if each.instance != rather_than]
        kept = (best or others or self._idle)[-1:]
        for each in self._idle:
            if each not in kept:
                _close(each)
        self._idle = kept

    def close(self) -> None:
        """Close all."""
        while self._idle:
            _close(self._idle.pop())

    def abort(self) -> None:
        """Have whatever waits for one of them fail at once; from any thread."""
        for each in list(self._idle):
            with contextlib.suppress(Exception):
                each.connection.abort()


def _close(kept: Kept) -> None:
    # It is gone for the agent, whatever its driver says.
    with contextlib.suppress(Exception):
        kept.connection.close()
