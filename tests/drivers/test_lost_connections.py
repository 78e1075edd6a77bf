"""An invalidated connection behaves as any lost connection of its driver."""

from __future__ import annotations

import contextlib
import ssl

from aurora_otel.lab import Failover
from aurora_otel.model.detector import Detector
from aurora_otel.model.symptoms import Symptom
from tests.support.drivers.engines import WRITE
from tests.support.sql import attempt, run, write
from tests.support.waiting import eventually


def with_block(connection) -> None:
    with connection:
        pass


def with_block_around_a_statement(connection) -> None:
    with connection:
        run(connection, "SELECT 1")


def select(connection) -> None:
    run(connection, "SELECT 1")


# Each in turn, on one connection that the server is gone from.
SCRIPTS = {
    "close": [lambda c: c.close(), lambda c: c.close()],
    "rollback": [lambda c: c.rollback(), lambda c: c.rollback(), lambda c: c.close()],
    "commit": [lambda c: c.commit(), lambda c: c.close()],
    "with": [with_block, lambda c: c.close()],
    "with a statement": [with_block_around_a_statement, lambda c: c.close()],
    "statement": [
        select,
        lambda c: c.rollback(),
        select,
        lambda c: c.cursor(),
        lambda c: c.close(),
    ],
    "cursor": [
        lambda c: c.cursor().close(),
        lambda c: c.cursor().execute("SELECT 1"),
        lambda c: c.cursor().fetchall(),
        lambda c: c.close(),
    ],
}


RESET = "an error of the loop's own"


def play(driver, connection, script) -> list[object]:
    """Return what each step came to: its exception, and whether the driver says it is closed."""
    played = []
    for step in script:
        error = attempt(lambda step=step: step(connection))
        if driver.reset_differs and isinstance(error, (*driver.errors, OSError)):
            played.append(RESET if isinstance(error, RuntimeError) else "lost")
            continue
        if isinstance(error, ssl.SSLError):
            # TLS without its last word: whether that is seen before the reset is chance.
            error = ConnectionResetError()
        code = driver.code(error) if isinstance(error, driver.errors) else None
        # psycopg2 distinguishes 1 and 2 here, and both mean closed.
        played.append((type(error), code, bool(getattr(connection, "closed", None))))
    return played


def test_an_invalidated_connection_behaves_as_any_lost_one(start, cluster, link, driver):
    def prepare() -> dict[tuple[str, bool], object]:
        """Return one connection for each script: idle, and in a transaction."""
        kinds = [(name, in_transaction) for name in SCRIPTS for in_transaction in (False, True)]
        connections = {kind: link.connect() for kind in kinds}
        for (_, in_transaction), connection in connections.items():
            if in_transaction:
                run(connection, WRITE)
        return connections

    plain = prepare()  # before the agent starts
    agent = start(**link.settings)
    ours = prepare()
    switch = cluster.failover(Failover.SWITCHOVER)
    with contextlib.closing(link.connect()) as fresh:
        write(fresh)
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    # What a network that went away leaves behind; the instrumented ones are gone already.
    cluster.gateway.cut("writer")
    eventually(lambda: not (cluster.gateway.links("writer") or link.is_in_use()))

    for kind, connection in ours.items():
        script = SCRIPTS[kind[0]]
        ours_played, played = play(driver, connection, script), play(driver, plain[kind], script)
        # Where a reset is an error of the loop's own, ours is the driver's, or none in a close.
        expected = [
            as_ours if step == RESET else step
            for as_ours, step in zip(ours_played, played, strict=True)
        ]
        assert ours_played == expected, kind


def test_an_idle_connection_that_its_server_ends_is_a_symptom(
    start, cluster, link, driver, monkeypatch
):
    symptoms, symptom = set(), Detector.symptom

    def note(detector, kind, *args):
        symptoms.add(kind)
        return symptom(detector, kind, *args)

    monkeypatch.setattr(Detector, "symptom", note)
    agent = start(**link.settings, prune_interval=0.05)
    # An event loop hears of the end, and may close the socket; the driver is in no call.
    ended = link.connect()
    cluster.execute(cluster.writer, driver.engine.kill, driver.session(ended))
    eventually(lambda: agent.tracked() == 0)
    eventually(lambda: symptoms)
    assert symptoms == {Symptom.HUNG_UP}
    attempt(ended.close)
