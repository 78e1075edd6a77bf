"""The pictures of the dashboards: what is drawn is what the queries return."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.dashboards.committed import DASHBOARDS, panels
from tests.dashboards.picture import picture

PICTURES = Path(__file__).parents[2] / "docs" / "dashboards"
boards = pytest.mark.parametrize("uid", DASHBOARDS)


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter() if element.text]


@boards
def test_the_committed_picture_has_every_panel_and_asks_no_other_host(uid):
    svg = (PICTURES / f"{uid}.svg").read_text(encoding="utf-8")
    shown = texts(svg)
    for _, panel in panels(DASHBOARDS[uid]):
        assert any(panel["title"].startswith(text.rstrip("…")) for text in shown), panel["title"]
    assert re.findall(r"(?:href|src|url)\b", svg) == []
    assert set(re.findall(r"https?://[^\"]+", svg)) == {"http://www.w3.org/2000/svg"}


@boards
def test_figures_are_what_prometheus_answers(uid, run):
    shown = texts(picture(DASHBOARDS[uid], run.prometheus, run.start, run.end))
    panel = next(one for _, one in panels(DASHBOARDS[uid]) if one["title"] == "Stale connections")
    (place,) = (at for at, text in enumerate(shown) if text == panel["title"])
    assert shown[place + 1] == "0"
    if uid == "aurora-connections":
        row = shown[shown.index("billing") :][:4]
        assert row[2:] == ["cleanup", "1"]
