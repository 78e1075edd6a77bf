"""What the cluster needs from one database server, whatever its engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aurora_otel.lab.membership import Member


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in: the application, and the lab itself."""

    user: str
    password: str
    database: str
    administrator_password: str


class Server(Protocol):
    """One instance. All calls block, for seconds at most, and raise `LabError` when they fail."""

    identifier: str
    address: tuple[str, int]

    def create(self) -> None:
        """Make a new, empty writer with its accounts, and starts it."""

    def clone(self, source: Server) -> None:
        """Become a replica of `source`, with its data, and start."""

    def follow(self, source: Server) -> None:
        """Replicate from `source` from now on; sessions stay."""

    def follows(self, source: Server) -> bool:
        """Return whether it replicates from `source` right now."""

    def position(self) -> str:
        """Return how far a writer has written, in the engine's own terms."""

    def has_reached(self, position: str) -> bool:
        """Return whether a replica has all that was written up to a writer's position."""

    def promote(self) -> None:
        """Become a writer; return when it accepts writes."""

    def demote(self) -> None:
        """Refuse writes and say that it is a reader, in sessions old and new; they stay."""

    def forbid_writes(self) -> None:
        """Refuse writes by its own setting, and say that it is no reader; sessions stay."""

    def allow_writes(self) -> None:
        """Accept writes again; sessions stay."""

    def kill(self) -> None:
        """End it like a power cut: no farewell on any connection."""

    def shut_down(self) -> None:
        """End it in order: sessions are notified."""

    def freeze(self) -> None:
        """Stop every process of it; the kernel goes on accepting connections."""

    def thaw(self) -> None:
        """Have it go on after `freeze`."""

    def running(self) -> bool:
        """Return whether its process is there, frozen or not."""

    def show(self, rows: Iterable[Member]) -> None:
        """Show these rows as its view of the topology from now on."""

    def sessions(self, application_name: str | None = None) -> int:
        """Count the application's sessions on it."""

    def execute(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator, on a session of its own."""
