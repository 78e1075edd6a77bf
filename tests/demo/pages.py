"""What a report's page and a JSON say, in one form."""

import json

from aurora_otel.demo.report.figure_table import flat


def figures_with_words(page):
    """Return the figures of an open page: path, value, and what is shown."""
    found = page.evaluate(
        "[...document.querySelectorAll('[data-figure]')]"
        ".map(one => [one.dataset.figure, one.value, one.textContent])"
    )
    assert len({key for key, *_ in found}) == len(found)
    return [(key, json.loads(value), text) for key, value, text in found]


def figures_shown(page):
    """Return the figures of an open page by their paths."""
    return {key: value for key, value, _ in figures_with_words(page)}


def figures_in(document):
    """Return the figures of all runs in a JSON document by their paths."""
    runs = {name: one for name, one in document.items() if name.startswith("with")}
    return {key: list(one) if isinstance(one, tuple) else one for key, one in flat(runs)}
