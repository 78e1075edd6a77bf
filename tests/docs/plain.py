"""The sentences of a document, and how long they are."""

from __future__ import annotations

import re

_FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4}|\t).*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"`[^`]*`")
# What begins something new: a heading, an item of a list, a cell of a table, an empty line.
_BREAK = re.compile(r"^#+ .*$|^\s*(?:[-*]|\d+\.) |^\s*$|\|| · |^:::.*$", re.MULTILINE)
_END = re.compile(r"[.!?;](?=[\s)\"*]|$)(?<!e\.g\.)(?<!i\.e\.)|:\s*$", re.MULTILINE)


def sentences(markdown: str) -> list[str]:
    """Return the sentences of a document, without code. Lists and tables are taken apart.

    A semicolon ends one, too; a colon only at the end of a line, before a list or an example.
    """
    text = _FENCED.sub("", markdown)
    text = _INDENTED.sub(lambda found: found[0] if _is_text(found[0]) else "", text)
    text = _LINK.sub(r"\1", text)
    text = _CODE.sub("code", text)
    parts = (part for block in _BREAK.split(text) for part in _END.split(block))
    return [" ".join(part.split()) for part in parts if words(part)]


def words(sentence: str) -> int:
    """Return how many words a sentence has."""
    return len(re.findall(r"[A-Za-z][\w'-]*", sentence))


def _is_text(line: str) -> bool:
    """Return whether an indented line goes on with an item of a list, as far as shows."""
    return bool(re.match(r"\s*(?:[-*]|\d+\.) ", line))
