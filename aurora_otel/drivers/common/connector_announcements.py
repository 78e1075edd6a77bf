"""What a server announces, and mysql-connector-python believes: memory for it is taken at once.

The pure class makes room for as many columns as a result is said to have, and for as many bytes as
a packet is said to have, before any of them comes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from mysql.connector.errors import InterfaceError

from aurora_otel.drivers.common.deadline import MOST_BYTES, AnswerTooLongError

# The agent asks for fewer.
_MOST_COLUMNS = 64


@contextlib.contextmanager
def believed_within_limits(protocol: Any, broker: Any) -> Iterator[None]:
    """Have what is announced meanwhile checked first.

    Args:
        protocol: of a connection: counts columns.
        broker: of its socket: reads packets.

    Raises:
        AnswerTooLongError: more was announced than an answer may have.
    """
    checked = ((protocol, "parse_column_count", _columns), (broker, "_recv_chunk", _bytes))
    for owner, name, check in checked:
        # A version without it is limited by what has come in.
        if hasattr(owner, name):
            vars(owner)[name] = check(getattr(owner, name))
    try:
        yield
    except _AnnouncedError:
        raise AnswerTooLongError from None
    finally:
        for owner, name, _ in checked:
            vars(owner).pop(name, None)


class _AnnouncedError(InterfaceError):
    """Too much was announced."""


def _columns(parse: Callable[[Any], int | None]) -> Callable[[Any], int | None]:
    def checked(packet: Any) -> int | None:
        if (count := parse(packet)) is not None and count > _MOST_COLUMNS:
            raise _AnnouncedError
        return count

    return checked


def _bytes(receive: Callable[..., Any]) -> Callable[..., Any]:
    def checked(sock: Any, size: int = 0) -> Any:
        if size > MOST_BYTES:
            raise _AnnouncedError
        return receive(sock, size=size)

    return checked
