"""What the PostgreSQL drivers have in common; most of them are built on libpq."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from aurora_otel.drivers.base import DriverBase
from aurora_otel.drivers.connects import Login, LoginFailure
from aurora_otel.drivers.protocol import Failure
from aurora_otel.model import symptoms
from aurora_otel.model.endpoints import Address
from aurora_otel.model.symptoms import Symptom

DEFAULT_PORT = 5432
APPLICATION_NAME = "aurora-otel"
# Where connections show what query spans say about them.
SHOWN = {
    "database": "info.dbname",
    "host": "info.host",
    "port": "info.port",
}

# What `target_session_attrs` may ask for of a writer.
_OF_A_WRITER = ("any", "read-write", "primary")
# By SQLSTATE, or by its class: invalid authorization; too many connections; and what a login asks
# for that is not there, not allowed or not supported.
_LOGIN_FAILURES = {
    "28": LoginFailure.REFUSED,
    "53300": LoginFailure.FULL,
    **dict.fromkeys(("0A", "22", "3D", "3F", "42", "55"), LoginFailure.UNUSABLE),
}
# libpq's and the server's words, where a failed connect has no SQLSTATE.
_REFUSED = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects",
    "is not permitted to log in",
)
_FULL = ("too many connections", "too many clients", "remaining connection slots")
_NOT_READY = ("the database system is", "terminating connection", "out of memory")
_TLS = ("certificate verify failed", "server certificate", "root certificate", "SSL was required")


class LibpqDriver(DriverBase):
    """The base of a `Driver` that connects by a connection string of libpq's.

    Attributes:
        parse: the driver's function that takes a connection string apart.
        make: the driver's function that puts parameters into a connection string.
    """

    system = "postgresql"
    parse: ClassVar[Callable[..., Any]]
    make: ClassVar[Callable[..., Any]]

    def is_closed(self, connection: Any) -> bool:
        """Return whether libpq has given it up."""
        return bool(connection.closed)

    def password(self, login: Login) -> str | None:
        """Return what libpq is given."""
        return password(type(self).parse(login.parameters))

    def with_password(self, login: Login, password: str) -> Login:
        """Put it into the connection string."""
        return Login(type(self).make(login.parameters, password=password))


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
        # The role is what the agent is going to find out.
        "target_session_attrs": "any",
    }
    if address is not None:
        return changed | _resolved(address.host, str(address.port))
    host = str(parameters.get("host") or "")
    if _is_name(host) and not parameters.get("hostaddr"):
        return changed | _resolved(host, str(parameters.get("port") or ""))
    return changed


def named_host(parameters: Mapping[str, Any]) -> Address | None:
    """Return the one host, and its port, by the name that the application gave.

    `None`: several hosts, an address beside the name, a socket, a service; and what asks for a
    server that is no writer. Every connect passes this; for the environment, see
    `is_led_elsewhere`.

    Args:
        parameters: what it connects with.

    Raises:
        ValueError: the port is none.
    """
    host = str(parameters.get("host") or os.environ.get("PGHOST") or "")
    if not _is_name(host) or parameters.get("hostaddr") or parameters.get("service"):
        return None
    if parameters.get("target_session_attrs", "any") not in _OF_A_WRITER:
        return None
    return Address(host, int(parameters.get("port") or os.environ.get("PGPORT") or DEFAULT_PORT))


def several_hosts(parameters: Mapping[str, Any]) -> tuple[Address, ...]:
    """Return the hosts, where the application named several; empty for one.

    Args:
        parameters: what it connects with.

    Raises:
        ValueError: a port is none.
    """
    named = str(parameters.get("host") or os.environ.get("PGHOST") or "")
    if "," not in named:
        return ()
    hosts = named.split(",")
    given = str(parameters.get("port") or os.environ.get("PGPORT") or "").split(",")
    ports = given if len(given) == len(hosts) else given[:1] * len(hosts)
    both = zip(hosts, ports, strict=True)
    return tuple(Address(host, int(port or DEFAULT_PORT)) for host, port in both if _is_name(host))


def is_led_elsewhere() -> bool:
    """Return whether the environment leads connects elsewhere than their host's name says."""
    wanted = os.environ.get("PGTARGETSESSIONATTRS", "any")
    given = os.environ.get("PGHOSTADDR") or os.environ.get("PGSERVICE")
    return bool(given) or wanted not in _OF_A_WRITER


def _is_name(host: str) -> bool:
    """Return whether it is one host, and not several, or a directory of sockets."""
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


def login(
    parameters: Mapping[str, Any],
    password: str | None,
    applied: Callable[[], Mapping[str, str]],
) -> Mapping[str, Any]:
    """Return what a connection was opened with, wherever libpq found it.

    It looks passwords up by the host's name, in a password file, and finds none for another host.

    Args:
        parameters: what the application gave.
        password: what libpq logged in with.
        applied: returns all parameters as libpq applied them, but for the password.
    """
    found = dict(parameters)
    if parameters.get("service") or os.environ.get("PGSERVICE"):
        found = {name: value for name, value in applied().items() if name != "service"}
    if password:
        found["password"] = password
    return found


def may_name_a_service(connection_string: str) -> bool:
    """Return whether parameters may come out of a service's file."""
    return "service" in connection_string or bool(os.environ.get("PGSERVICE"))


def is_replication(parameters: Mapping[str, Any]) -> bool:
    """Return whether connection parameters ask for a replication connection, which takes no SQL."""
    return str(parameters.get("replication") or "false").lower() not in ("false", "off", "no", "0")


def failure(
    sqlstate: str | None,
    *,
    lost: bool,
    may_wait: bool = True,
    reported: Callable[[str], str | None] | None = None,
) -> Failure:
    """Return what an error with this SQLSTATE means.

    Args:
        sqlstate: of the error, if the server sent one.
        lost: whether the driver takes the connection for gone.
        may_wait: see `Failure`.
        reported: returns the last value that the server sent of a parameter that it reports
            unasked, if it did ("Asynchronous Operations" in PostgreSQL's description of the
            protocol): the answer to each statement brings what has changed. `in_hot_standby` is
            among them from version 14 on.
    """
    symptom = symptoms.of_postgresql(sqlstate, lost=lost)
    is_refused = symptom is Symptom.READ_ONLY and not lost
    is_of_reader = is_refused and reported is not None and reported("in_hot_standby") == "on"
    return Failure(symptom, lost, may_wait, is_of_reader)


def login_failure(sqlstate: str | None, message: str) -> LoginFailure | None:
    """Return why a connect failed at the login; `None`: the server was not reached.

    Args:
        sqlstate: of the error; `None` from libpq, which passes on the server's words alone.
        message: the error's text.
    """
    if sqlstate is not None:
        return _LOGIN_FAILURES.get(sqlstate) or _LOGIN_FAILURES.get(sqlstate[:2])
    if any(words in message for words in _REFUSED):
        return LoginFailure.REFUSED
    if any(words in message for words in _FULL):
        return LoginFailure.FULL
    answered = "FATAL" in message and not any(words in message for words in _NOT_READY)
    unusable = answered or any(words in message for words in _TLS)
    return LoginFailure.UNUSABLE if unusable else None
