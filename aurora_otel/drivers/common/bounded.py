"""A stream of a driver in Python that reads no more of an answer than one may have.

Such a driver reads how long a message is, and then the message. What is too long is refused before
it is read: no thread has to run for that, as for a driver in C (`deadline`).
"""

from __future__ import annotations

from typing import Any

from aurora_otel.drivers.common.deadline import MOST_BYTES, AnswerTooLongError


class BoundedStream:
    """What reads from a connection, for one question; all but reading is the stream's own.

    Args:
        stream: the driver's own.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = MOST_BYTES

    def read(self, size: int) -> Any:
        """Read so many bytes.

        Raises:
            AnswerTooLongError: the answer has more than any that was asked for.
        """
        self._left -= size
        if self._left < 0:
            raise AnswerTooLongError
        return self._stream.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
