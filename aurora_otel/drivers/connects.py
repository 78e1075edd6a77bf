"""A connect, as values: what it was made with, how it is made, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """The settings that an application connected with, secrets among them: never shown.

    Attributes:
        parameters: whatever the driver connects with.
    """

    parameters: Any

    def __repr__(self) -> str:
        return "<Login>"


class LoginFailure(Enum):
    """Why a server that was reached gave no connection.

    Attributes:
        REFUSED: user or password is not, or no longer, valid: trying again may lock the account.
        UNUSABLE: this login does not work there: its database, its role, a certificate.
        FULL: the server, the role or the database has no connection left.
    """

    REFUSED = "refused"
    UNUSABLE = "unusable"
    FULL = "full"


class Opening(NamedTuple):
    """A connection that the driver has just opened, before the application gets it.

    Attributes:
        connection: the connection.
        login: what it was opened with.
        reconnect: opens another one with the application's own arguments; raises as the
            application's own call does. Where it is the object itself that connects, it returns
            that very object on another socket, and has ended the session before itself; if it
            raises, the object is as it was, or `Driver.is_closed`.
        began: when the application's connect began, in nanoseconds since the epoch.
        hosts: all that the application named, where it named several to try one after the other.
    """

    connection: Any
    login: Login
    reconnect: Callable[[], Any]
    began: int
    hosts: tuple[Address, ...] = ()

    def __repr__(self) -> str:
        return "<Opening>"  # `reconnect` may show the application's arguments


class Attempt(NamedTuple):
    """A connect that the application has begun, and that the agent carries out.

    Attributes:
        host: the one host and the port that the application gave, whose name the driver, or its
            library, resolves; `None` where it gave several, an address or socket of its own, or
            leaves it to the driver: such a connect is made as it is.
        connect: connects with the application's own arguments, names resolved afresh each time;
            raises as the application's own call does. Where it is the object itself that connects,
            as `Opening.reconnect`.
        straight: as `connect`, but to the writer itself, whatever the name of `host` leads to: to
            its network address or, where a certificate is checked for the host that a C library
            connects to, by its own name.
            Nothing else differs: the connection, its errors and the check of the server's
            certificate have the application's host. `None` where the driver cannot do that.
        opening: describes a connection that one of the two made; `None`: it is not to be tracked.
    """

    host: Address | None
    connect: Callable[[], Any]
    straight: Callable[[Whereabouts], Any] | None
    opening: Callable[[Any], Opening | None]

    def __repr__(self) -> str:
        return "<Attempt>"  # the application's arguments may show
