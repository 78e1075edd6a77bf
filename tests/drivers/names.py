"""The lab's names, for drivers that cannot be told name and address apart."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

# What each name leads to; the rest is left to the system.
ADDRESSES: dict[str, str] = {}


@pytest.fixture(scope="session", autouse=True)
def _resolved() -> Iterator[None]:
    """Let Python's own resolver know the names of `ADDRESSES`. C libraries do not ask it."""
    plain = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        return plain(ADDRESSES.get(host, host), *args, **kwargs)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    patch.undo()
