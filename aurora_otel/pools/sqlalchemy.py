"""SQLAlchemy's pools, 1.4 and 2.

A record is a place in a pool, and `get_connection` is where every pool gets the connection of a
record that is checked out: there SQLAlchemy itself replaces one that is too old. The public event
`checkout` comes too late: after the pre-ping, which takes one dead connection for a reason to
replace the whole pool.

An `AsyncEngine` has the same pools: a coroutine runs their code in a greenlet, out of which they
await the driver. What a checkout waits for is awaited in the same way.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import Any

from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Engine
from sqlalchemy.pool import Pool, QueuePool, SingletonThreadPool, base
from sqlalchemy.util import concurrency

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.pools.measuring import lending
from aurora_otel.pools.protocol import Description, Gauges, Hooks, Meter, Target, target

# Where an `Engine` leads to, by its dialect: that stays when it replaces its pool.
_targets: weakref.WeakKeyDictionary[Any, Target] = weakref.WeakKeyDictionary()
# SQLAlchemy's names of databases, and the semantic conventions'.
_SYSTEMS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mariadb"}


class Adapter:
    """The `Pool` for SQLAlchemy."""

    def install(self, module: ModuleType, hooks: Hooks) -> Callable[[], None]:  # noqa: ARG002 - has parts of its own
        """Patch all pools and their records, and listen to all engines and pools."""
        patches = Patches()
        record = base._ConnectionRecord  # noqa: SLF001 - no public event comes early enough
        meter = hooks.meters(_describe)

        def on_detach(_: Any, record: Any) -> None:
            meter(_pool_of(record)).returned(record)

        patches.replace(record, "get_connection", _checking(hooks, record.get_connection))
        # To listen to the event of this name takes several times as long.
        patches.replace(record, "checkin", _returning(meter, record.checkin))
        connect = getattr(record, _CONNECT)
        patches.replace(record, _CONNECT, _creating(meter, connect))
        for pool in (Pool, SingletonThreadPool):
            lend = lending(meter, pool.connect, _LENT, exc.TimeoutError)
            patches.replace(pool, "connect", lend)
        patches.replace(Engine, "__init__", _remembering(Engine.__init__))
        listeners = (
            (Engine, "handle_error", functools.partial(_on_error, hooks)),
            (Pool, "detach", on_detach),
        )
        for listener in listeners:
            event.listen(*listener)

        def undo() -> None:
            for listener in listeners:
                event.remove(*listener)
            patches.undo()

        return undo


# Awaits something out of the greenlet that an `AsyncEngine` runs in; its name until 2.0.
_await = getattr(concurrency, "await_", concurrency.await_only)
# A private name, the same since 1.0.
_CONNECT = "_ConnectionRecord__connect"
# What comes back, of what `connect` returns.
_LENT = attrgetter("_connection_record")


def _pool_of(record: Any) -> Any:
    # Private, and the same since 1.0.
    return record._ConnectionRecord__pool  # noqa: SLF001 - shown nowhere else


def _checking(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_connection(self: Any) -> Any:
        # A record may have none yet, or none any more.
        connection = self.dbapi_connection
        if connection is not None and not (
            _is_usable_on_loop(hooks, self)
            if _pool_of(self)._dialect.is_async  # noqa: SLF001 - shown nowhere else
            else hooks.is_usable(connection)
        ):
            # What asks the original to replace it, at this very checkout.
            self.invalidate(soft=True)
        return original(self)

    return get_connection


def _is_usable_on_loop(hooks: Hooks, record: Any) -> bool:
    """Return whether a connection may be handed out; the event loop goes on meanwhile."""
    # Behind what adapts it to the DB-API.
    connection = record.driver_connection
    if hooks.is_gone(connection):
        return False
    if hooks.is_plainly_usable(connection):
        return True
    judging = hooks.is_usable_on_loop(connection)
    try:
        return bool(_await(judging))
    except exc.MissingGreenlet:
        # Nothing can be awaited here, nor will the application's next call be.
        judging.close()
        return not hooks.is_invalidated(connection)


def _on_error(hooks: Hooks, context: Any) -> None:
    """Say that a connection is lost, if the agent shut it down while its statement failed.

    The driver does not know yet. Without this, SQLAlchemy would roll back on it, and raise what
    the rollback meets instead of what the server said. The rest of the pool is judged one by one.
    """
    connection = context.connection
    if connection is None or context.is_disconnect or connection.invalidated:
        return
    if hooks.is_invalidated(connection.connection.driver_connection):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False


def _returning(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def checkin(self: Any, *args: Any, **kwargs: Any) -> Any:
        # Before another caller can have it.
        meter(_pool_of(self)).returned(self)
        return original(self, *args, **kwargs)

    return checkin


def _creating(meter: Callable[[Any], Meter], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        with meter(_pool_of(self)).creating():
            return original(self, *args, **kwargs)

    return connect


def _remembering(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def __init__(self: Any, pool: Any, dialect: Any, url: URL, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it stands for it
        original(self, pool, dialect, url, *args, **kwargs)
        _targets[dialect] = _target(url)

    return __init__


def _target(url: URL) -> Target:
    system = _SYSTEMS.get(url.get_backend_name(), "")
    return target(system, url.database, url.host, url.port)


def _describe(pool: Any) -> Description:
    dialect = pool._dialect  # noqa: SLF001 - shown nowhere else
    leads_to = _targets.get(dialect, Target())
    name = pool._orig_logging_name or leads_to.name("sqlalchemy")  # noqa: SLF001 - as above
    owner = dialect if dialect in _targets else pool
    return Description(name, owner, _gauges, leads_to)


def _gauges(pool: Any) -> Gauges:
    if not isinstance(pool, QueuePool):
        return Gauges()
    size, overflow = pool.size(), pool._max_overflow  # noqa: SLF001 - shown nowhere else
    return Gauges(
        idle=pool.checkedin(),
        used=pool.checkedout(),
        max=size + overflow if overflow >= 0 else None,
        idle_max=size or None,
    )
