"""Tests of the pure core: no server, no network, no waiting."""

import socket

import pytest


@pytest.fixture
def pair():
    """The client's socket, and the server's."""
    client, server = socket.socketpair()
    with client, server:
        yield client, server


@pytest.fixture
def tcp():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with client, server:
            yield client, server
