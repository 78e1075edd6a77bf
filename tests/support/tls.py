"""TLS: certificates, and what speaks it in front of PostgreSQL, for the lab's is built without."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aurora_otel.lab.addresses import is_ip
from aurora_otel.lab.mysql_wire import ERROR, HEADER, OK, packet
from tests.support.wire import exactly

_SSL_REQUEST = 8  # bytes
_CLIENT_SSL = 0x0800


class Encrypted:
    """Speaks TLS with clients, and passes on what they say.

    Attributes:
        address: where it listens.
        file: its certificate, and its key.
        trust: what a client needs to trust it.
        handshakes: how many clients spoke TLS with it.

    Args:
        server: the address of the server behind it.
        directory: for the certificate.
        clients: the file of the certificate that clients have to show, if they have to.
        at: where to listen.
        names: what its certificate is for.
        like: another one, whose certificate it shows.
    """

    def __init__(  # noqa: PLR0913 - what differs between servers
        self,
        server: tuple[str, int],
        directory: Path,
        *,
        clients: Path | None = None,
        at: tuple[str, int] = ("127.0.0.1", 0),
        names: Iterable[str] = ("127.0.0.1",),
        like: Encrypted | None = None,
    ) -> None:
        self.file = like.file if like else directory / "server.pem"
        certificate = self.file.read_text() if like else write_self_signed(self.file, names)
        self.trust = ssl.create_default_context(cadata=certificate)
        self.handshakes = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.file)
        if clients is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(clients)
        self._server = server
        self._serving: list[threading.Thread] = []
        self._listener = socket.create_server(at)
        self.address: tuple[str, int] = self._listener.getsockname()

    @property
    def is_in_use(self) -> bool:
        """Whether a client is connected."""
        return any(thread.is_alive() for thread in self._serving)

    @contextlib.contextmanager
    def running(self) -> Iterator[Encrypted]:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                thread.start()
                self._serving.append(thread)

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self._server) as server:
            self._ask_for_tls(plain, server)
            with self._context.wrap_socket(plain, server_side=True) as client:
                self.handshakes += 1
                self._log_in(client, server)
                while self._pass_on(client, server):
                    pass

    def _ask_for_tls(self, plain: socket.socket, _: socket.socket) -> None:
        """Come to the point at which TLS begins."""
        plain.recv(_SSL_REQUEST, socket.MSG_WAITALL)
        plain.sendall(b"S")

    def _log_in(self, client: ssl.SSLSocket, server: socket.socket) -> None:
        """Do what has to be done to a login."""

    def _pass_on(self, client: ssl.SSLSocket, server: socket.socket) -> bool:
        readable = [client] if client.pending() else select.select([client, server], [], [])[0]
        for source in readable:
            data = source.recv(65536)
            if not data:
                return False
            if source is client:
                server.sendall(self._requested(data, client))
            else:
                client.sendall(data)
        return True

    def _requested(self, data: bytes, _: ssl.SSLSocket) -> bytes:
        """Return what the server gets in place of what a client said."""
        return data


class EncryptedMySQL(Encrypted):
    """As `Encrypted`, for MySQL: the server gets no request for TLS, and counts one packet less."""

    def _ask_for_tls(self, plain: socket.socket, server: socket.socket) -> None:
        _await_answer(server, plain)
        _, greeting = _packet(server)
        # The version ends with a zero byte; then number, salt and filler of the session.
        flags = greeting.index(0, 1) + 1 + 4 + 8 + 1
        offered = int.from_bytes(greeting[flags : flags + 2], "little") | _CLIENT_SSL
        greeting = greeting[:flags] + offered.to_bytes(2, "little") + greeting[flags + 2 :]
        plain.sendall(packet(0, greeting))
        _packet(plain)

    def _log_in(self, client: ssl.SSLSocket, server: socket.socket) -> None:
        sequence, login = _packet(client)
        wanted = int.from_bytes(login[:4], "little") & ~_CLIENT_SSL
        server.sendall(packet(sequence - 1, wanted.to_bytes(4, "little") + login[4:]))
        while True:
            _await_answer(server, client)
            sequence, answer = _packet(server)
            client.sendall(packet(sequence + 1, answer))
            if answer[0] in (OK, ERROR):
                return
            sequence, more = _packet(client)
            server.sendall(packet(sequence - 1, more))


def _await_answer(server: socket.socket, client: socket.socket) -> None:
    """Wait for what the server says: a frozen one says nothing for as long as the client is there.

    The client waits for it, too: where that is readable, it has gone.
    """
    readable, _, _ = select.select([server, client], [], [])
    if server not in readable:
        raise ConnectionAbortedError


def _packet(sock: socket.socket) -> tuple[int, bytes]:
    """Read a packet of MySQL's: its sequence number and its payload."""
    header = exactly(sock, HEADER)
    return header[3], exactly(sock, int.from_bytes(header[:3], "little"))


def write_self_signed(file: Path, hosts: Iterable[str] = ("127.0.0.1",)) -> str:
    """Write a certificate for `hosts` and its key into `file`; return the certificate."""
    certificate, key = self_signed(hosts)
    file.touch(mode=0o600)
    file.write_text(certificate + key)
    return certificate


def self_signed(hosts: Iterable[str] = ("127.0.0.1",)) -> tuple[str, str]:
    """Return a certificate for a server at any of `hosts`, names or IP addresses, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = dt.datetime.now(dt.timezone.utc)
    names = [
        x509.IPAddress(ipaddress.ip_address(host)) if is_ip(host) else x509.DNSName(host)
        for host in hosts
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )
