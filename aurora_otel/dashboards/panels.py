"""The kinds of panels: every kind that the dashboards use, with all that each must say.

A panel has a title, a description that says what to do about it, a unit, thresholds, and a text for
when there is nothing to show. Colour is never the only sign: values, names and texts say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATA_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"
COUNT, SECONDS, PER_SECOND, SHARE = "short", "s", "cps", "percentunit"

ZERO_IS_GOOD = ((None, GREEN), (1.0, RED))
ZERO_IS_BETTER = ((None, GREEN), (1.0, YELLOW))
NO_AGENT = "No agent reports"
NEUTRAL = ((None, BLUE),)

Thresholds = Sequence[tuple[float | None, str]]
Panel = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
_Panel = TypeVar("_Panel", stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, what its series are called, and their unit if it is not the panel's."""

    expr: str
    legend: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What every panel shows.

    Attributes:
        title: its title.
        description: what it shows, and what to do about it.
        unit: of its values, as Grafana calls it.
        empty: what it says when there is nothing to show.
        thresholds: values from which on it has a colour; the first has none.
        width: in columns out of 24.
        height: in grid units.
    """

    title: str
    description: str
    unit: str
    empty: str
    thresholds: Thresholds = NEUTRAL
    width: int = 8
    height: int = 8


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a value, or a range of them, is shown as."""

    text: str
    colour: str
    low: float
    high: float | None = None


def number(
    about: About,
    query: Query,
    *,
    meanings: Sequence[Meaning] = (),
    names: bool = False,
    decimals: int = 0,
) -> stat.Panel:
    """Return one figure, as of now; with `names` the names of its series instead."""
    panel = _about(stat.Panel(), about)
    text_mode = common.BigValueTextMode.AUTO
    if names:
        text_mode = common.BigValueTextMode.NAME
    return (
        panel.with_target(_target("A", query).instant())
        .decimals(decimals)
        .mappings(_mappings(meanings))
        .color_scheme(_colour(models.FieldColorModeId.THRESHOLDS))
        .color_mode(
            common.BigValueColorMode.BACKGROUND if meanings else common.BigValueColorMode.VALUE
        )
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(text_mode)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False))  # noqa: FBT003 - the SDK's
    )


def lines(
    about: About,
    *queries: Query,
    stacked: bool = False,
    bars: bool = False,
) -> timeseries.Panel:
    """Return figures over time; bars for what happens now and then."""
    panel = (
        _about(timeseries.Panel(), about)
        .min(0)
        .color_scheme(_colour(models.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .draw_style(common.GraphDrawStyle.BARS if bars else common.GraphDrawStyle.LINE)
        .line_interpolation(common.LineInterpolation.STEP_AFTER)
        .line_width(1)
        .fill_opacity(60 if bars else 20 if stacked else 0)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)  # noqa: FBT003 - the SDK's
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )
    if about.unit == COUNT:
        panel.decimals(0)
    if about.thresholds is not NEUTRAL:
        panel.thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphTresholdsStyleMode.DASHED)
        )
    if bars:
        # Not less than a minute a bar: a rate's window then is little more than one bar, and what
        # happened once is not shown in several.
        panel.interval("1m")
    # Durations do not add up.
    if stacked or (bars and about.unit == COUNT):
        panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
    for name, query in zip("ABCDEF", queries, strict=False):
        panel.with_target(_target(name, query).range())
    return panel


def timeline(about: About, query: Query, meanings: Sequence[Meaning]) -> statetimeline.Panel:
    """Return states over time, a line for each series."""
    return (
        _about(statetimeline.Panel(), about)
        .with_target(_target("A", query).range())
        .mappings(_mappings(meanings))
        .color_scheme(_colour(models.FieldColorModeId.THRESHOLDS))
        .show_value(common.VisibilityMode.AUTO)
        .merge_values(True)  # noqa: FBT003 - the SDK's
        .row_height(0.8)
        .fill_opacity(80)
        .line_width(0)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)  # noqa: FBT003 - the SDK's
            .calcs([])
        )
    )


def rows(
    about: About, columns: Mapping[str, str], *values: Query, over_time: bool = False
) -> table.Panel:
    """Return a table.

    Args:
        about: as of every panel; its unit is that of each value without one of its own.
        columns: the labels to show, in their order, and what they are called.
        values: a column each, called after its legend; rows are what their labels have in common.
        over_time: whether a row stands for what was at a time, the newest first; else for now.
    """
    letters = "ABCDEF"[: len(values)]
    shown = {
        f"Value #{letter}": query.legend for letter, query in zip(letters, values, strict=True)
    }
    if len(values) == 1:
        shown = {"Value": values[0].legend}
    names = {**({"Time": "time"} if over_time else {}), **columns, **shown}
    organize = models.DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {} if over_time else {"Time": True},
            "indexByName": {name: place for place, name in enumerate(names)},
            "renameByName": names,
        },
    )
    panel = (
        _about(table.Panel(), about)
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(organize)
        .color_scheme(_colour(models.FieldColorModeId.THRESHOLDS))
        .show_header(True)  # noqa: FBT003 - the SDK's
    )
    for letter, query in zip(letters, values, strict=True):
        target = _target(letter, query).format(PromQueryFormat.TABLE)
        panel.with_target(target.range() if over_time else target.instant())
        if query.unit:
            unit = models.DynamicConfigValue(id_val="unit", value=query.unit)
            panel.override_by_name(query.legend, [unit])
    if over_time:
        newest_first = common_builders.TableSortByFieldState().display_name("time").desc(True)  # noqa: FBT003 - the SDK's
        panel.interval("1m").sort_by([newest_first])
    return panel


def _about(panel: _Panel, about: About) -> _Panel:
    steps = [models.Threshold(value=value, color=colour) for value, colour in about.thresholds]
    panel.title(about.title).description(about.description).unit(about.unit)
    panel.no_value(about.empty).datasource(DATA_SOURCE).span(about.width).height(about.height)
    panel.thresholds(builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    return panel


def _target(name: str, query: Query) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .ref_id(name)
        .datasource(DATA_SOURCE)
        .expr(query.expr)
        .legend_format(query.legend or "__auto")
    )


def _colour(mode: models.FieldColorModeId) -> builders.FieldColor:
    return builders.FieldColor().mode(mode)


def _mappings(meanings: Sequence[Meaning]) -> list[models.ValueMapping]:
    mappings: list[models.ValueMapping] = []
    for index, meaning in enumerate(meanings):
        result = models.ValueMappingResult(text=meaning.text, color=meaning.colour, index=index)
        if meaning.high is None:
            mappings.append(models.ValueMap(options={f"{meaning.low:g}": result}))
        else:
            options = models.DashboardRangeMapOptions(
                from_val=meaning.low, to=meaning.high, result=result
            )
            mappings.append(models.RangeMap(options=options))
    return mappings
