"""Open connections that are not tracked: most were opened before the agent started.

Nothing lists a driver's connections but the garbage collector, and asking it takes as long as a
full collection. So this is done on request alone.
"""

from __future__ import annotations

import gc
import operator
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from aurora_otel import drivers
from aurora_otel.drivers import Driver
from aurora_otel.drivers.marks import track_of

_OWN = f"{drivers.__name__}."


def count() -> Mapping[str, int]:
    """Return how many open connections of the known drivers are not tracked, by driver.

    Those of the agent itself are not among them. Drivers that are not imported are left out, and
    those whose connections cannot be asked from another thread.
    """
    classes = {
        found: each.load() for each in drivers.REGISTRY if (found := _connection_class(each))
    }
    objects = gc.get_objects()
    own = _held_by_the_agent(objects)
    counts = Counter({driver.name: 0 for driver in classes.values()})
    for thing in objects:
        for connection_class, driver in classes.items():
            # Not `isinstance`, which a proxy answers by code of its own.
            if not issubclass(type(thing), connection_class) or id(thing) in own:
                continue
            if not _is_tracked(thing) and not _is_closed(driver, thing):
                counts[driver.name] += 1
    return dict(counts)


def _is_tracked(connection: Any) -> bool:
    track = track_of(connection)
    # Of an agent that was stopped, or of the process that this one was forked from, it is not.
    return track is not None and track.cluster.is_ours


def _is_closed(driver: Driver, connection: Any) -> bool:
    try:
        return driver.is_closed(connection)
    except Exception:  # noqa: BLE001 - it never connected, or is of another version
        return True


def _connection_class(registration: drivers.Registration) -> type | None:
    if registration.connection is None:
        return None
    try:
        found = operator.attrgetter(registration.connection)(sys.modules.get(registration.module))
    except AttributeError:
        return None
    return found if isinstance(found, type) else None


def _held_by_the_agent(objects: Iterable[Any]) -> set[int]:
    """Return the numbers of the objects that a driver's file of the agent holds."""
    holders = [each for each in objects if str(type(each).__module__).startswith(_OWN)]
    held = gc.get_referents(*holders)
    attributes = [each for each in held if type(each) is dict]
    return {id(each) for each in (*held, *gc.get_referents(*attributes))}
