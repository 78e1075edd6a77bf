"""A contender in a process of its own, that does what is requested when it is its turn."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection as Pipe
from time import perf_counter
from types import TracebackType
from typing import Any

from benchmarks.apart import SPAWN, hush
from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Block, repeat
from benchmarks.pinned import pin
from benchmarks.place import Place


class Subject(contextlib.AbstractContextManager["Subject"]):
    """A process that serves an object's methods; a context manager.

    Args:
        make: makes the object, in that process.
    """

    def __init__(self, make: Callable[[], object]) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(make, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # It may have threads that never end, and it holds nothing that has to be closed.
        self._process.kill()
        self._process.join()

    def ask(self, name: str, *args: Any) -> Any:
        """Have it do something; return what came of it."""
        self.request(name, *args)
        return self.answer()

    def request(self, name: str, *args: Any) -> None:
        """Have it do something; its answer is fetched later."""
        self._pipe.send((name, args))

    def answer(self) -> Any:
        """Return what came of the request."""
        failed, answer = self._pipe.recv()
        if failed:
            raise RuntimeError(answer)
        return answer

    def block(self, name: str, *args: Any) -> Block:
        """Return what measures an operation in that process."""
        return lambda loops: float(self.ask(name, *args, loops))


@contextlib.contextmanager
def subjects(place: Place, *names: str) -> Iterator[dict[str, Subject]]:
    """Start the processes of these contenders."""
    with contextlib.ExitStack() as stack:
        made = {name: functools.partial(Opened, name, place) for name in names}
        yield {name: stack.enter_context(Subject(make)) for name, make in made.items()}


class Opened:
    """Connects through a contender, and calls."""

    def __init__(self, contender: str, place: Place) -> None:
        self.connect = CONTENDERS[contender](place)
        self._held: dict[str, Any] = {}

    def select(self, target: str, loops: int) -> float:
        """Run `SELECT 1` on a held connection."""
        if target not in self._held:
            connection: Any = self.connect(target)
            self._held[target] = connection
            pin(getattr(connection, "target_connection", connection).info.backend_pid)
        cursor = self._held[target].cursor()
        return repeat(lambda: cursor.execute("SELECT 1"), perf_counter)(loops)

    def open(self, target: str, more: dict[str, Any], loops: int) -> float:
        """Connect and close."""
        return repeat(lambda: self.connect(target, **more).close(), perf_counter)(loops)


def _serve(make: Callable[[], object], pipe: Pipe) -> None:
    hush()
    served = make()
    while True:
        name, args = pipe.recv()
        try:
            answer = (False, getattr(served, name)(*args))
        except Exception as error:  # noqa: BLE001 - goes to the one who asked
            answer = (True, repr(error))
        pipe.send(answer)
