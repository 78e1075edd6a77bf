"""Hooks by which every connect goes straight to a server, whatever host is given."""

from __future__ import annotations

import functools

from aurora_otel.runtime.effects import Reconnect


class Straight:
    """The hooks.

    Attributes:
        opening: what the last connect came to.
        shown: the address that its connection shows.

    Args:
        to: where to, as `Whereabouts`.
    """

    def __init__(self, to):
        self.to = to

    def connect_steps(self, driver, attempt):
        connection = yield Reconnect(functools.partial(attempt.straight, self.to))
        self.opening = attempt.opening(connection)
        self.shown = driver.address(connection)
        return connection

    def goes_straight(self, _):
        return True

    def guarded(self, question, *args):
        return question(*args)
