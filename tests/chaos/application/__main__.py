"""The process: commands come in on standard input, and facts go out on standard output, as JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
import threading
import time
import traceback
from collections import Counter
from typing import Any

from aurora_otel import AuroraInstrumentor
from aurora_otel.instrumentor import running_agent
from tests.chaos.application import bugs, tasks, witness
from tests.chaos.application.database import Database
from tests.chaos.application.errands import Errands
from tests.chaos.application.exporting import Backend, Mode, providers
from tests.chaos.application.mysql import MySQL
from tests.chaos.application.pools import SIZE
from tests.chaos.application.postgresql import PostgreSQL
from tests.chaos.application.reporting import Reporter
from tests.chaos.application.resources import Resources, settle
from tests.chaos.application.workers import PoolUser, Reader, Single, Writer, stacks
from tests.chaos.facts import Left

_CHECK_EVERY = 0.2
# Seconds in which a call must return when nothing is wrong any more.
_PATIENCE = 20.0
_ENGINES: dict[str, Any] = {"postgresql": PostgreSQL, "mysql": MySQL}
_SETTINGS = {
    "prune_interval": 0.5,
    "refresh_window": 15,
    "stuck_after": 2,
    "rds_api": "off",
}


class Application:
    """The application.

    Args:
        start: what it is started with: `engine`, `logins`, `password`, `settings`, `bug`, `loops`.
    """

    def __init__(self, start: dict[str, Any]) -> None:
        self.reporter = Reporter()
        _report_the_unhandled(self.reporter)
        self.database: Database = _ENGINES[start["engine"]](start["logins"], start["password"])
        self.backend = Backend()
        self._stopped = threading.Event()
        self._has_loops: bool = start["loops"]
        self._errands = Errands(self.database, self.reporter)
        self._workers: list[threading.Thread] = []
        self._reported_failures: Counter[str] = Counter()
        tracers, meters = providers(self.backend)
        self._warm_up()
        # What is there from now on has to be gone at the end.
        self._began = Resources.now()
        witness.watch(self.reporter, self.database)
        if start["bug"]:
            bugs.BUGS[start["bug"]]()
        AuroraInstrumentor().instrument(
            tracer_provider=tracers,
            meter_provider=meters,
            **start["settings"],
            **_SETTINGS,
        )
        self._agent: Any = running_agent()
        self._begin()

    def command(self, what: str, arguments: dict[str, Any]) -> None:
        """Carry a command out."""
        if what == "password":
            self.database.password = arguments["password"]
        elif what == "exports":
            self.backend.become(Mode(arguments["mode"]))
        elif what == "stop":
            self._stop()
        else:
            self._errands.begin(what, arguments["choice"])

    def check(self) -> None:
        """Report what the agent shows now."""
        self.reporter.report(witness.balance(self._agent, self.database))
        new = Counter(self._agent.shield.failures) - self._reported_failures
        for failure in new:
            self.reporter.raised("inside the agent", failure)
        self._reported_failures += new

    def _warm_up(self) -> None:
        """Do everything once: what libraries keep for ever is none of our business."""
        for driver in self.database.drivers:
            self.database.connect(driver, "writer").close()
        for pool in self.database.pools():
            pool.close()
        if self._has_loops:
            asyncio.run(tasks.warm_up(self.database.libraries()))
        self.database.received = 0
        gc.collect()

    def _begin(self) -> None:
        self._pools = self.database.pools()
        self._workers = [
            self._single(Writer, 0, "writer"),
            self._single(Writer, 0, "writer", autocommit=False),
            self._single(Writer, 1, "writer", autocommit=False),
            self._single(Writer, 1, "private"),
            self._single(Writer, 0, "custom"),
            *(
                self._single(Writer, 1, target)
                for target in self.database.targets
                if target.startswith("lab")
            ),
            self._single(Reader, 0, "reader"),
            self._single(Reader, 1, "reader", autocommit=False),
            # One more than there are connections: they wait for each other.
            *(
                PoolUser(number, pool, self.reporter, self._stopped)
                for pool in self._pools
                for number in range(1, SIZE + 2)
            ),
        ]
        if self._has_loops:
            libraries, pools = self.database.libraries(), self.database.loop_pools()
            loop = tasks.EventLoop(libraries, pools, self.reporter, self._stopped)
            self._workers.append(loop)
        for worker in self._workers:
            worker.start()
        self._checking = threading.Thread(target=self._check_on, name="checks", daemon=True)
        self._checking.start()

    def _single(
        self, kind: type[Single], driver: int, target: str, *, autocommit: bool = True
    ) -> Single:
        drivers = self.database.drivers
        return kind(
            self.database,
            self.reporter,
            self._stopped,
            driver=drivers[driver % len(drivers)],
            target=target,
            autocommit=autocommit,
        )

    def _check_on(self) -> None:
        while not self._stopped.wait(_CHECK_EVERY):
            self.check()

    def _stop(self) -> None:
        """Close everything, and report what is left."""
        self._stopped.set()
        deadline = time.monotonic() + _PATIENCE
        threads = [*self._workers, *self._errands.threads, self._checking]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        stuck = [thread for thread in threads if thread.is_alive()]
        what = "calls that never return"
        self.reporter.report(Left(time.monotonic(), what, 0, len(stuck), stacks(stuck)))
        for pool in self._pools:
            pool.close()
        self._workers.clear()
        self._pools.clear()
        del threads, stuck
        self._errands = Errands(self.database, self.reporter)
        gc.collect()
        settle(lambda: witness.balance(self._agent, self.database).open == 0)
        self.check()
        self.reporter.report(witness.balance(self._agent, self.database, final=True))
        AuroraInstrumentor().uninstrument()
        settle(self._began.is_back)
        for left in self._began.compared_with(Resources.now()):
            self.reporter.report(left)
        self.reporter.count("connections", self.database.received)
        self.reporter.sum_up()


def _report_the_unhandled(reporter: Reporter) -> None:
    """Report every uncaught exception: of a thread, or of a finalizer."""

    def in_thread(hook: threading.ExceptHookArgs) -> None:
        trace = "".join(traceback.format_tb(hook.exc_traceback))
        reporter.raised(f"thread {getattr(hook.thread, 'name', '?')}", repr(hook.exc_value), trace)

    def unraisable(hook: Any) -> None:
        trace = "".join(traceback.format_tb(hook.exc_traceback))
        reporter.raised(f"unraisable: {hook.object!r}", repr(hook.exc_value), trace)

    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


def main() -> None:
    """Do what standard input says until it ends."""
    # Everything is logged, and nothing is printed: exporters and pools fail on purpose.
    logging.basicConfig(level=logging.DEBUG, handlers=[logging.NullHandler()])
    start = json.loads(sys.stdin.readline())
    application = Application(start)
    for line in sys.stdin:
        command = json.loads(line)
        application.command(command.pop("do"), command)


main()
