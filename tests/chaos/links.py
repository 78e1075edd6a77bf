"""Links of the gateway that are hung, cut, slow or silent, each for a time of its own."""

from __future__ import annotations

from collections.abc import Callable

from aurora_otel.lab import Gateway


class Links:
    """The gateway lifts all its rules at once: the others are made again.

    Args:
        gateway: the cluster's.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._rules: list[Callable[[], None]] = []

    def disturb(self, rule: Callable[[Gateway], None]) -> Callable[[], None]:
        """Make a rule; return what lifts it."""

        def make() -> None:
            rule(self._gateway)

        def lift() -> None:
            self._rules.remove(make)
            self._gateway.restore()
            for other in self._rules:
                other()

        self._rules.append(make)
        make()
        return lift
