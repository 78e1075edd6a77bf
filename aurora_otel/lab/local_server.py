"""What the lab's servers have in common, whatever their engine: a process and its files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from aurora_otel.lab import connections
from aurora_otel.lab.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    from aurora_otel.lab.installation import Installation
    from aurora_otel.lab.server import Credentials

ADMINISTRATOR = "rdsadmin"


class LocalServer(ABC):
    """One server in the lab's directory; what is missing to a `Server` is its engine's.

    Args:
        identifier: the instance's name.
        address: IP address and port to listen on.
        directory: the lab's directory; the data lie in `<directory>/<identifier>`.
        installation: the programs.
        credentials: the accounts to create.
    """

    def __init__(
        self,
        identifier: str,
        address: tuple[str, int],
        directory: Path,
        installation: Installation,
        credentials: Credentials,
    ) -> None:
        self.identifier = identifier
        self.address = address
        self._data = directory / identifier
        self._daemon = Daemon(identifier, directory, installation)
        self._view = directory / f"{identifier}.view"
        self._directory = directory
        self._installation = installation
        self._credentials = credentials

    def kill(self) -> None:
        """End it like a power cut: no farewell on any connection."""
        self._daemon.kill()

    def freeze(self) -> None:
        """Stop every process of it; the kernel goes on accepting connections."""
        self._daemon.freeze()

    def thaw(self) -> None:
        """Have it go on after `freeze`."""
        self._daemon.thaw()

    def running(self) -> bool:
        """Return whether its process is there, frozen or not."""
        return self._daemon.running()

    def sessions(self, application_name: str | None = None) -> int:
        """Count the application's sessions on it."""
        if not self.running():
            return 0
        if self._daemon.frozen():
            return connections.established(self.address)
        return self._count_sessions(application_name)

    @abstractmethod
    def _count_sessions(self, application_name: str | None) -> int:
        """Ask the server, which answers."""
