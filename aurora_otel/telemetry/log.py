"""Log records: the standard `logging` tree `aurora_otel`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from aurora_otel.telemetry import names

_logger = logging.getLogger(names.LOGGER)


def failover(attributes: Mapping[str, Any], context: Context) -> None:
    """Tell of a change of the writer and its cleanup, in the context of its span."""
    token = otel_context.attach(context)
    try:
        _logger.warning(
            "failover: the writer changed from %s to %s; %d connections invalidated",
            attributes[names.OLD_WRITER],
            attributes[names.NEW_WRITER],
            attributes[names.INVALIDATED],
            extra=dict(attributes),
        )
    finally:
        otel_context.detach(token)


def strays(attributes: Mapping[str, Any]) -> None:
    """Tell of stale connections that a later verdict found."""
    _logger.warning(
        "%d stale connections invalidated", attributes[names.INVALIDATED], extra=dict(attributes)
    )


def tracked(attributes: Mapping[str, Any]) -> None:
    """Tell of a tracked connection."""
    if _logger.isEnabledFor(logging.DEBUG):
        _logger.debug("tracked a connection", extra=dict(attributes))


def pruned(attributes: Mapping[str, Any]) -> None:
    """Tell of a pruned connection."""
    if _logger.isEnabledFor(logging.DEBUG):
        _logger.debug("pruned a connection", extra=dict(attributes))


def internal_failure(where: str, error: Exception, frames: Sequence[str]) -> None:
    """Tell of a failure inside, without anything that a driver could have put into it.

    Args:
        where: what was being done.
        error: only its type is told.
        frames: our own frames, without source lines.
    """
    kind = type(error).__qualname__
    _logger.error(
        "internal failure in %s: %s at %s; the application is not affected",
        where,
        kind,
        ", ".join(frames) or "an unknown place",
        extra={ERROR_TYPE: kind},
    )
