from pathlib import Path

from aurora_otel.telemetry import agent_names, names
from aurora_otel.telemetry.document import render

DOCUMENT = Path(__file__).parents[2] / "docs" / "telemetry.md"


def test_the_document_is_what_the_code_says():
    assert DOCUMENT.read_text(encoding="utf-8") == render(), (
        "stale: run `python -m aurora_otel.telemetry.document > docs/telemetry.md`"
    )


def test_every_name_is_in_the_document():
    text = render()
    agents = (*agent_names.ATTRIBUTES, *agent_names.METRICS)
    for named in (*names.ATTRIBUTES, *names.METRICS, *names.SPANS, *agents):
        assert f"`{named.name}`" in text
    for record in (*names.LOGS, *agent_names.LOGS):
        assert f"| {record.level} | `{record.message}` |" in text
