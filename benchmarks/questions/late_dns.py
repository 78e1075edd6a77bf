"""What is lost while the writer endpoint's name goes on leading to the old writer?"""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from aurora_otel.lab import Failover, Switch, resolving
from aurora_otel.model.pace import LOGINS_PER_SECOND
from aurora_otel.monitoring.paces import MASS
from benchmarks.bench import Bench
from benchmarks.contenders import AWS_LATE_DNS, OURS, by_name
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.place import Place
from benchmarks.questions.fleet import ALLOWED
from benchmarks.subjects import Subject

TITLE = "A name that follows late"

THREADS = 4
EVERY = 0.05
# Of each kind of failover.
ROUNDS = 7
BOTH = (OURS, AWS_LATE_DNS)
# Ours may take so many times as long until a write is accepted, but for logins that are spread.
TIMES = 1.5
_WRITE = "INSERT INTO writes VALUES (1) RETURNING aurora_db_instance_identifier()"
# AWS's error after which the connection leads to the new writer.
GOES_ON = "FailoverSuccessError"


class Call(NamedTuple):
    """A write, with the connect before it where there was one.

    Attributes:
        ended: when, by `time.monotonic()`.
        accepted_by: the instance that accepted it, if one did.
    """

    ended: float
    accepted_by: str | None


class Lost(NamedTuple):
    """What a failover cost.

    Attributes:
        writes: how many failed.
        seconds: from when the new writer was there until it had accepted the first.
    """

    writes: int
    seconds: float


def measure(bench: Bench) -> Answer:
    """Fail over under ours and AWS's wrapper at once, each in a process of its own."""
    lag = float(bench.pick(15, 3))
    figures: list[Figure] = []
    bars: dict[str, Spread] = {}
    kinds = (Failover.SWITCHOVER,) if bench.quick else (Failover.SWITCHOVER, Failover.CRASH)
    ((allowed,),) = bench.cluster.execute(bench.cluster.writer, "SHOW max_connections")
    # A server that ends all connections at once has every process's first login spread.
    waits = {Failover.CRASH: _spread(int(allowed)) * 1e3 / 2}
    for kind in kinds:
        lost: dict[str, list[Lost]] = {name: [] for name in BOTH}
        for _ in range(bench.pick(ROUNDS, 1)):
            for name, each in fail_over(bench, kind, lag).items():
                lost[name].append(each)
        writes = {name: Spread.of([each.writes for each in lost[name]]) for name in BOTH}
        times = {name: Spread.of([each.seconds * 1e3 for each in lost[name]]) for name in BOTH}
        aws_writes, aws_time = writes[AWS_LATE_DNS], times[AWS_LATE_DNS]
        most, latest = aws_writes.middle, TIMES * aws_time.middle + waits.get(kind, 0.0)
        title = f"{kind.value}, DNS {lag:g} s late"
        figures += [
            Figure(f"{title}, failed writes: {OURS}", writes[OURS], "", most),
            Figure(f"{title}, failed writes: AWS", aws_writes, ""),
            Figure(f"{title}, first write: {OURS}", times[OURS], "ms", latest),
            Figure(f"{title}, first write: AWS", aws_time, "ms"),
        ]
        bars |= {f"{name}, {kind.value}": times[name] for name in BOTH}
    notes = (
        f"{THREADS} threads write every {EVERY * 1e3:.0f} ms, each on a connection through the"
        " cluster endpoint, which it opens again after an error, but for AWS's"
        " `FailoverSuccessError`, after which it goes on. The endpoint's name leads to"
        " an instance's own address, as on Aurora, and to the old writer's until the time is over."
        " A write counts as failed whatever error it or its connect gets; AWS's wrapper reports a"
        " connection that it has replaced by an error, too. The time is from when the new writer is"
        " there, and the old one takes no more, to the end of the first write that the new one has"
        " accepted, by its own word. AWS's plugins are here `initial_connection`,"
        " `aurora_connection_tracker` and `failover_v2`.\n\n"
        "Where a process sees at its first symptom that a server has ended three connections, every"
        " process has lost its own. Ours spread their first logins then, over as long as those of"
        " all take for whom the server has room; half of that goes by in the median, and the target"
        " of a crash allows for it. It is"
        f" {_spread(int(allowed)):.1f} s here, where it allows {allowed} connections, and"
        f" {_spread(ALLOWED):.1f} s where it allows {ALLOWED:,}. Meanwhile, the application's own"
        " connects find the writer, once the old one is back as a reader that names it."
    )
    return Answer(tuple(figures), Bars("ms", bars), notes)


def _spread(allowed: int) -> float:
    """Return over how many seconds logins are spread that so many connections leave room for."""
    return allowed // MASS / LOGINS_PER_SECOND


def fail_over(
    bench: Bench, kind: Failover, lag: float, contenders: Sequence[str] = BOTH
) -> dict[str, Lost]:
    """Fail over under some contenders at once; return, for each, what was lost.

    Args:
        bench: has the cluster.
        kind: what becomes of the old writer.
        lag: seconds for which the writer endpoint's name leads to the old writer.
        contenders: names of what is compared, see `benchmarks.contenders.by_name`.
    """
    cluster = bench.cluster
    cluster.heal()
    host = cluster.host("writer")
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(
                Subject(functools.partial(_Application, name, bench.place, cluster.records()[host]))
            )
            for name in contenders
        }
        for subject in running.values():
            subject.ask("begin")
        time.sleep(1)
        switch = cluster.failover(kind)
        if kind is Failover.CRASH:
            cluster.recover(switch.old_writer)
        time.sleep(lag)
        for subject in running.values():
            subject.ask("follow", cluster.address(switch.new_writer)[0])
        time.sleep(1)
        return {name: _lost(subject.ask("end"), switch) for name, subject in running.items()}


def _lost(calls: list[Call], switch: Switch) -> Lost:
    settled = max(switch.published or switch.began, switch.refused or 0)
    failed = sum(call.accepted_by is None for call in calls if call.ended > switch.began)
    accepted = [call.ended for call in calls if call.accepted_by == switch.new_writer]
    # If there was none, it was later than all that.
    return Lost(failed, min(accepted, default=max(call.ended for call in calls)) - settled)


class _Application:
    """Writes in some threads, by a name that follows when it is allowed to."""

    def __init__(self, contender: str, place: Place, address: str) -> None:
        self._addresses = {**place.addresses, place.hosts["writer"]: address}
        self._host = place.hosts["writer"]
        self._names = contextlib.ExitStack()
        self._names.enter_context(resolving(self._addresses))
        # AWS's wrapper compares addresses by it.
        socket.gethostbyname = lambda name: str(self._addresses.get(name, name))
        self._connect = by_name(contender, place)
        self._calls: list[Call] = []
        self._stopped = threading.Event()

    def begin(self) -> None:
        """Start to write."""
        for _ in range(THREADS):
            threading.Thread(target=self._write_on, daemon=True).start()

    def follow(self, address: str) -> None:
        """Have the name lead to the new writer."""
        self._addresses[self._host] = address

    def end(self) -> list[Call]:
        """Stop; return what was done."""
        self._stopped.set()
        return list(self._calls)

    def _write_on(self) -> None:
        connection: Any = None
        while not self._stopped.wait(EVERY):
            accepted_by = None
            try:
                if connection is None:
                    connection = self._connect("writer")
                cursor = connection.cursor()
                cursor.execute(_WRITE)
                accepted_by = str(cursor.fetchone()[0])
            except Exception as error:  # noqa: BLE001 - whatever a contender makes of it
                if type(error).__name__ != GOES_ON:
                    connection = None
            self._calls.append(Call(time.monotonic(), accepted_by))
