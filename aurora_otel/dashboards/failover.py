"""*Aurora failover*: one failover close up.

From top to bottom it answers, in this order: is a failover going on, which instance is the writer,
how many connections still point to the wrong place, who is hurt, in which services, is it over;
then how fast it went, what was invalidated, and how the refreshes of the topology went.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from aurora_otel.dashboards import failover_course, failover_state, hurt
from aurora_otel.dashboards.frame import FAILOVER, Row, dashboard


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        FAILOVER,
        "Aurora failover",
        "One failover in detail: is one going on, which instance is the writer, which connections "
        "still lead to the wrong instance, is it over.",
        (
            Row(
                "Is it over, and who is hurt?",
                (
                    failover_state.state(),
                    failover_state.writer(),
                    failover_state.stale(),
                    failover_state.missed(),
                    failover_state.failovers(),
                    failover_state.agents(),
                    *hurt.panels(),
                ),
                "AuroraStaleConnections",
            ),
            Row(
                "Where connections still point to the wrong instance",
                (failover_state.services(), failover_state.places()),
                "AuroraFailoverWithoutCleanup",
            ),
            Row(
                "Who is the writer",
                (failover_state.writers(), failover_state.moves()),
                "AuroraFailoverHappened",
            ),
            Row(
                "How fast",
                (
                    failover_course.one_by_one(),
                    failover_course.symptoms(),
                    failover_course.control_plane(),
                ),
                "AuroraFailoverHappened",
            ),
            Row(
                "What was invalidated",
                (
                    failover_course.by_service(),
                    failover_course.by_cause(),
                    failover_course.not_closed(),
                ),
                "AuroraStaleConnections",
            ),
            Row(
                "Refreshes of the topology",
                (
                    failover_course.refreshes(),
                    failover_course.durations(),
                    failover_course.failing(),
                ),
                "AuroraTopologyRefreshFailing",
            ),
        ),
    )
