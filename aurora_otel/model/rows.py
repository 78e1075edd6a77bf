"""What a statement of the agent's own returns."""

from __future__ import annotations

from collections.abc import Sequence

# Every value as text, or None for NULL.
Rows = Sequence[Sequence[str | None]]
