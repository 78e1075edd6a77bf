import re
from xml.etree import ElementTree as ET

from aurora_otel.demo.picture import picture
from tests.demo.runs import result


def text(svg):
    """What the picture says, without the spaces that it is laid out with."""
    found = "".join(ET.fromstring(svg).itertext())
    return re.sub(r"\s+", " ", found.replace("\xa0", " "))


def test_it_shows_the_figures_the_spans_and_the_promises_and_not_the_metrics():
    said = text(picture(result()))
    assert "sessions left on the old writer 20 0" in said
    assert "invalidate connections" in said
    assert "✓ kept" in said
    assert "aurora.failovers" not in said


def test_it_asks_no_other_host():
    assert "url(http" not in picture(result())
    assert "href" not in picture(result())
