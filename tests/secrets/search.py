"""Everything that the agent exports or shows, and the search for a secret in it."""

from __future__ import annotations

import base64
import gc
import json
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

import aurora_otel

PLAIN = logging.Formatter("%(name)s %(message)s")


def spellings(secret: str) -> set[str]:
    """How a secret may be written: as it is, quoted, escaped, encoded."""
    return {
        secret,
        secret.lower(),
        secret.upper(),
        quote(secret, safe=""),
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode().rstrip("="),
        secret.encode().hex(),
    }


def found(secrets: Iterable[str], sinks: Mapping[str, str]) -> set[str]:
    """Return the names of the sinks that show one of `secrets`."""
    wanted = {spelling for secret in secrets for spelling in spellings(secret)}
    names = set()
    for name, text in sinks.items():
        for line in text.splitlines():
            if any(each in line for each in wanted):
                names.add(name)
                print(f"{name}: {line[:500]}")  # noqa: T201 - what a failed test shows
    return names


def sinks(exported: Any, records: Iterable[logging.LogRecord]) -> dict[str, str]:
    """Return what was exported so far, by where it was exported.

    Args:
        exported: the exporters' ends.
        records: what was logged, by whomever.
    """
    exported.flush()
    metrics = exported.reader.get_metrics_data()
    ours = [thing for thing in gc.get_objects() if _is_ours(thing)]
    state = aurora_otel.snapshot()
    return {
        "spans": "\n".join(span.to_json() for span in exported.spans()),
        "metrics": metrics.to_json() if metrics else "",
        "log records": "\n".join(map(_record, records)),
        "reprs": "\n".join({shown for thing in ours for shown in _shown(thing)}),
        "snapshot": f"{state!r}\n{state}",
    }


def _record(record: logging.LogRecord) -> str:
    """What any formatter can make of a record: its text, traceback and every attribute."""
    return "\n".join([PLAIN.format(record), *(f"{k}={v!r}" for k, v in vars(record).items())])


def _is_ours(thing: Any) -> bool:
    module = getattr(type(thing), "__module__", None)
    theirs = ("aurora_otel.lab", "aurora_otel.collector")
    return (
        isinstance(module, str)
        and module.startswith("aurora_otel")
        and not module.startswith(theirs)
    )


def _shown(thing: Any) -> list[str]:
    kind = f"{type(thing).__module__}.{type(thing).__qualname__}"
    return [f"{kind}: {_result(show, thing)}" for show in (repr, str)]


def _result(show: Callable[[Any], str], thing: Any) -> str:
    try:
        return show(thing)
    except Exception as error:  # noqa: BLE001 - what it then shows is a traceback
        return "".join(traceback.format_exception(error))
