"""Wrong settings are always seen: in the log, and on standard error if no log goes there."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable

from aurora_otel.settings.sources import BadSetting

_logger = logging.getLogger("aurora_otel.settings")


def errors(bad: Iterable[BadSetting]) -> None:
    """Log what was set and does not count.

    Where logging goes elsewhere, to OTLP alone for example, each goes to standard error as well.
    """
    for each in bad:
        _logger.error("%s", each)
        if not _is_on_stderr():
            # It may be closed, or not be there at all.
            with contextlib.suppress(Exception):
                sys.stderr.write(f"aurora-otel: {each}\n")


def _is_on_stderr() -> bool:
    if not _logger.isEnabledFor(logging.ERROR):
        return False
    handlers: list[logging.Handler] = []
    logger: logging.Logger | None = _logger
    while logger is not None:
        handlers += logger.handlers
        logger = logger.parent if logger.propagate else None
    if not handlers:
        # What Python itself does then.
        handlers = [logging.lastResort] if logging.lastResort else []
    streams = (sys.stderr, sys.__stderr__)
    return any(
        handler.level <= logging.ERROR and getattr(handler, "stream", None) in streams
        for handler in handlers
    )
