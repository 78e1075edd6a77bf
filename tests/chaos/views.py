"""Views of the topology that cannot be true."""

from __future__ import annotations

from aurora_otel.lab import Member

_MASTER = "MASTER_SESSION_ID"


def contradicting(writer: str, instances: tuple[str, ...]) -> list[Member]:
    """Return a view that names `writer`."""
    return [
        Member(each, _MASTER if each == writer else f"reader of {writer}") for each in instances
    ]


def garbage(instances: tuple[str, ...]) -> tuple[list[Member], ...]:
    """Return views that make no sense."""
    return (
        [],
        [Member(None, None, age=None)],
        [Member(each, _MASTER) for each in instances],
        [Member(each, None) for each in instances],
        [Member(f"stranger-{number}", str(number)) for number in range(500)],
        [Member("stranger", _MASTER)],
        [Member("'; DROP TABLE writes; --\n\x1b[31m", _MASTER)],
        [Member("x" * 10_000, _MASTER, age=-1e9)],
        [Member(each, _MASTER, age=1e6) for each in instances],
    )
