"""Log records: the standard `logging` tree `aurora_otel`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.semconv.attributes.db_attributes import DB_SYSTEM_NAME
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from aurora_otel.discovery.rds.answers import ApiError, Trouble
from aurora_otel.model.groups import Outcome
from aurora_otel.telemetry import agent_names, names
from aurora_otel.telemetry.reports import (
    ApiEventReport,
    CleanUp,
    DisagreementReport,
    FailoverReport,
    KillSwitchReport,
    StaleReport,
)
from aurora_otel.version import __version__

_logger = logging.getLogger(names.LOGGER)
_REMEDIES = {
    Trouble.NOT_INSTALLED: "install boto3, or set RDS_API=off",
    Trouble.NO_CREDENTIALS: "give the process AWS credentials, or set RDS_API=auto",
    Trouble.BAD_CREDENTIALS: "check the AWS credentials of the process",
    Trouble.NO_REGION: "set AWS_REGION",
    Trouble.DENIED: "allow this IAM action to the role of the process, or set RDS_API=off",
    Trouble.THROTTLED: "it is asked less often",
    Trouble.NOT_FOUND: "no such Aurora cluster is in the account and region of the credentials",
    Trouble.UNREACHABLE: "open the network's way to the RDS API, or set RDS_API=off",
    Trouble.FAILED: "it is asked less often",
}


def failover(report: FailoverReport) -> None:
    """Log a change of the writer and its clean-up, in the context of its span."""
    attributes = report.attributes
    token = otel_context.attach(report.reference.context)
    try:
        _logger.warning(
            "failover: the writer changed from %s to %s; stale connections: %s",
            attributes[names.OLD_WRITER],
            attributes[names.NEW_WRITER],
            _counts(report.clean_up),
            extra={**attributes, names.EVENT_NAME: names.FAILOVER_LOG.event},
        )
    finally:
        otel_context.detach(token)


def not_shut_down(clean_up: CleanUp, context: Context) -> None:
    """Log which stale connections could not be shut down, in the context of their failover."""
    failed = Counter(
        (track.group.cluster, track.group.system, track.group.instance, track.group.driver, cause)
        for track, cause, outcome in clean_up.invalidations
        if outcome is Outcome.FAILED
    )
    token = otel_context.attach(context)
    try:
        for (cluster, system, instance, driver, cause), count in failed.items():
            _logger.warning(
                "could not shut down %d stale connections to %s",
                count,
                instance,
                extra={
                    names.CLUSTER_ID: cluster,
                    DB_SYSTEM_NAME: system,
                    names.INSTANCE_ID: instance,
                    names.DRIVER: driver,
                    names.INVALIDATION_CAUSE: cause.value,
                    names.INVALIDATIONS_PREFIX + Outcome.FAILED.value: count,
                    names.EVENT_NAME: names.NOT_SHUT_DOWN_LOG.event,
                },
            )
    finally:
        otel_context.detach(token)


def stale_connections(report: StaleReport) -> None:
    """Log stale connections that a later verdict of the same writer found."""
    attributes = {
        **report.refresh.cluster,
        names.NEW_WRITER: report.clean_up.writer,
        names.INVALIDATED: len(report.clean_up.invalidations),
    }
    _logger.warning("stale connections: %s", _counts(report.clean_up), extra=attributes)


def disagreement(report: DisagreementReport) -> None:
    """Log that the RDS API names another writer than the instances do."""
    named = report.named or ""
    _logger.warning(
        "the RDS API names %s as the writer, the instances %s: the instances count",
        named or "no instance",
        report.writer,
        extra={
            **report.cluster,
            names.TOPOLOGY_WRITER_ID: named,
            names.NEW_WRITER: report.writer,
        },
    )


def api_error(error: ApiError) -> None:
    """Log why the RDS API gives no answer, and what to do about it."""
    _logger.warning(
        "the RDS API gives no answer to %s (%s): %s",
        error.action,
        error.kind,
        _REMEDIES[error.trouble],
        extra={ERROR_TYPE: error.kind},
    )


def api_event(report: ApiEventReport) -> None:
    """Log an event of RDS's own, in the context of the failover's span."""
    event = report.event
    attributes = {
        **report.failover.attributes,
        names.EVENT_KIND: event.kind.value,
        names.EVENT_TIME: event.at.isoformat(),
        names.EVENT_NAME: names.API_EVENT_LOG.event,
    }
    token = otel_context.attach(report.failover.context)
    try:
        _logger.warning("RDS: %s", event.message, extra=attributes)
    finally:
        otel_context.detach(token)


def tracked(attributes: Mapping[str, Any]) -> None:
    """Log a tracked connection."""
    if _logger.isEnabledFor(logging.DEBUG):
        _logger.debug("tracked a connection", extra=dict(attributes))


def pruned(attributes: Mapping[str, Any]) -> None:
    """Log a pruned connection."""
    if _logger.isEnabledFor(logging.DEBUG):
        _logger.debug("pruned a connection", extra=dict(attributes))


def kill_switch(report: KillSwitchReport) -> None:
    """Log that the kill switch was turned on or off."""
    _logger.warning(
        "the kill switch is %s: the mode is %s; its file is %s",
        "on" if report.is_on else "off",
        report.mode,
        report.path,
        extra={agent_names.MODE: report.mode},
    )


def started(mode: str, installed: Callable[[], tuple[Sequence[str], Sequence[str]]]) -> None:
    """Log that the agent is active.

    Args:
        mode: its mode.
        installed: returns the drivers and pools that are installed and will be patched, and the
            drivers that are installed and not supported; is called only if that is logged.
    """
    if not _logger.isEnabledFor(logging.INFO):
        return
    instrumented, unsupported = installed()
    text = f"; not supported: {', '.join(unsupported)}" if unsupported else ""
    _logger.info(
        "aurora-otel %s is active: mode %s; instruments %s%s",
        __version__,
        mode,
        ", ".join(instrumented) or "nothing that is installed",
        text,
        extra={agent_names.VERSION: __version__, agent_names.MODE: mode},
    )


def is_off(mode: str) -> None:
    """Log that there is no agent, because the mode is `off`."""
    _logger.info(
        "aurora-otel %s does nothing: the mode is %s",
        __version__,
        mode,
        extra={agent_names.VERSION: __version__, agent_names.MODE: mode},
    )


def cannot_run(missing: str) -> None:
    """Log that there is no agent, because this system lacks what it stands on.

    Args:
        missing: the name of a function that is not there.
    """
    _logger.warning(
        "aurora-otel %s does nothing on this system, which has no %s",
        __version__,
        missing,
        extra={agent_names.VERSION: __version__},
    )


def unsupported(driver: str) -> None:
    """Log that a driver without a file of its own connects to Amazon RDS."""
    _logger.warning(
        "%s connects to Amazon RDS, and aurora-otel does not support it: its connections are "
        "neither tracked nor cleaned up",
        driver,
        extra={names.DRIVER: driver},
    )


def no_module(name: str, kind: str) -> None:
    """Log that something else stands in the place of a library, such as a mock: it is left alone.

    Args:
        name: of the library's module.
        kind: the type of what is there.
    """
    _logger.warning("%s is not instrumented: a %s stands in its place", name, kind)


def internal_failure(where: str, kind: str, frames: Sequence[str]) -> None:
    """Log a failure inside, without anything that a driver could have put into it.

    Args:
        where: what was being done.
        kind: the type of the error.
        frames: the agent's own frames, without source lines.
    """
    _logger.error(
        "internal failure in %s: %s at %s; the application is not affected",
        where,
        kind,
        ", ".join(frames) or "an unknown place",
        extra={ERROR_TYPE: kind},
    )


def _counts(clean_up: CleanUp) -> str:
    outcomes = Counter(each.outcome.value for each in clean_up.invalidations)
    return ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()) or "none"
