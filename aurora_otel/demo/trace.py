"""The failover as its spans show it: which one, decided by what, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aurora_otel.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aurora_otel.collector import Span


@dataclass(frozen=True)
class Node:
    """A span and what it led to, in the order of their starts."""

    span: Span
    children: tuple[Node, ...]

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Span]]:
        """Yield this span and all below it, each with its depth."""
        yield depth, self.span
        for child in self.children:
            yield from child.walk(depth + 1)


@dataclass(frozen=True)
class FailoverTrace:
    """One failover.

    Args:
        tree: The `failover` span and what is below it.
        deciding: The `refresh topology` spans that it links to.
        caller: The span in which the symptom was seen, where that was exported.
    """

    tree: Node
    deciding: tuple[Span, ...]
    caller: Span | None

    @property
    def verdict_ns(self) -> int | None:
        """When the topology was decided, in Unix nanoseconds."""
        return max((span.end_ns for span in self.deciding), default=None)


def failovers(spans: Iterable[Span]) -> list[FailoverTrace]:
    """Return every failover among `spans`, the earliest first."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    children: dict[tuple[str, str], list[Span]] = {}
    for span in by_id.values():
        if span.parent_id is not None:
            children.setdefault((span.trace_id, span.parent_id), []).append(span)

    def node(span: Span) -> Node:
        below = children.get((span.trace_id, span.span_id), [])
        return Node(span, tuple(map(node, sorted(below, key=lambda child: child.start_ns))))

    roots = (span for span in by_id.values() if span.name == names.FAILOVER.name)
    return [
        FailoverTrace(
            tree=node(root),
            deciding=tuple(
                by_id[link.trace_id, link.span_id]
                for link in root.links
                if (link.trace_id, link.span_id) in by_id
            ),
            caller=by_id.get((root.trace_id, root.parent_id)) if root.parent_id else None,
        )
        for root in sorted(roots, key=lambda span: span.start_ns)
    ]
