"""Which hosts lead straight to servers that are called by their own addresses.

What such hosts lead to shares one scope: an address means the same server behind each of them.
"""

from __future__ import annotations

from aurora_otel.model.endpoints import Address

# The scope of instances that are called by the addresses at which they were reached.
DIRECT = "addresses"
# So many hosts are remembered.
_MOST = 1024


class DirectHosts:
    """The hosts that lead straight there. Each step is one atomic operation on a dict."""

    def __init__(self) -> None:
        self._hosts: dict[Address, None] = {}

    def __contains__(self, host: object) -> bool:
        """Return whether `host` is known to lead straight there."""
        return host in self._hosts

    def note(self, host: Address, *, is_direct: bool) -> None:
        """Take note of whether a host leads straight to servers that are called by their addresses.

        Args:
            host: the host.
            is_direct: whether a server was reached there at the address that it is called by.
        """
        if not is_direct:
            self._hosts.pop(host, None)
        elif len(self._hosts) < _MOST:
            self._hosts.setdefault(host)
