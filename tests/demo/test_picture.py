import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from aurora_otel.demo.picture import picture, rates
from aurora_otel.lab import Failover
from tests.demo.runs import recording, result, write

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_it_says_what_was_accepted_with_units_and_which_failover_it_was():
    said = texts(picture(result(Failover.CRASH)))
    assert "Accepted writes per second through a crash" in said
    assert "without the agent: 0 writes accepted, 3 failed" in said
    assert "with the agent: 2 writes accepted, 0 failed" in said
    assert any("seconds since the failover began" in text for text in said)


def test_its_curves_are_the_accepted_writes_of_each_run():
    svg = ET.fromstring(picture(result()))
    curves = {
        curve.get("class"): [tuple(map(float, at.split(","))) for at in curve.get("points").split()]
        for curve in svg.iter(f"{SVG}polyline")  # the legend's samples come first
    }
    assert len(curves) == 2
    assert len({y for _, y in curves["without"]}) == 1  # none accepted
    base = curves["without"][0][1]
    assert [y < base for _, y in curves["with"]].count(True) == 2 * 2  # two bins, two corners each
    assert all(len(curve) == 2 * len(rates(result().without)) for curve in curves.values())


def test_a_rate_counts_what_was_accepted_in_whole_bins():
    calls = [write("writer-1", at, at) for at in (0.1, 10.0, 10.4, 10.6)]
    run = replace(recording(*calls), started=0.3, ended=19.8)
    counted = rates(run)
    assert counted[0][0] == -9.5
    assert counted[-1] == (9.0, 0)
    assert dict(counted)[0] == 4
    assert dict(counted)[0.5] == 2
    assert sum(rate for _, rate in counted) == 6


def test_a_run_without_a_whole_bin_has_no_curve():
    with pytest.raises(ValueError, match="too short"):
        rates(replace(recording(), started=10.1, ended=10.4))


def test_it_is_read_in_both_schemes_and_asks_no_other_host():
    svg = picture(result())
    assert "prefers-color-scheme: dark" in svg
    assert 'class="page"' in svg
    assert re.findall(r"url\(|href|src=", svg) == []
