# ruff: noqa: INP001, PLC0415 - on the path alone, and imported by every interpreter of a suite
"""Imported by every interpreter that a suite starts: switches the agent on, or leaves it out.

At its end an interpreter tells what the agent did, a line each: a run that tracked nothing, or in
which the agent failed inside, says nothing of its harmlessness.
"""

import atexit
import json
import os
from pathlib import Path


def _tell() -> None:
    from aurora_otel import snapshot
    from aurora_otel.instrumentor import running_agent

    agent = running_agent()
    with agent.tracker.settled():
        opened = sum(book.opens for book in agent.tracker.books.values())
    told = {"opened": opened, "failures": snapshot().internal_failures}
    with Path(os.environ["COMPAT_RESULTS"] + ".agent").open("a") as file:
        print(json.dumps(told), file=file)


if os.environ.get("COMPAT_WITH") == "1":
    from aurora_otel import AuroraInstrumentor

    AuroraInstrumentor().instrument()
    atexit.register(_tell)
