"""Each driver is given back as it was, and can be taken again; its types stay its own."""

from __future__ import annotations

import contextlib
import inspect
import sys

import pytest

import aurora_otel
from aurora_otel import AuroraInstrumentor
from tests.support.sql import run
from tests.support.upstream import UPSTREAM


def contents(package: str) -> dict[tuple[object, str], object]:
    """Return every attribute of the modules of a package, and of the classes in them."""
    modules = [
        module
        for name, module in list(sys.modules.items())
        if name == package or name.startswith(f"{package}.")
    ]
    classes = {
        id(found): found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and found.__module__.partition(".")[0] == package
    }
    return {
        (owner, name): value
        for owner in (*modules, *classes.values())
        for name, value in vars(owner).items()
        # A driver may take down when it did something last.
        if type(value) is not float
    }


def changed(before, after) -> list[object]:
    """Return what is not the very object that it was; a wrapper may equal what it wraps."""
    both = before.keys() | after.keys()
    return [key for key in both if before.get(key, before) is not after.get(key, after)]


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream's wrappers come and go with ours")
def test_uninstrumenting_puts_back_the_very_objects(start, cluster, connect, driver):
    with contextlib.closing(connect()) as plain:
        run(plain, "SELECT 1")
    before = contents(driver.package)
    start(**driver.settings(cluster))
    connect().close()
    assert changed(before, contents(driver.package))
    AuroraInstrumentor().uninstrument()
    assert changed(before, contents(driver.package)) == []


def test_what_is_patched_shows_its_own_parameters(start, cluster, connect, driver):
    connect().close()
    before = contents(driver.package)
    start(**driver.settings(cluster))
    connect().close()
    after = contents(driver.package)
    functions = [key for key in changed(before, after) if inspect.isfunction(before.get(key))]
    for key in functions:
        assert inspect.signature(after[key]) == inspect.signature(before[key])
        if not hasattr(before[key], "__wrapped__"):
            assert inspect.getfullargspec(after[key]) == inspect.getfullargspec(before[key])


def test_instrumenting_again_tracks_again(start, cluster, connect, driver):
    settings = driver.settings(cluster)
    start(**settings)
    before = connect()
    AuroraInstrumentor().uninstrument()
    between = connect()
    assert not aurora_otel.snapshot().active
    agent = start(**settings)
    after = connect()
    # What was opened under an agent that is gone, or under none, is not tracked.
    assert agent.tracked() == agent.tracked(cluster.writer) == 1
    for connection in (before, between, after):
        assert list(*run(connection, "SELECT 1")) == [1]
        connection.close()
    assert agent.tracked() == 0
    assert agent.exported.metric("aurora.connection.opens") == 1


@pytest.mark.skipif(bool(UPSTREAM), reason="some of upstream's connections are proxies")
def test_types_are_the_drivers_own(start, cluster, connect, driver):
    plain = connect()
    start(**driver.settings(cluster))
    ours = connect()
    for ours_is, plain_is in ((ours, plain), (ours.cursor(), plain.cursor())):
        assert isinstance(ours_is, type(plain_is))
        if driver.is_subclassed:
            assert type(ours_is) is not type(plain_is)
            assert str(type(ours_is)) == str(type(plain_is))
        else:
            assert type(ours_is) is type(plain_is)
    for connection in (ours, plain):
        connection.close()
