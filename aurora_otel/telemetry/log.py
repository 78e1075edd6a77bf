"""Log records: the standard `logging` tree `aurora_otel`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from aurora_otel.discovery.rds.answers import ApiError, Trouble
from aurora_otel.telemetry import names

_logger = logging.getLogger(names.LOGGER)
_REMEDIES = {
    Trouble.NOT_INSTALLED: "install boto3, or set RDS_API=off",
    Trouble.NO_CREDENTIALS: "give the process AWS credentials, or set RDS_API=auto",
    Trouble.BAD_CREDENTIALS: "look at the AWS credentials of the process",
    Trouble.NO_REGION: "set AWS_REGION",
    Trouble.DENIED: "allow this IAM action to the role of the process, or set RDS_API=off",
    Trouble.THROTTLED: "it is asked less often",
    Trouble.NOT_FOUND: "no such Aurora cluster is in the account and region of the credentials",
    Trouble.UNREACHABLE: "open the network's way to the RDS API, or set RDS_API=off",
    Trouble.FAILED: "it is asked less often",
}


def failover(attributes: Mapping[str, Any], outcomes: Mapping[str, int], context: Context) -> None:
    """Tell of a change of the writer and its cleanup, in the context of its span.

    Args:
        attributes: of the record.
        outcomes: numbers of stale connections by what came of them.
        context: of the failover's span.
    """
    token = otel_context.attach(context)
    try:
        _logger.warning(
            "failover: the writer changed from %s to %s; stale connections: %s",
            attributes[names.OLD_WRITER],
            attributes[names.NEW_WRITER],
            _counts(outcomes),
            extra=dict(attributes),
        )
    finally:
        otel_context.detach(token)


def stale_connections(attributes: Mapping[str, Any], outcomes: Mapping[str, int]) -> None:
    """Tell of stale connections that a later verdict found; as `failover`."""
    _logger.warning("stale connections: %s", _counts(outcomes), extra=dict(attributes))


def disagreement(attributes: Mapping[str, Any]) -> None:
    """Tell that the RDS API names another writer than the instances do."""
    _logger.warning(
        "the RDS API names %s as the writer, the instances %s: the instances count",
        attributes[names.TOPOLOGY_WRITER_ID] or "nobody",
        attributes[names.NEW_WRITER],
        extra=dict(attributes),
    )


def api_trouble(error: ApiError) -> None:
    """Tell why the RDS API gives no answer, and what to do about it."""
    _logger.warning(
        "the RDS API gives no answer to %s (%s): %s",
        error.action,
        error.kind,
        _REMEDIES[error.trouble],
        extra={ERROR_TYPE: error.kind},
    )


def api_event(attributes: Mapping[str, Any], message: str, context: Context) -> None:
    """Tell an event of RDS's own, in the context of the failover's span."""
    token = otel_context.attach(context)
    try:
        _logger.warning("RDS: %s", message, extra=dict(attributes))
    finally:
        otel_context.detach(token)


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


def _counts(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()) or "none"
