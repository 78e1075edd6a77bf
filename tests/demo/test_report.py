"""The report's page, as headless Chromium shows it."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from aurora_otel.cli import main
from aurora_otel.demo import command
from aurora_otel.demo.report import of_demo, page
from aurora_otel.demo.report.figure_table import MEANINGS, flat
from aurora_otel.demo.report.model import Moment, MomentKind
from tests.demo.chromium import chromium
from tests.demo.pages import figures_in, figures_shown, figures_with_words
from tests.demo.runs import result, with_agent, without

CONTRAST = """
(() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => {
    const [r, g, b] = channels(colour).slice(0, 3).map(value => {
      value /= 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    throw new Error("no background");
  };
  document.querySelectorAll("details").forEach(details => details.open = true);
  const measured = [];
  for (const element of document.body.querySelectorAll("*")) {
    const shape = element.matches("svg rect, svg .moment, svg .axis");
    const text = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!shape && (!text || element.matches("title, desc, style"))) continue;
    const style = getComputedStyle(element);
    const colour = element.matches("svg line") ? style.stroke
      : element.closest("svg") ? style.fill : style.color;
    const [light, dark] = [luminance(colour), luminance(background(element))]
      .sort((a, b) => b - a);
    measured.push([shape ? "shape" : "text", (light + 0.05) / (dark + 0.05),
      `${element.tagName}.${element.getAttribute("class")} ${colour}`]);
  }
  return measured;
})()
"""
LEAST = {"text": 4.5, "shape": 3}
"""Least contrast by WCAG 2.2, AA: of text, and of what graphics consist of."""


@pytest.fixture(scope="module")
def browser():
    with chromium() as page:
        yield page


@pytest.fixture(scope="module")
def file(whole, tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page(of_demo(whole)), encoding="utf-8")
    return file


@pytest.fixture
def opened(browser, file):
    browser.requests.clear()
    browser.complaints.clear()
    browser.prefer("light")
    browser.open(file)
    return browser


def test_it_sends_no_request_and_complains_about_nothing(opened, file):
    assert [url for url in opened.requests if not url.startswith("data:")] == [file.as_uri()]
    assert opened.complaints == []


def test_the_browser_would_report_a_request_and_a_complaint(browser, tmp_path):
    file = tmp_path / "bad.html"
    file.write_text(
        "<!DOCTYPE html><img src='nowhere.png'><script>console.error('no')</script>",
        encoding="utf-8",
    )
    browser.requests.clear()
    browser.open(file)
    assert (tmp_path / "nowhere.png").as_uri() in browser.requests
    assert browser.complaints != []


def test_its_figures_are_those_of_the_json(opened, whole):
    assert figures_shown(opened) == figures_in(whole.as_json())
    for key, value, text in figures_with_words(opened):
        if isinstance(value, (int, float)):
            assert float(text.replace(",", "")) == pytest.approx(value, rel=1e-3), key


def test_its_promises_are_those_of_the_json_and_say_so_in_words(opened, whole):
    found = opened.evaluate(
        "[...document.querySelectorAll('[data-kept]')].map(row => ["
        "JSON.parse(row.dataset.kept), row.querySelector('th').textContent, "
        "JSON.parse(row.querySelector('data').value), row.cells[0].textContent.trim()])"
    )
    assert [
        {"kept": kept, "promise": promise, "measured": measured}
        for kept, promise, measured, _ in found
    ] == whole.as_json()["promises"]
    assert all(words == ("✓ kept" if kept else "✗ broken") for kept, *_, words in found)
    assert {kept for kept, *_ in found} == {True, False}


def test_every_figure_that_can_occur_has_words(whole):
    document = whole.as_json()
    assert {key for name in ("without", "with") for key, _ in flat(document[name])} <= set(MEANINGS)


def test_one_command_writes_a_page_and_a_json_that_agree(monkeypatch, tmp_path, browser):
    runs = {"without": without(), "with": with_agent()}
    monkeypatch.setattr(command, "record", lambda plan, _timeline: runs[plan.name])
    page, figures = tmp_path / "report.html", tmp_path / "figures.json"
    assert main(["demo", "--report", str(page), "--json", str(figures)]) == 0
    browser.open(page)
    assert figures_shown(browser) == figures_in(json.loads(figures.read_text(encoding="utf-8")))


def test_every_graphic_has_a_title_a_description_and_a_table(opened):
    graphics = opened.evaluate(
        "[...document.querySelectorAll('svg')].map(svg => ({"
        "role: svg.getAttribute('role'),"
        "names: svg.getAttribute('aria-labelledby').split(' ')"
        ".map(id => document.getElementById(id).textContent),"
        "rows: svg.closest('figure').querySelectorAll('details table tbody tr').length}))"
    )
    # Each twice, for a window of usual width and for a phone.
    assert len(graphics) == 2 * (3 + 3 + 2)
    for graphic in graphics:
        assert graphic["role"] == "img"
        assert all(len(name) > 10 for name in graphic["names"])
        assert graphic["rows"] > 0


def test_ids_are_unique_headings_skip_no_level_and_the_language_is_said(opened):
    ids = opened.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(set(ids)) == len(ids)
    levels = opened.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(one => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert opened.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_it_shows_has_contrast(opened, scheme):
    opened.prefer(scheme)
    measured = opened.evaluate(CONTRAST)
    assert {kind for kind, *_ in measured} == {"text", "shape"}
    assert [one for one in measured if one[1] < LEAST[one[0]]] == []


def test_both_schemes_differ_and_paper_is_white_in_both(opened):
    background = "getComputedStyle(document.body).backgroundColor"
    opened.prefer("dark")
    assert opened.evaluate(background) != "rgb(255, 255, 255)"
    opened.prefer("dark", media="print")
    assert opened.evaluate(background) == "rgb(255, 255, 255)"
    opened.prefer("light")
    assert opened.evaluate(background) == "rgb(255, 255, 255)"


def test_it_can_be_printed(opened):
    opened.prefer("dark", media="")
    pdf = base64.b64decode(opened.ask("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 1


@pytest.fixture
def resized(opened):
    """Gives the open page a window of so many pixels."""

    def resized(width):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        opened.ask("Emulation.setDeviceMetricsOverride", **size)
        return opened

    yield resized
    opened.ask("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("width", [360, 390, 768, 1280, 1440])
def test_nothing_sticks_out_of_a_narrow_or_a_wide_window(resized, width):
    assert resized(width).evaluate("document.documentElement.scrollWidth") <= width


HIDDEN = """
(() => {
  document.querySelectorAll("details").forEach(details => details.open = true);
  const hidden = [];
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest("svg") && !element.matches("text")) continue;
    const { left, right, width } = element.getBoundingClientRect();
    const clips = getComputedStyle(element).overflowX !== "visible";
    const outside = left < -0.5 || right > innerWidth + 0.5;
    if (width && (outside || (clips && element.scrollWidth > element.clientWidth + 1)))
      hidden.push(`${element.tagName}: ${element.textContent.slice(0, 40)}`);
  }
  return hidden;
})()
"""
# The words of a graphic that leave it, or reach into its bars from the left.
OUTSIDE = """
[...document.querySelectorAll("svg text")].filter(text => text.checkVisibility()).filter(text => {
  const box = text.getBBox(), view = text.ownerSVGElement.viewBox.baseVal;
  const name = text.matches(".name:not(.over)");
  return box.x < -1 || box.x + box.width > (name ? 170 : view.width + 1);
}).map(text => text.textContent)
"""
SMALLEST_TEXT = """
Math.min(...[...document.querySelectorAll("svg text")]
  .filter(text => text.checkVisibility())
  .map(text => text.getScreenCTM().a * parseFloat(getComputedStyle(text).fontSize)))
"""


@pytest.mark.parametrize("width", [360, 390, 1440])
def test_nothing_has_to_be_scrolled_for_on_a_phone_and_no_words_are_small(resized, width):
    page = resized(width)
    assert page.evaluate(HIDDEN) == []
    assert page.evaluate(SMALLEST_TEXT) >= 10


@pytest.mark.parametrize("width", [390, 1440])
def test_long_names_and_messages_as_a_drill_has_them_are_shown_whole(browser, tmp_path, width):
    instance = "orders-production-eu-west-1-instance-2"
    message = f"RDS: Started cross AZ failover to DB instance: {instance}"
    report = of_demo(result())
    (run, *_) = report.runs
    moments = [Moment(at, message, MomentKind.RDS) for at in (-9, 0, 9)]
    lanes = [replace(lane, name=f"{instance} (old writer)") for lane in run.connections]
    run = replace(run, moments=tuple(moments), connections=tuple(lanes))
    file = tmp_path / "drill.html"
    file.write_text(page(replace(report, runs=(run,))), encoding="utf-8")
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.ask("Emulation.setDeviceMetricsOverride", **size)
    browser.open(file)
    outside = browser.evaluate(OUTSIDE)
    browser.ask("Emulation.clearDeviceMetricsOverride")
    assert outside == []


def test_controls_are_no_promises(browser, tmp_path):
    file = tmp_path / "switchover.html"
    file.write_text(page(of_demo(result())), encoding="utf-8")
    browser.open(file)
    shown = browser.evaluate(
        "[...document.querySelectorAll('[data-shown]')].map(row => row.innerText)"
    )
    assert [row.split()[:2] for row in shown] == [["✓", "shown"]] * 2
    promises = browser.evaluate(
        "[...document.querySelectorAll('[data-kept] th')].map(one => one.innerText)"
    )
    assert not any("Without the agent" in promise for promise in promises)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, _attributes):
        self.seen.add(tag)


def test_it_needs_no_script(file):
    tags = Tags()
    tags.feed(file.read_text(encoding="utf-8"))
    assert "script" not in tags.seen
    assert "<no>" not in file.read_text(encoding="utf-8")


def test_settings_are_shown_with_what_was_set(opened):
    row = opened.evaluate(
        "[...document.querySelectorAll('tr')].find(row => row.innerText.startsWith('STUCK_AFTER'))"
        ".innerText"
    )
    assert row.split() == ["STUCK_AFTER", "10", "2"]
