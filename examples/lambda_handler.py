"""A function as AWS Lambda runs it: its connection outlives an invocation."""

import os
import sys
from typing import Any

import psycopg

from aurora_otel import AuroraInstrumentor

AuroraInstrumentor().instrument()
_connections: list[psycopg.Connection] = []


def handler(_event: dict[str, Any], _context: object) -> str:
    """Write a row; forget a connection that is lost, so that the next invocation opens another."""
    if not _connections:
        _connections.append(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True))
    try:
        _connections[0].execute("INSERT INTO writes (x) VALUES ('lambda')")
    except psycopg.OperationalError:
        _connections.clear()
        raise
    return "written"


if __name__ == "__main__":
    # What the platform does: one invocation after the other, here one for each line of input.
    for _ in sys.stdin:
        try:
            answer = handler({}, None)
        except psycopg.Error as error:
            answer = type(error).__name__
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
