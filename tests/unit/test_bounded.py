"""A driver in Python reads no more of an answer than one may have."""

import io

import pytest

from aurora_otel.drivers.common.bounded import BoundedStream
from aurora_otel.drivers.common.deadline import MOST_BYTES, AnswerTooLongError


class Stream(io.BytesIO):
    """A stream that never ends."""

    def read(self, size):
        return b"x" * size


def test_what_is_too_long_is_not_read():
    stream = BoundedStream(Stream())
    assert len(stream.read(MOST_BYTES)) == MOST_BYTES
    with pytest.raises(AnswerTooLongError):
        stream.read(1)


def test_one_long_message_is_refused_before_it_is_read():
    with pytest.raises(AnswerTooLongError):
        BoundedStream(None).read(MOST_BYTES + 1)


def test_all_but_reading_is_the_streams_own():
    stream = Stream()
    bounded = BoundedStream(stream)
    bounded.write(b"asked")
    bounded.close()
    assert stream.closed
