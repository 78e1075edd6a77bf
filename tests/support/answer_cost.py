"""What an endless answer costs: `python -m tests.support.answer_cost DRIVER PORT`.

For each kind of answer of `tests.support.hostile`, asks for it on a fresh connection and on a
monitoring one; writes a line of JSON with what came of each and the memory that it took, in KiB.
What is known to have no limit is left out.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import sys
from pathlib import Path

from aurora_otel.drivers import REGISTRY
from aurora_otel.drivers.dbapi import Adapter as DbapiAdapter
from aurora_otel.drivers.dbapi.traits import Traits
from aurora_otel.runtime.effects import Reconnect
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import BY_ID, Place
from tests.support.drivers.unknown import UNKNOWN

ANSWERS = ("rows", "row", "columns")
# Read with the interpreter's lock held, and ended by nothing: see docs/reliability.md.
UNLIMITED = {("mariadb", "row", "fresh")}
SECONDS = 10.0
_RESET_PEAK = "5"


class _Listener:
    """The hooks: keeps what was opened last."""

    def opened(self, driver, opening):
        self.opening = opening
        return opening.connection

    def opened_steps(self, driver, opening):
        yield from ()
        return self.opened(driver, opening)

    def connect_steps(self, _, attempt):
        connection = yield Reconnect(attempt.connect)
        self.opening = attempt.opening(connection)
        return connection

    def goes_straight(self, _):
        return False

    def guarded(self, question, *args):
        return question(*args)


def _memory(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def _measured(ask) -> tuple[str, int]:
    gc.collect()
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    before = _memory("VmRSS")
    try:
        outcome = f"{len(ask())} rows"
    except Exception as error:  # noqa: BLE001 - each driver has its own
        outcome = "over" if isinstance(error, TimeoutError) else type(error).__name__
    return outcome, _memory("VmHWM") - before


def _driver(descriptor):
    """Return the agent's side of a driver, and the module that it patches."""
    for known in REGISTRY:
        if known.name == descriptor.name:
            return known.load(), importlib.import_module(known.module)
    traits = Traits(name=descriptor.name, system=descriptor.engine.name, **descriptor.traits)
    return DbapiAdapter(descriptor.dbapi, traits), descriptor.dbapi


def main(driver_id: str, port: int) -> None:
    """Write what each answer costs."""
    descriptor = (BY_ID | {each.id: each for each in (*UNKNOWN, *ASYNC_DRIVERS)})[driver_id]
    driver, module = _driver(descriptor)
    hooks = _Listener()
    driver.install(module, hooks, None)
    arguments = descriptor.arguments(Place("127.0.0.1", "127.0.0.1", port, "app", "pw", "app"))
    kept = []
    for answer in ANSWERS:
        statement = f"SELECT aurora {answer} "
        application = descriptor.open(arguments)
        connection, login = hooks.opening.connection, hooks.opening.login
        monitor = driver.monitor(login, None, SECONDS)
        kept.append((application, monitor))
        cost = {}
        for name, ask in (
            ("fresh", lambda *args, of=connection: descriptor.outcome(driver.ask(of, *args))),
            ("monitor", monitor.ask),
        ):
            if (descriptor.name, answer, name) in UNLIMITED:
                continue
            ask("SELECT 1", SECONDS)
            cost[name] = _measured(functools.partial(ask, statement, SECONDS))
        sys.stdout.write(json.dumps({"answer": answer, **cost}) + "\n")
        sys.stdout.flush()
    # What is kept sends no goodbye, which may read on.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
