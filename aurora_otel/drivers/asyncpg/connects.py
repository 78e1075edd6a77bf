"""asyncpg's connects: which host the application gave, and how its name is gone past."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aurora_otel.drivers.common import libpq
from aurora_otel.model.endpoints import Address

_OF_A_HOST = ("host", "port", "service", "target_session_attrs")


def named_host(parameters: Mapping[str, Any]) -> Address | None:
    """Return the one host, and its port, by the name that the application gave; as libpq's.

    Args:
        parameters: what asyncpg connects with, a `dsn` among them.

    Raises:
        ValueError: the port is none.
    """
    given = _chosen(parameters)
    if (dsn := parameters.get("dsn")) is not None:
        given = _of_dsn(dsn, names_host="host" not in given) | given
    if not isinstance(given.get("host", ""), str) or libpq.is_led_elsewhere():
        return None
    return libpq.named_host(given)


def _chosen(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _OF_A_HOST if given.get(name)}


def _of_dsn(dsn: str, *, names_host: bool) -> dict[str, Any]:
    """Return what a connection string says of the host, as asyncpg reads it.

    Args:
        dsn: the connection string.
        names_host: whether it decides on the host: else its own port is that of another one.
    """
    url = urlsplit(dsn)
    query = _chosen(dict(parse_qsl(url.query)))
    if not names_host:
        return query
    _, _, place = url.netloc.rpartition("@")
    if "," in place:
        # Several hosts.
        return {"host": place}
    is_ipv6 = place.startswith("[")
    host, _, port = place[1:].partition("]") if is_ipv6 else place.partition(":")
    port = port.removeprefix(":")
    return query | _chosen({"host": unquote(host), "port": port})


class StraightLoop:
    """An event loop on which connects lead to one address; all else is the loop's own.

    asyncpg keeps it as the loop of the connection: what cancels a call goes the same way.

    Args:
        loop: the loop.
        address: where to connect to.
    """

    def __init__(self, loop: AbstractEventLoop, address: Address) -> None:
        self._loop = loop
        self._address = address

    def __getattr__(self, name: str) -> Any:
        """Return what the loop has."""
        return getattr(self._loop, name)

    def create_connection(
        self, factory: Callable[[], Any], host: str, port: int, **options: Any
    ) -> Coroutine[Any, Any, Any]:
        """Connect to the address; a certificate is checked for `host` all the same."""
        if options.get("ssl"):
            options.setdefault("server_hostname", host)
        return self._loop.create_connection(factory, self._address.host, port, **options)
