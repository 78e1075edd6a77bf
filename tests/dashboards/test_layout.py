"""What people see first: nothing overlaps, nothing is left out, and the answers come in order."""

import itertools
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from aurora_otel.dashboards.files import RUNBOOKS
from tests.dashboards.committed import ALERTS, DASHBOARDS, DIRECTORY, panels

COLUMNS = 24
# Grafana's own minimum for a panel that shows a title and one line.
LOWEST, NARROWEST = 3, 3


def cells(panel):
    place = panel["gridPos"]
    return {
        (x, y)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    }


boards = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


@boards
def test_no_two_panels_overlap_and_none_leaves_the_grid(dashboard):
    for one, other in itertools.combinations(dashboard["panels"], 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])
    for panel in dashboard["panels"]:
        assert {x for x, _ in cells(panel)} <= set(range(COLUMNS)), panel["title"]


@boards
def test_no_hole_is_left_in_a_row(dashboard):
    taken = set().union(*map(cells, dashboard["panels"]))
    depth = max(y for _, y in taken) + 1
    assert taken == {(x, y) for x in range(COLUMNS) for y in range(depth)}


@boards
def test_every_panel_is_large_enough_to_read(dashboard):
    for _, panel in panels(dashboard):
        assert panel["gridPos"]["h"] >= LOWEST
        assert panel["gridPos"]["w"] >= NARROWEST


@boards
def test_identifiers_and_titles_are_unique(dashboard):
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(identifiers) == len(set(identifiers))
    titles = [panel["title"] for _, panel in panels(dashboard)]
    assert len(titles) == len(set(titles))


def test_the_failover_dashboard_answers_in_this_order():
    found = [
        (panel["title"], panel["gridPos"]["y"])
        for _, panel in panels(DASHBOARDS["aurora-failover"])
    ]
    titles = [title for title, _ in found]
    assert titles[:3] == ["Is a failover going on?", "Writer", "Stale connections"]
    assert titles[6:9] == [
        "Refused writes, by service",
        "Failed connects, by service",
        "Longest without a writer, by service",
    ]
    assert titles[9:11] == [
        "Stale connections by service",
        "Processes with connections to the wrong instance",
    ]
    first_row = {title for title, y in found if y == found[0][1]}
    assert {
        "Is a failover going on?",
        "Writer",
        "Stale connections",
        "Not noticed yet",
    } <= first_row


@boards
def test_failovers_are_annotated(dashboard):
    (annotation,) = dashboard["annotations"]["list"]
    assert annotation["enable"]
    assert annotation["titleFormat"] == "Failover of {{aurora_cluster_id}}"


@boards
def test_each_dashboard_leads_to_the_others_for_the_same_time_and_variables(dashboard):
    (link,) = dashboard["links"]
    assert (link["type"], link["tags"]) == ("dashboards", ["aurora-otel"])
    assert link["includeVars"]
    assert link["keepTime"]
    assert dashboard["tags"] == ["aurora-otel"]


@boards
def test_states_have_words_and_not_only_colours(dashboard):
    """Colour alone says nothing to many people."""
    for _, panel in panels(dashboard):
        for mapping in panel["fieldConfig"]["defaults"].get("mappings") or ():
            options = mapping["options"]
            results = [options["result"]] if "result" in options else options.values()
            assert all(result["text"] for result in results)


@boards
def test_every_panel_leads_to_a_runbook_that_exists_and_to_traces_and_logs(dashboard):
    sources = {"traces": "tempo", "logs": "loki"}
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    assert {name: variables[name]["query"] for name in sources} == sources
    assert variables["runbooks"]["query"] == RUNBOOKS
    headings = {rule["alert"].lower() for rule in ALERTS}
    for _, panel in panels(dashboard):
        runbook, *others = panel["links"]
        place, _, anchor = runbook["url"].partition("#")
        assert (place, anchor in headings) == ("${runbooks}", True)
        for link, name in zip(others, sources, strict=True):
            (pane,) = parse_qs(urlsplit(link["url"]).query)["panes"]
            (explored,) = json.loads(pane).values()
            assert explored["datasource"] == f"${{{name}}}"
            assert "${job:pipe}" in str(explored["queries"])


@boards
def test_no_address_is_made_up(dashboard):
    """Whatever is named is of the same Grafana, or a variable."""
    assert "://" not in json.dumps(dashboard)


def test_the_panels_that_documents_name_are_there():
    titles = {panel["title"] for board in DASHBOARDS.values() for _, panel in panels(board)}
    titles |= {board["title"] for board in DASHBOARDS.values()}
    text = (DIRECTORY.parent / "docs" / "dashboards.md").read_text(encoding="utf-8")
    section = text.partition("## Read a failover")[2].partition("\n## ")[0]
    named = {" ".join(name.split()) for name in re.findall(r"\*([A-Z][^*]+)\*", section)}
    assert len(named) > 10
    assert named <= titles
