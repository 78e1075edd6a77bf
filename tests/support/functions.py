"""An instance's functions that report its identity, replaced for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aurora_otel.lab import Cluster
from tests.support.waiting import eventually

_TAMPER = "SET allow_system_table_mods = on; "


@contextlib.contextmanager
def tampered(cluster: Cluster, name: str, statement: str) -> Iterator[None]:
    """Run `statement` on the writer; afterwards, have function `name` as it was, everywhere.

    Args:
        cluster: the cluster; its readers replicate what is done.
        name: a function of the Aurora surface, without arguments.
        statement: what tampers with it.
    """
    was = _definition(cluster, cluster.writer, name)
    cluster.execute(cluster.writer, _TAMPER + statement)
    _replicated(cluster, name)
    try:
        yield
    finally:
        drop = f"DROP FUNCTION IF EXISTS pg_catalog.{name}(); "
        cluster.heal()
        cluster.execute(cluster.writer, f"{_TAMPER}{drop}{was}")
        _replicated(cluster, name)


@contextlib.contextmanager
def replaced(cluster: Cluster, name: str, *, before: str = "", after: str = "") -> Iterator[None]:
    """Have function `name` do something, in PL/pgSQL, before or after it has read its rows."""
    was = _definition(cluster, cluster.writer, name)
    head, _, rest = was.partition("AS $function$")
    body = rest.rpartition("$function$")[0]
    head = head.replace("LANGUAGE sql", "LANGUAGE plpgsql")
    changed = f"{head}AS $function$ BEGIN {before} RETURN QUERY {body}; {after} END $function$"
    drop = f"DROP FUNCTION pg_catalog.{name}(); "
    with tampered(cluster, name, drop + changed):
        yield


def _definition(cluster: Cluster, instance: str, name: str) -> str:
    statement = f"SELECT pg_get_functiondef(to_regproc('pg_catalog.{name}')), proacl::text"
    rows = cluster.execute(instance, f"{statement} FROM pg_proc WHERE proname = '{name}'")
    return rows[0][0] if rows else ""


def _replicated(cluster: Cluster, name: str) -> None:
    """Wait until the readers have it too."""
    statement = f"SELECT xmin::text, proacl::text FROM pg_proc WHERE proname = '{name}'"

    def same() -> bool:
        return len({str(cluster.execute(each, statement)) for each in cluster.instances}) == 1

    eventually(same)
