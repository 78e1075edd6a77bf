"""`docs/design.md`: the files are there, and entered in the order that it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg_pool import ConnectionPool

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.sql import attempt, run, write
from tests.support.waiting import eventually

PACKAGE = Path(aurora_otel.__file__).parent
TEXT = (PACKAGE.parent / "docs" / "design.md").read_text(encoding="utf-8")
WALKS = dict(
    re.findall(r"^\| ((?:a|the) [a-z' ]+) \| (.*`agent(?:_hooks)?.py`.*) \|$", TEXT, re.MULTILINE)
)
FILE = re.compile(r"`([a-z_/0-9]+\.py)`")
# What a row says in words, for the driver and the pool of these tests.
IN_WORDS = {
    "the driver's file": "`drivers/psycopg.py`",
    "the driver's `ask`": "`drivers/psycopg.py`",
    "the pool's file": "`pools/psycopg_pool.py`",
    "the runner": "`runtime/blocking.py`",
    " or `runtime/coroutines.py`": "",
    # psycopg has no method to watch but the one through which all network operations pass.
    "`drivers/common/watching.py` or `drivers/common/async_watching.py`; ": "",
}


def path(name: str) -> str:
    """Return a file's path in the package: in `hooks/` unless another package is named."""
    return next(each for each in (f"hooks/{name}", name) if (PACKAGE / each).exists())


def steps(walk: str) -> list[str]:
    """Return the steps of a row, each with the file that is entered first."""
    text = WALKS[walk]
    for words, file in IN_WORDS.items():
        text = text.replace(words, file)
    return re.split(r"; ", text)


class Walk:
    """The files of the package that one thing enters, each at its first time."""

    def __init__(self) -> None:
        self.entered: list[str] = []

    def __enter__(self):
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _note(self, frame, event, _):
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(PACKAGE):
            name = file.relative_to(PACKAGE).as_posix()
            if name not in self.entered:
                self.entered.append(name)


def follow(walk: str, done) -> None:
    """Do something; check that it enters what the row says, in that order, and nothing beside."""
    check(walk, entered(done))


def entered(done) -> list[str]:
    """Do something; return the files that it enters, in their order."""
    with Walk() as seen:
        done()
    return seen.entered


def check(walk: str, seen: list[str]) -> None:
    """Check that these files are what the row says, in that order, and nothing beside."""
    always, listed = [], []
    for step in steps(walk):
        first, *others = map(path, FILE.findall(step))
        listed += [each for each in (first, *others) if each not in listed]
        if not re.search(r"\bif\b", step):
            always.append(first)
    order = [each for each in seen if each in listed]
    assert [each for each in always if each not in order] == []
    main = list(dict.fromkeys(always))
    assert [each for each in order if each in main] == main
    use_cases = {each for each in seen if each.startswith(("hooks/", "monitoring/"))}
    assert use_cases <= set(listed)


@pytest.mark.parametrize("name", sorted(set(FILE.findall(TEXT))))
def test_a_file_that_is_named_is_there(name):
    assert path(name)


def test_a_new_connection_enters_the_files_in_their_order(start, cluster):
    start()
    known = psycopg.connect(cluster.dsn("writer"))
    made = []
    follow("a new connection", lambda: made.append(psycopg.connect(cluster.dsn("writer"))))
    for each in (known, *made):
        each.close()


def test_a_failing_call_enters_the_files_in_their_order(start, cluster):
    start()
    connection = psycopg.connect(cluster.dsn("writer"), autocommit=True)
    cluster.failover(Failover.SWITCHOVER)
    follow("a failing call", lambda: attempt(lambda: write(connection)))
    attempt(connection.close)


def test_a_checkout_enters_the_files_in_their_order(start, cluster):
    start()
    with ConnectionPool(cluster.dsn("writer"), min_size=1, max_size=1) as pool:
        pool.wait(20)

        def check_out():
            with pool.connection() as connection:
                run(connection, "SELECT 1")

        check_out()
        follow("a pool's checkout", check_out)


def test_a_scrape_enters_the_files_in_their_order(start, cluster):
    agent = start(prune_interval=600)
    agent.exported.metric("aurora.connection.count")

    def scrape_after_an_end():
        psycopg.connect(cluster.dsn("writer")).close()
        seen = entered(lambda: agent.exported.metric("aurora.connection.count"))
        # A round of the background loop reports what ended, too, where it comes first.
        return seen if "telemetry/emission.py" in seen else None

    check("a scrape", eventually(scrape_after_an_end))
