"""What stands before a database with IAM authentication: a login by token, and by nothing else.

PostgreSQL itself knows no such login, so each gateway is a real TCP server that speaks its protocol
up to the end of the login: it asks for the password in clear text, as RDS does, checks that it is a
token signed for its own name, logs in to the lab's server behind it and then only passes bytes on.
It listens on a port of its own, as the end of a tunnel does.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets
import socket
import socketserver
import struct
import threading
from urllib.parse import parse_qs, urlsplit

from aurora_otel.lab import Cluster
from tests.support.rds_api import REGION
from tests.support.wire import exactly

_START_UP = 196608
_CLEAR_TEXT = struct.pack("!ciI", b"R", 8, 3)


class RefusedError(Exception):
    """A login that is refused."""


class Gateways:
    """A gateway for the writer endpoint, and one for each instance.

    Attributes:
        tokens: those that were accepted, with the name of the gateway, the oldest first.
        expired: those that are accepted no more.
    """

    def __init__(self, cluster: Cluster, secret_key: str) -> None:
        self.cluster = cluster
        self.secret_key = secret_key
        self.tokens: list[tuple[str, str]] = []
        self.expired: set[str] = set()
        self._servers = {target: _Server(self, target) for target in ("writer", *cluster.instances)}

    def __enter__(self) -> Gateways:
        for server in self._servers.values():
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def address(self, target: str) -> tuple[str, int]:
        """Return the address of a gateway."""
        return self._servers[target].server_address

    def dsn(self, token: str) -> str:
        """Return how an application connects through the writer endpoint's gateway."""
        host, port = self.address("writer")
        return self.cluster.dsn("writer", hostaddr=host, port=port, password=token)

    def instance_endpoints(self) -> str:
        """Return the setting that leads to the instances' gateways."""
        places = ((item, *self.address(item)) for item in self.cluster.instances)
        return ",".join(f"{item}={host}:{port}" for item, host, port in places)

    def expire(self) -> None:
        """Refuse every token that was used so far from now on."""
        self.expired.update(token for _, token in self.tokens)

    def check(self, target: str, token: str) -> None:
        """Accept a token, or raise."""
        url = urlsplit(f"//{token}")
        query = parse_qs(url.query)
        own = f"{self.cluster.host(target)}:{self.cluster.address('writer')[1]}"
        genuine = hmac.compare_digest(query.get("X-Amz-Signature", [""])[0], self._sign(url))
        if url.netloc != own or token in self.expired or not genuine:
            raise RefusedError
        if query["DBUser"] != [self.cluster.user] or query["Action"] != ["connect"]:
            raise RefusedError
        self.tokens.append((target, token))

    def _sign(self, url) -> str:
        """Return the signature that a presigned URL has to have (AWS's Signature Version 4)."""
        signed = [part for part in url.query.split("&") if not part.startswith("X-Amz-Signature=")]
        request = "\n".join(
            ["GET", "/", "&".join(sorted(signed)), f"host:{url.netloc}", "", "host", _hash(b"")]
        )
        (moment,) = parse_qs(url.query).get("X-Amz-Date", ["none"])
        scope = [moment[:8], REGION, "rds-db", "aws4_request"]
        key = b"AWS4" + self.secret_key.encode()
        for part in scope:
            key = _mac(key, part.encode())
        text = "\n".join(["AWS4-HMAC-SHA256", moment, "/".join(scope), _hash(request.encode())])
        return _mac(key, text.encode()).hex()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, gateways: Gateways, target: str) -> None:
        self.gateways = gateways
        self.target = target
        super().__init__(("127.0.0.1", 0), _Login)


class _Login(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        client, gateways = self.request, self.server.gateways
        with contextlib.suppress(OSError, ConnectionError, struct.error):
            start = self._start_up()
            client.sendall(_CLEAR_TEXT)
            _, password = _message(client)
            try:
                gateways.check(self.server.target, password.rstrip(b"\0").decode())
            except RefusedError:
                refusal = b"SFATAL\0VFATAL\0C28P01\0MPAM authentication failed\0\0"
                client.sendall(b"E" + struct.pack("!i", len(refusal) + 4) + refusal)
                return
            with socket.create_connection(gateways.cluster.address(self.server.target)) as behind:
                behind.sendall(start)
                _log_in(behind, gateways.cluster.password)
                client.sendall(struct.pack("!ciI", b"R", 8, 0))
                back = threading.Thread(target=_copy, args=(behind, client), daemon=True)
                back.start()
                _copy(client, behind)
                back.join()

    def _start_up(self) -> bytes:
        while True:
            head = exactly(self.request, 8)
            length, code = struct.unpack("!iI", head)
            if code == _START_UP:
                return head + exactly(self.request, length - 8)
            self.request.sendall(b"N")  # neither TLS nor GSSAPI


def _log_in(behind: socket.socket, password: str) -> None:
    """Go through SCRAM-SHA-256 as a client (RFC 5802 and RFC 7677)."""
    _message(behind)
    bare = f"n=,r={secrets.token_hex(12)}"
    first = f"n,,{bare}".encode()
    body = b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first
    behind.sendall(b"p" + struct.pack("!i", len(body) + 4) + body)
    answer = _message(behind)[1][4:].decode()
    nonce, salt, rounds = (part.partition("=")[2] for part in answer.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    key = _mac(salted, b"Client Key")
    final = f"c=biws,r={nonce}"
    signature = _mac(hashlib.sha256(key).digest(), f"{bare},{answer},{final}".encode())
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    body = f"{final},p={base64.b64encode(proof).decode()}".encode()
    behind.sendall(b"p" + struct.pack("!i", len(body) + 4) + body)
    _message(behind)  # the server's own proof
    _message(behind)  # AuthenticationOk


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _message(sock: socket.socket) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!ci", exactly(sock, 5))
    return kind, exactly(sock, length - 4)


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
