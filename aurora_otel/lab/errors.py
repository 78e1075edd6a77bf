"""What can go wrong in a lab."""

from __future__ import annotations


class LabError(RuntimeError):
    """The lab could not do what it was asked; the message says why and what to do."""


class StatementError(LabError):
    """A statement of the lab's own failed on one of its servers."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
