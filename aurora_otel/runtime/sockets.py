"""Sockets: how a connection is invalidated, and how a server's hang-up is seen.

A connection is invalidated by shutting its socket down, and by nothing else. Shutdown returns at
once, wakes a call that hangs on a dead host, and leaves the driver's own state alone: its owner
gets the driver's usual "connection lost" error, as after any lost connection. The drivers'
`close()` blocks, does nothing or crashes the process when called from a foreign thread
(`docs/drivers.md` has what was measured).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import contextlib
import errno
import importlib.util
import os
import signal
import socket
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from aurora_otel.model.endpoints import Address
from aurora_otel.runtime.receiving import stop_receiving
from aurora_otel.runtime.spare import spare
from aurora_otel.runtime.system import IS_LINUX

T = TypeVar("T")


def _unpatched_select() -> Any:
    """Return a copy of the module `select` that is not patched.

    gevent's poll knows no hang-ups, and eventlet takes poll away.
    """
    spec = importlib.util.find_spec("select")
    if spec is None or spec.loader is None:
        raise ImportError("select")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


select = _unpatched_select()
# Linux's own, and not in every build of `select`; elsewhere poll reports the end of both sides.
_HUNG_UP = getattr(select, "POLLRDHUP", 0x2000) if IS_LINUX else 0
# None of either on Windows.
_CAN_POLL = hasattr(select, "poll")
_SIGPIPE = getattr(signal, "SIGPIPE", None)
_UNIX = getattr(socket, "AF_UNIX", None)
_IP = (socket.AF_INET, socket.AF_INET6)
# Numbers: the module `socket` has members of enumerations by these names.
_STREAM = int(socket.SOCK_STREAM)


class SocketId(NamedTuple):
    """A socket: its descriptor, and the inode by which a later one of the same number differs.

    Addresses would not do: a Unix socket's are all alike, and a TCP 4-tuple can come back.
    """

    fd: int
    inode: int


class Shutdown(Enum):
    """What came of shutting a socket down."""

    DONE = "done"
    GONE = "gone"
    FAILED = "failed"


def identify(fd: int) -> SocketId | None:
    """Return the identity of the socket behind descriptor `fd`, or `None` if there is none."""
    try:
        return SocketId(fd, os.fstat(fd).st_ino) if fd >= 0 else None
    except OSError:
        return None


def peer(fd: int) -> Address | None:
    """Return the address at the other end of the TCP socket behind `fd`, `None` if there is none.

    No rename of a server changes it, and no change of DNS.
    """
    try:
        handle = _socket.socket(fileno=os.dup(fd))
    except OSError:
        return None
    try:
        return Address(*handle.getpeername()[:2]) if handle.family in _IP else None
    except OSError:
        return None
    finally:
        handle.close()


def accepts(address: Address, seconds: float) -> bool:
    """Return whether anything accepts TCP connections at `address`, within so many seconds."""
    try:
        with socket.create_connection(address, seconds):
            return True
    except OSError:
        return False


def shut_down(
    sock: SocketId | None,
    is_awaited: Callable[[], bool] = lambda: False,
    *,
    is_in_use: bool = False,
) -> Shutdown:
    """Shut a socket down in both directions; never another one under the same number.

    Args:
        sock: the socket.
        is_awaited: asked once nothing can be sent any more, unless that would raise SIGPIPE:
            whether what the server answers to what was sent before may still come in.
        is_in_use: whether its owner may go on sending on it.

    Returns:
        `GONE` if the owner has closed it meanwhile; `FAILED` if that is unknown, the system
        refused, or its owner's next send could end the process.
    """
    if sock is None:
        return Shutdown.FAILED
    try:
        duplicate = os.dup(sock.fd)
    except OSError as error:
        if error.errno == errno.EBADF:
            return Shutdown.GONE
        return _shut_down_by_spare(sock, is_awaited, is_in_use=is_in_use)
    # Compared on the duplicate: the number may change hands at any moment, the duplicate may not.
    if os.fstat(duplicate).st_ino != sock.inode:
        os.close(duplicate)
        return Shutdown.GONE
    try:
        # Below what gevent makes of the module `socket`. Its type is given: to find it out takes
        # longer than all else here.
        handle = _socket.socket(-1, _STREAM, 0, duplicate)
    except OSError:
        os.close(duplicate)
        return Shutdown.FAILED
    outcome = _shut_down(handle, is_awaited, is_in_use=is_in_use)
    handle.close()
    return outcome


def _shut_down_by_spare(
    sock: SocketId, is_awaited: Callable[[], bool], *, is_in_use: bool
) -> Shutdown:
    """Shut a socket down in a process that has no descriptor left."""
    reserve = spare.take()
    if reserve is None:
        return Shutdown.FAILED
    try:
        number = reserve.stand_for(sock.fd)
        if os.fstat(number).st_ino != sock.inode:
            return Shutdown.GONE
        handle = _socket.socket(fileno=number)
        try:
            return _shut_down(handle, is_awaited, is_in_use=is_in_use)
        finally:
            handle.detach()
    except OSError:
        # The reserve may lie beyond a limit that was lowered.
        return Shutdown.FAILED if identify(sock.fd) == sock else Shutdown.GONE
    finally:
        spare.give_back(reserve)


def _shut_down(
    handle: _socket.socket, is_awaited: Callable[[], bool], *, is_in_use: bool
) -> Shutdown:
    if _is_sigpipe_ignored():
        # ENOTCONN: the other side was faster.
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_WR)
            if not is_awaited():
                handle.shutdown(socket.SHUT_RD)
        return Shutdown.DONE
    if is_in_use and handle.family == _UNIX:
        # Its server's next send would fail, and the server would close it: so would the next send
        # of the owner.
        return Shutdown.FAILED
    if is_awaited():
        return Shutdown.DONE
    try:
        stop_receiving(handle)
    except OSError as error:
        if is_in_use and error.errno != errno.ENOTCONN:
            return Shutdown.FAILED
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RD)
    return Shutdown.DONE


def _is_sigpipe_ignored() -> bool:
    """Return whether a send on what is shut down is an error to its caller, and no more than that.

    Python ignores SIGPIPE when it starts; programs for the command line often take that back. What
    is neither ignored nor Python's (`None`) is a host's own, as uWSGI's, which lives on.
    """
    # The module `signal` makes an enumeration's member of it, in ten times as long.
    return _SIGPIPE is None or _signal.getsignal(_SIGPIPE) in (signal.SIG_IGN, None)


def is_gone(sock: SocketId | None) -> bool:
    """Return whether a socket was closed, as far as that is known.

    Its number stands for none then, or for another one.
    """
    return sock is not None and identify(sock.fd) != sock


def has_hung_up(sock: SocketId) -> bool:
    """Return whether the server of one connection has hung up: as `hung_up`, for a checkout."""
    if not _CAN_POLL:
        return False
    poll = select.poll()
    poll.register(sock.fd, _HUNG_UP)
    events = poll.poll(0)
    # Polled by number: that of a closed socket may stand for another one by now.
    return bool(events) and _is_hang_up(events[0][1]) and identify(sock.fd) == sock


def hung_up(sockets: Iterable[tuple[T, SocketId]]) -> list[T]:
    """Return those whose server has hung up, by one poll that reads and waits for nothing.

    Args:
        sockets: each with what to return for it.
    """
    watched: dict[int, tuple[T, SocketId]] = {}
    if not _CAN_POLL:
        return []
    poll = select.poll()
    for item, sock in sockets:
        if identify(sock.fd) == sock:
            watched[sock.fd] = (item, sock)
            poll.register(sock.fd, _HUNG_UP)
    gone = []
    for fd, event in poll.poll(0):
        item, sock = watched[fd]
        # Registered and polled by number: make sure once more whose hang-up that was.
        if _is_hang_up(event) and identify(fd) == sock:
            gone.append(item)
    return gone


def _is_hang_up(event: int) -> bool:
    return bool(event & (_HUNG_UP | select.POLLHUP | select.POLLERR))
