"""`aurora-otel lab`: a cluster to fail over by hand or from a script."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

from aurora_otel.lab.cluster import Cluster
from aurora_otel.lab.display import HELP, Display, JsonDisplay, RichDisplay
from aurora_otel.lab.dns import WRITER
from aurora_otel.lab.errors import LabError
from aurora_otel.lab.failover import Failover
from aurora_otel.lab.instances import Condition

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from types import FrameType

_RESTART_AFTER = 5.0  # seconds until a crashed instance comes back, as Aurora would restart it


def run(args: argparse.Namespace) -> int:
    """Run the command until it has to end; returns its exit status."""
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        display: Display = JsonDisplay() if args.json else RichDisplay()
        cluster = Cluster(args.name, engine=args.engine, kind=args.kind, dns_lag=args.dns_lag)
        try:
            with display.starting(cluster):
                cluster.start()
            display.ready(cluster)
            _Console(cluster, display).run(args)
        except KeyboardInterrupt:
            pass
        finally:
            cluster.stop()
        display.event("stopped", "Stopped; nothing is left behind.")
    except (LabError, ValueError) as error:
        print(f"aurora-otel lab: {error}", file=sys.stderr)  # noqa: T201 -- the command's output
        return 1
    finally:
        signal.signal(signal.SIGTERM, previous)
    return 0


class _Console:
    """Does what is typed, and what is due."""

    def __init__(self, cluster: Cluster, display: Display) -> None:
        self._cluster = cluster
        self._display = display
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._typed = b""
        self._listening = True
        self._ended = False

    def run(self, args: argparse.Namespace) -> None:
        """Return at `quit`, at the end of the input, or when the time is over."""
        if args.failover is not None:
            self._later(args.after, lambda: self._fail_over(Failover(args.failover), None))
        if args.duration is not None:
            self._later(args.duration, self._end)
        # A script has nothing to type: without input it is the options that say when to end.
        stay = not sys.stdin.isatty() and (args.failover or args.duration is not None)
        self._display.prompt()
        while not self._ended:
            if self._wait():
                self._read()
            if not self._listening and not stay:
                return
            now = time.monotonic()
            due = [action for at, action in self._due if at <= now]
            self._due = [item for item in self._due if item[0] > now]
            for action in due:
                self._guard(action)

    def _wait(self) -> bool:
        """Wait for input or until something is due; return whether there is input."""
        timeout = None
        if self._due:
            timeout = max(0.0, min(at for at, _ in self._due) - time.monotonic())
        return bool(select.select([0] if self._listening else [], [], [], timeout)[0])

    def _read(self) -> None:
        data = os.read(0, 4096)
        self._listening = bool(data)
        *lines, self._typed = (self._typed + data).split(b"\n")
        for line in lines:
            words = line.decode(errors="replace").split()
            if words and not self._ended:
                self._guard(lambda words=words: self._obey(*words))  # type: ignore[misc]
            if not self._ended:
                self._display.prompt()

    def _obey(self, command: str, target: str | None = None, *_: str) -> None:
        if command in {kind.value for kind in Failover}:
            self._fail_over(Failover(command), target)
        elif command == "promote":
            self._promote(target)
        elif command == "thaw":
            self._thaw()
        elif command == "recover":
            self._recover()
        elif command == "status":
            self._display.status(self._cluster)
        elif command in {"quit", "exit"}:
            self._end()
        else:
            known = command == "help"
            self._display.event(
                "help" if known else "error", HELP, message=None if known else command
            )

    def _fail_over(self, kind: Failover, target: str | None) -> None:
        switch = self._cluster.failover(kind, target=target)
        published = (switch.published or switch.began) - switch.began
        self._display.event(
            "failover",
            f"{kind.value}: {switch.new_writer} is the writer now, {switch.old_writer} was;"
            f" the topology named it after {published:.2f} s{self._where()}",
            kind=kind.value,
            old_writer=switch.old_writer,
            new_writer=switch.new_writer,
            published_seconds=round(published, 4),
        )
        if kind is Failover.CRASH:
            self._later(_RESTART_AFTER, lambda: self._restart(switch.old_writer))

    def _where(self) -> str:
        """Return where the name of one server at a time leads now, in words."""
        if self._cluster.kind != "single":
            return ""
        host, (address, _) = self._cluster.host(WRITER), self._cluster.address(WRITER)
        return f"; the name {host} leads to {address} now"

    def _promote(self, target: str | None) -> None:
        old = self._cluster.writer
        instance = target or next(iter(self._cluster.readers), "")
        self._cluster.promote(instance, publish=True)
        text = f"{instance} accepts writes, too; {old} goes on as it was"
        self._display.event("promoted", text, instance=instance, beside=old)

    def _thaw(self) -> None:
        for instance in self._cluster.instances:
            if self._cluster.condition(instance) is Condition.HUNG:
                self._cluster.thaw(instance)
                text = f"{instance} goes on as what it was"
                self._display.event("thawed", text, instance=instance)

    def _restart(self, instance: str) -> None:
        if self._cluster.condition(instance) is Condition.DOWN:
            self._cluster.recover(instance)
            self._back(instance)

    def _recover(self) -> None:
        for instance in self._cluster.instances:
            condition = self._cluster.condition(instance)
            if condition is Condition.DEMOTED:
                self._cluster.rejoin(instance)
            elif condition in {Condition.DOWN, Condition.HUNG}:
                self._cluster.recover(instance)
            else:
                continue
            self._back(instance)

    def _back(self, instance: str) -> None:
        self._display.event("recovered", f"{instance} is back, as a reader", instance=instance)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._due.append((time.monotonic() + seconds, action))

    def _end(self) -> None:
        self._ended = True

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (LabError, ValueError) as error:
            self._display.event("error", str(error), message=str(error))


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
