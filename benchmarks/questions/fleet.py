"""What do ten thousand processes do to the servers at one failover?"""

from __future__ import annotations

from aurora_otel.model.pace import LOGINS_PER_SECOND, SPREAD
from aurora_otel.monitoring.paces import MASS
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.fleet import NEW, Fleet, Outcome, Scenario

TITLE = "A fleet at one failover"

# In full, and in short: the same load on each server for each process.
PROCESSES = (10_000, 1_000)
CAPACITY = (500.0, 50.0)
OUTAGE = 30.0
# Connections of the application in each process.
POOL = 20
SMALL_POOL = 2
# As many connections as Aurora allows by default at most, and as many processes as these are a mass
# loss to.
ALLOWED = 5_000
ORDINARY = (ALLOWED // MASS, ALLOWED // MASS // 10)


def measure(bench: Bench) -> Answer:
    """Simulate a crash under a fleet, on servers with and without a limit, and late names."""
    processes, capacity = (bench.pick(*each) for each in (PROCESSES, CAPACITY))
    # Each process has lost as many as make a mass loss, or its whole pool.
    many, few = PROCESSES[0] * POOL, PROCESSES[0] * MASS
    quick = Fleet(Scenario(processes, POOL, OUTAGE, None, allowed=many)).run()
    slow = Fleet(Scenario(processes, SMALL_POOL, OUTAGE, capacity, allowed=few)).run()
    ordinary = bench.pick(*ORDINARY)
    usual = Fleet(Scenario(ordinary, MASS, OUTAGE, capacity, allowed=ALLOWED)).run()
    misrouted = Fleet(Scenario(processes, POOL, OUTAGE, None, is_misrouted=True)).run()
    both = Fleet(Scenario(processes, SMALL_POOL, OUTAGE, capacity, is_misrouted=True)).run()
    of_ordinary = f"{ALLOWED:,} connections allowed, {capacity:g} logins/s"
    per_process = sum(sum(each.values()) for each in slow.logins.values()) / processes
    figures = (
        _worst("servers without a limit", quick, processes * POOL),
        _worst(f"{capacity:g} logins/s", slow, processes * SMALL_POOL),
        _detected(slow, 0.5, 5.0, f"{capacity:g} logins/s"),
        _detected(slow, 1.0, 45.0, f"{capacity:g} logins/s"),
        _worst(of_ordinary, usual, ordinary * MASS),
        _detected(usual, 0.5, 5.0, of_ordinary),
        _detected(usual, 1.0, 45.0, of_ordinary),
        _worst("misrouted", misrouted, processes * POOL),
        _detected(misrouted, 0.5, 5.0, "misrouted"),
        _detected(misrouted, 1.0, 45.0, "misrouted"),
        _detected(both, 0.5, 5.0, f"misrouted, {capacity:g} logins/s"),
        _detected(both, 1.0, 45.0, f"misrouted, {capacity:g} logins/s"),
        Figure("logins of each process at the readers", Spread.of([per_process]), ""),
    )
    bars = {f"{share:.0%} of the processes": _seconds(slow, share) for share in (0.5, 0.9, 1.0)}
    notes = (
        f"Simulated, with the agent's own pace: {processes:,} processes lose the writer within"
        f" 0.1 s; {OUTAGE:g} s later one of two readers is promoted, and each process opens"
        f" {POOL} connections there within a second, or {SMALL_POOL} where a server carries out"
        f" {capacity:g} logins a second. A login that is given up costs the server all the same."
        " A process detects when the new writer answers on the connection that it has kept, or on"
        " the first one that the application opens there itself."
        f" {ALLOWED:,} connections allowed: {ordinary:,} processes lose {MASS} each, and open as"
        " many again. There cannot be more of them, so that their first logins are spread over"
        f" {ORDINARY[0] / LOGINS_PER_SECOND:.1f} s instead of {SPREAD:g} s. Misrouted: the old"
        " writer stays up"
        " as a reader, and the application's connects lead to it until there is a verdict, or the"
        " agent puts its own login at the writer that is named off."
    )
    return Answer(figures, Bars("s after the promotion", bars), notes)


def _worst(title: str, outcome: Outcome, reconnects: int) -> Figure:
    share = 100 * outcome.most(NEW) / reconnects
    name = f"{title}: worst second at the new writer, of the application's reconnects"
    return Figure(name, Spread.of([share]), "%", 10.0)


def _detected(outcome: Outcome, share: float, limit: float, title: str) -> Figure:
    name = f"{title}: {share:.0%} of the processes have detected"
    return Figure(name, _seconds(outcome, share), "s", limit)


def _seconds(outcome: Outcome, share: float) -> Spread:
    return Spread.of([outcome.within(share)])
