"""The documents: where they are in an installed package, and in a checkout."""

from __future__ import annotations

from pathlib import Path

_INSTALLED = Path(__file__).with_name("data")
_CHECKOUT = Path(__file__).parents[2] / "docs"


def documents() -> dict[str, Path]:
    """Return every document by its name, which is its file's without the ending."""
    place = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return dict(sorted((file.stem, file) for file in place.glob("*.md")))


def title(document: Path) -> str:
    """Return a document's title, its first line."""
    return document.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
