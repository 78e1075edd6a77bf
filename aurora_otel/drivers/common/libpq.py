"""What the PostgreSQL drivers have in common; most of them are built on libpq."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from aurora_otel.drivers.protocol import Failure
from aurora_otel.model import symptoms
from aurora_otel.model.endpoints import Address

DEFAULT_PORT = 5432
APPLICATION_NAME = "aurora-otel"
# Where connections show what query spans tell of them.
SHOWN = {
    "database": "info.dbname",
    "host": "info.host",
    "port": "info.port",
    "user": "info.user",
}


def overrides(parameters: Mapping[str, Any], address: Address | None) -> dict[str, str]:
    """Return the connection parameters in which a monitoring connection differs.

    The host is resolved here. libpq would do it inside `PQconnectStart`, which both drivers call
    with the interpreter's lock held: a slow name server would stop the whole process.

    Args:
        parameters: what the application connected with.
        address: where to; `None`: where the application's own parameters lead.

    Raises:
        OSError: the host does not resolve.
    """
    changed = {
        "application_name": APPLICATION_NAME,
        "replication": "false",
        # The role is what we are going to find out.
        "target_session_attrs": "any",
    }
    if address is not None:
        return changed | _resolved(address.host, str(address.port))
    host = str(parameters.get("host") or "")
    if _is_name(host) and not parameters.get("hostaddr"):
        return changed | _resolved(host, str(parameters.get("port") or ""))
    return changed


def _is_name(host: str) -> bool:
    """Whether it is one host, and not several, or a directory of sockets."""
    return bool(host) and host[0] not in "/@" and "," not in host


def _resolved(host: str, port: str) -> dict[str, str]:
    """Return the parameters that lead to all of a host's addresses, one after the other."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(socket_address[0]) for *_, socket_address in found))
    return {
        "host": ",".join([host] * len(addresses)),
        "hostaddr": ",".join(addresses),
        "port": ",".join([port] * len(addresses)),
    }


def password(parameters: Mapping[str, Any]) -> str | None:
    """Return the password that libpq uses: the parameter, or the environment's."""
    return parameters.get("password") or os.environ.get("PGPASSWORD") or None


def is_replication(parameters: Mapping[str, Any]) -> bool:
    """Whether connection parameters ask for a replication connection, which takes no SQL."""
    return str(parameters.get("replication") or "false").lower() not in ("false", "off", "no", "0")


def failure(sqlstate: str | None, *, lost: bool, may_wait: bool = True) -> Failure:
    """Return what an error with this SQLSTATE means."""
    return Failure(symptoms.of_postgresql(sqlstate, lost=lost), lost, may_wait)


def login_refused(sqlstate: str | None, message: str) -> bool:
    """Whether a connect failed for its login: class 28, which old libpq shows as text only."""
    if sqlstate is not None:
        return sqlstate.startswith("28")
    return "authentication failed" in message or "no password supplied" in message
