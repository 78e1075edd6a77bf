"""What an object has, for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def replaced(connection: Any, name: str, method: Callable[[], Any]) -> Iterator[None]:
    """Have `method` stand in for one of an object."""
    vars(connection)[name] = method
    try:
        yield
    finally:
        vars(connection).pop(name, None)


@contextlib.contextmanager
def kept(owner: Any, names: tuple[str, ...]) -> Iterator[None]:
    """Leave attributes of `owner` as they were."""
    before = {name: vars(owner)[name] for name in names if name in vars(owner)}
    yield
    vars(owner).update(before)
