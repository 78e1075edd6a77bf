"""A server whose answers to the agent's statements never end: `python -m tests.support.hostile`.

It speaks enough of PostgreSQL's and MySQL's protocols to log any driver in, and answers most
statements with a row. One with `aurora` in it gets an answer for as long as the client reads: of
many small rows, or, where the statement says `row` or `columns`, of a single row, or of columns.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
from itertools import count

from aurora_otel.lab.mysql_wire import LARGEST, packet

_PIECE = 1 << 18
_MYSQL_TEXT, _MYSQL_UTF8 = 0xFD, 33
# Protocol 4.1, long password, databases, transactions, plugins of authentication.
_CAPABILITIES = 0x00088FF7 & ~0x0820 | 0x8000 | 0x2000 | 0x8


class _Client:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb")

    def read(self, size: int) -> bytes:
        if len(data := self._file.read(size)) < size:
            raise ConnectionError
        return data

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def send_without_end(self, piece: bytes) -> None:
        many = piece * max(1, _PIECE // len(piece))
        while True:
            self._sock.sendall(many)


def _message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _described(names: str) -> bytes:
    columns = (n.encode() + b"\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0) for n in names)
    return struct.pack("!h", len(names)) + b"".join(columns)


def _row(*values: bytes) -> bytes:
    fields = (struct.pack("!i", len(value)) + value for value in values)
    return _message(b"D", struct.pack("!h", len(values)) + b"".join(fields))


def _postgresql(client: _Client) -> None:
    while True:
        body = client.read(struct.unpack("!i", client.read(4))[0] - 4)
        if struct.unpack("!i", body[:4])[0] == 196608:
            break
        client.send(b"N")
    reported = {b"server_version": b"16.6", b"client_encoding": b"UTF8", b"DateStyle": b"ISO, MDY"}
    reported |= {
        b"standard_conforming_strings": b"on",
        b"integer_datetimes": b"on",
        b"TimeZone": b"UTC",
    }
    parameters = (_message(b"S", name + b"\0" + value + b"\0") for name, value in reported.items())
    ready = _message(b"Z", b"I")
    client.send(
        _message(b"R", struct.pack("!i", 0))
        + b"".join(parameters)
        + _message(b"K", struct.pack("!ii", 4711, 7))
        + ready
    )
    asked = b""
    while True:
        kind = client.read(1)
        body = client.read(struct.unpack("!i", client.read(4))[0] - 4)
        if kind == b"X":
            return
        if kind == b"P":
            asked = body
        if kind in _EXTENDED:
            _extended(client, kind, asked)
        if kind == b"S":
            client.send(ready)
        if kind == b"Q" and b"aurora" in body:
            _postgresql_without_end(client, body)
        if kind == b"Q":
            row = _message(b"T", _described("x")) + _row(b"1")
            client.send(row + _message(b"C", b"SELECT 1\0") + ready)


# Parse, Describe, Bind, Execute: what is asked is described first, and executed later.
_EXTENDED = (b"P", b"D", b"B", b"E")


def _extended(client: _Client, kind: bytes, asked: bytes) -> None:
    is_endless = b"aurora" in asked
    if kind == b"D" and b"columns" in asked:
        _postgresql_without_end(client, asked)
    if kind == b"E" and is_endless:
        _rows_without_end(client, asked)
    described = _message(b"T", _described("abc" if is_endless else "x"))
    answers = {
        b"P": _message(b"1"),
        b"D": _message(b"t", b"\0\0") + described,
        b"B": _message(b"2"),
        b"E": _row(b"1") + _message(b"C", b"SELECT 1\0"),
    }
    client.send(answers[kind])


def _postgresql_without_end(client: _Client, statement: bytes) -> None:
    if b"columns" in statement:
        client.send(b"T" + struct.pack("!ih", 1 << 30, 32000))
        client.send_without_end(_described("x")[2:])
    client.send(_message(b"T", _described("abc")))
    _rows_without_end(client, statement)


def _rows_without_end(client: _Client, statement: bytes) -> None:
    if b"row " in statement:
        client.send(b"D" + struct.pack("!ihi", 1 << 30, 3, (1 << 30) - 1000))
        client.send_without_end(b"x" * 1024)
    client.send_without_end(_row(b"one", b"false", b"x" * 100))


def _column(name: bytes) -> bytes:
    text = (b"def", b"", b"", b"", name, b"")
    described = struct.pack("<BHIBHBH", 12, _MYSQL_UTF8, 1024, _MYSQL_TEXT, 0, 0, 0)
    return b"".join(bytes([len(each)]) + each for each in text) + described


def _mysql(client: _Client) -> None:
    salt = b"x" * 20
    client.send(
        packet(
            0,
            b"\x0a8.0.39\0"
            + struct.pack("<I", 4711)
            + salt[:8]
            + b"\0"
            + struct.pack("<HBHHB", _CAPABILITIES & 0xFFFF, _MYSQL_UTF8, 2, _CAPABILITIES >> 16, 21)
            + b"\0" * 10
            + salt[8:]
            + b"\0mysql_native_password\0",
        )
    )
    _command(client)
    ok = b"\0\0\0" + struct.pack("<HH", 2, 0)
    eof = b"\xfe" + struct.pack("<HH", 0, 2)
    client.send(packet(2, ok))
    while True:
        command = _command(client)
        if command[:1] == b"\x01":
            return
        if command[:1] == b"\x03" and b"aurora" in command:
            _mysql_without_end(client, eof, command)
        if command[:1] == b"\x03" and command[1:].lstrip().upper().startswith((b"SELECT", b"SHOW")):
            row = (b"\x01", _column(b"x"), eof, b"\x011", eof)
            client.send(b"".join(packet(n, part) for n, part in enumerate(row, 1)))
        else:
            client.send(packet(1, ok))


def _command(client: _Client) -> bytes:
    return client.read(int.from_bytes(client.read(4)[:3], "little"))


def _mysql_without_end(client: _Client, eof: bytes, statement: bytes) -> None:
    if b"columns" in statement:
        client.send(packet(1, b"\xfd\xff\xff\xff"))
        _mysql_packets(client, 2, _column(b"x"))
    client.send(packet(1, b"\x03") + b"".join(packet(n, _column(b"x")) for n in (2, 3, 4)))
    client.send(packet(5, eof))
    if b"row " in statement:
        # A packet of the largest size is continued by the next.
        first = b"\x01x\x01x\xfe" + (1 << 40).to_bytes(8, "little")
        _mysql_packets(client, 6, b"x" * LARGEST, first + b"x" * (LARGEST - len(first)))
    _mysql_packets(client, 6, b"\x03one\x010\x64" + b"x" * 100)


def _mysql_packets(client: _Client, sequence: int, payload: bytes, first: bytes = b"") -> None:
    if first:
        client.send(packet(sequence, first))
        sequence += 1
    # As many as there are sequence numbers make a piece that can be repeated.
    if len(payload) < LARGEST:
        client.send_without_end(b"".join(packet(sequence + n, payload) for n in range(256)))
    for number in count(sequence):
        client.send(packet(number, payload))


_PROTOCOLS = {"postgresql": _postgresql, "mysql": _mysql}


def _serve(protocol: str, sock: socket.socket) -> None:
    try:
        _PROTOCOLS[protocol](_Client(sock))
    except OSError:
        pass
    finally:
        sock.close()


def main(protocol: str) -> None:
    """Serve until the standard input ends; write the port first."""
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_serve, args=(protocol, sock), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
