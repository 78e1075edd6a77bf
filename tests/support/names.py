"""The lab's names, for drivers that do not accept name and address separately."""

from __future__ import annotations

import socket

import pytest

# What each name leads to; the rest is left to the system.
ADDRESSES: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python's own resolver know the names of `ADDRESSES`. C libraries do not ask it."""
    plain = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        return plain(ADDRESSES.get(host, host), *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
