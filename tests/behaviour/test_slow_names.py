"""A slow name server delays nothing but the refresh that needs it."""

from __future__ import annotations

import socket
import threading

import pytest

from aurora_otel.drivers import REGISTRY
from aurora_otel.drivers.connects import Login
from aurora_otel.model.endpoints import Address


@pytest.mark.parametrize("place", [Address("slow.example.com", 5432), None])
def test_our_own_connections_resolve_names_where_other_threads_can_run(driver, place, monkeypatch):
    """libpq resolves inside a call for which the drivers do not let other threads run."""
    resolved = []

    def slow(host, *_, **__):
        resolved.append((host, threading.current_thread()))
        raise socket.gaierror(socket.EAI_AGAIN, "temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    adapter = next(each for each in REGISTRY if each.name == driver).load()
    with pytest.raises(socket.gaierror):
        adapter.monitor(Login("host=slow.example.com user=app"), place, 1.0)
    assert resolved == [("slow.example.com", threading.current_thread())]
