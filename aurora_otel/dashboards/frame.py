"""What the dashboards have in common: variables, annotations, links, and the order of rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from aurora_otel.dashboards import ways
from aurora_otel.dashboards.panels import DATA_SOURCE, Panel
from aurora_otel.dashboards.promql import CLUSTER, INSTANCE, JOB, RATE, SHOWN, Scope
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import metric_name

TAG = "aurora-otel"
CONNECTIONS = "aurora-connections"
FAILOVER = "aurora-failover"


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """Panels below one heading; `runbook` is the alert whose runbook is about them."""

    title: str
    panels: Sequence[Panel]
    runbook: str


class PrometheusAnnotation(models.AnnotationQuery):
    """An annotation, with the texts that the SDK's model of it lacks."""

    def to_json(self) -> dict[str, object]:
        """Return what Grafana's Prometheus data source reads."""
        texts: dict[str, object] = {
            "titleFormat": f"Failover of {{{{{CLUSTER}}}}}",
            "textFormat": "The writer changed.",
            "tagKeys": CLUSTER,
            "step": "15s",
        }
        return {**super().to_json(), **texts}


class _Annotation(Builder[models.AnnotationQuery]):
    def build(self) -> models.AnnotationQuery:
        return PrometheusAnnotation(
            name="Failovers",
            datasource=DATA_SOURCE,
            enable=True,
            icon_color="red",
            expr=f"{SHOWN.failovers(RATE)} > 0",
        )


def dashboard(uid: str, title: str, description: str, rows: Sequence[Row]) -> models.Dashboard:
    """Return a dashboard of `rows`, from top to bottom."""
    built = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-3h", "now")
        .refresh("30s")
        .variables(_variables())
        .annotations([_Annotation()])
        .links([_links()])
    )
    identifier = 0
    for row in rows:
        identifier += 1
        built.with_row(builders.Row(row.title).id(identifier))
        for panel in row.panels:
            identifier += 1
            built.with_panel(panel.id(identifier).links(ways.onward(row.runbook)))
    return built.build()


def _links() -> builders.DashboardLink:
    """Return the way to the other dashboards, for the same time and the same variables."""
    return (
        builders.DashboardLink("Aurora")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .tooltip("The other dashboards of aurora-otel, for what is shown here")
        .include_vars(True)  # noqa: FBT003 - the SDK's
        .keep_time(True)  # noqa: FBT003 - the SDK's
    )


def _variables() -> list[Builder[models.VariableModel]]:
    return [
        builders.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        *ways.variables(),
        _values("job", "Job", "The service", JOB, Scope()),
        _values("cluster", "Cluster", "The Aurora cluster", CLUSTER, Scope(SHOWN.process[:1])),
        _values(
            "instance",
            "Instance",
            "The process of the service",
            INSTANCE,
            Scope((*SHOWN.process[:1], *SHOWN.cluster)),
        ),
    ]


def _values(
    name: str, label: str, description: str, of: str, chosen: Scope
) -> builders.QueryVariable:
    """Return a variable of the values that a label has, among what is chosen already."""
    series = chosen.select(metric_name(names.COUNT))
    return (
        builders.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(DATA_SOURCE)
        .query(f"label_values({series}, {of})")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)  # noqa: FBT003 - the SDK's
        .include_all(True)  # noqa: FBT003 - the SDK's
        .all_value(".+")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )
