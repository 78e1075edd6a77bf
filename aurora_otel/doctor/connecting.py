"""One connection, opened as the application opens its own, and heard of through the hooks."""

from __future__ import annotations

import importlib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from aurora_otel.doctor.awaiting import outcome
from aurora_otel.doctor.target import Target
from aurora_otel.drivers import REGISTRY, Registration
from aurora_otel.drivers.connects import Attempt, Opening
from aurora_otel.drivers.protocol import Driver, Failure
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime.effects import Reconnect, Steps
from aurora_otel.tracking.track import Track

T = TypeVar("T")
SECONDS = 5.0
"""How long one attempt to connect may take, where the connection string does not say."""


@dataclass(frozen=True, slots=True)
class Dialling:
    """How a driver's `connect` is called.

    Attributes:
        timeout: its parameter for the seconds that connecting may take.
        default: those seconds where the application does not say; `None`: as the system pleases.
        takes_text: whether it takes libpq's connection string.
        nested_tls: whether it takes TLS settings as one argument `ssl`.
        tls: its parameter for an `ssl.SSLContext`.
        database: its parameter for the database.
    """

    timeout: str = "connect_timeout"
    default: float | None = None
    takes_text: bool = False
    nested_tls: bool = False
    tls: str = "ssl_context"
    database: str = "database"


DIALLING = {
    "psycopg": Dialling(takes_text=True),
    "psycopg2": Dialling(takes_text=True),
    "pg8000": Dialling(timeout="timeout"),
    "pymysql": Dialling(default=10.0),
    "mysqlclient": Dialling(nested_tls=True),
    "mysql-connector": Dialling(timeout="connection_timeout", default=10.0),
    "mariadb": Dialling(),
    "asyncpg": Dialling(timeout="timeout", default=60.0, tls="ssl"),
    "aiomysql": Dialling(tls="ssl", database="db"),
    "asyncmy": Dialling(default=10.0, tls="ssl"),
    "mysql-connector-aio": Dialling(timeout="connection_timeout", default=10.0),
}


class Opened(NamedTuple):
    """A connection that the doctor opened.

    Attributes:
        driver: of the connection.
        opening: what its hook reported.
        can_go_straight: whether such a connect can be led to another address than its host's name.
    """

    driver: Driver
    opening: Opening
    can_go_straight: bool


class NotHookedError(Exception):
    """The driver connected, and its hook did not report it."""


class _Listener:
    """The hooks of one connect: keeps what was opened."""

    def __init__(self) -> None:
        self.opening: Opening | None = None
        self.can_go_straight = False

    def connect_steps(self, driver: Driver, attempt: Attempt) -> Steps[Any]:
        """Connect, and keep what was opened."""
        del driver
        connection = yield Reconnect(attempt.connect)
        self.opening = attempt.opening(connection)
        self.can_go_straight = attempt.straight is not None
        return connection

    def goes_straight(self, host: Address) -> bool:
        """Return that it would not."""
        del host
        return False

    def opened(self, driver: Driver, opening: Opening) -> Any:
        """Keep it."""
        del driver
        self.opening = opening
        return opening.connection

    def opened_steps(self, driver: Driver, opening: Opening) -> Steps[Any]:
        """Keep it."""
        yield from ()
        return self.opened(driver, opening)

    def before_call(self, track: Track) -> None:
        """Nothing is tracked."""

    def before_call_steps(self, track: Track) -> Steps[None]:
        """Nothing is tracked."""
        yield from ()
        self.before_call(track)

    def failed(
        self, track: Track, failure_of: Callable[[], Failure], error: Exception | None = None
    ) -> None:
        """Nothing is tracked."""

    def failed_steps(
        self, track: Track, failure_of: Callable[[], Failure], error: Exception | None = None
    ) -> Steps[None]:
        """Nothing is tracked."""
        yield from ()
        self.failed(track, failure_of, error)

    def given_up(self, track: Track, since: float) -> None:
        """Nothing is tracked."""

    def hung_up(self, track: Track) -> None:
        """It is about to be closed anyway."""

    def closed(self, track: Track) -> None:
        """Nothing is tracked."""

    def guarded(self, question: Callable[..., T], *args: Any) -> T:
        """Ask it: what goes wrong is for the doctor to report."""
        return question(*args)


def registration(name: str) -> Registration:
    """Return the registered driver of this name."""
    return next(each for each in REGISTRY if each.name == name)


def connect(name: str, target: Target) -> Opened:
    """Connect with the driver `name`; return it, and what its hook reported.

    Raises:
        NotHookedError: the hook reported nothing.
        Exception: the driver's own, whose message may quote a secret.
    """
    known = registration(name)
    module = importlib.import_module(known.module)
    driver = known.load()
    listener = _Listener()
    undo = driver.install(module, listener, None)
    try:
        arguments, keywords = call(DIALLING[name], target)
        connection = outcome(module.connect(*arguments, **keywords))
    finally:
        undo()
    if listener.opening is None:
        outcome(connection.close())
        raise NotHookedError
    return Opened(driver, listener.opening, listener.can_go_straight)


def patience(target: Target) -> float:
    """Return how many seconds an attempt to connect to one address may take."""
    return _seconds(target.parameters.get("connect_timeout", "")) or SECONDS


def call(dialling: Dialling, target: Target) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the arguments of the driver's `connect`."""
    given = dict(target.parameters)
    limit = {dialling.timeout: max(1, round(patience(target)))}
    if dialling.takes_text:
        return (target.text,), {} if "connect_timeout" in given else limit
    names = {"user": "user", "password": "password", "dbname": dialling.database}
    login = {names[key]: value for key, value in given.items() if key in names}
    tls: dict[str, Any] = {key: value for key, value in given.items() if key.startswith("ssl_")}
    if dialling.nested_tls and tls:
        tls = {"ssl": {key.removeprefix("ssl_"): value for key, value in tls.items()}}
    if given.get("sslmode", "").startswith(("require", "verify-")):
        tls = {dialling.tls: _tls(given["sslmode"], given.get("sslrootcert"))}
    place = {"host": target.address or target.host, "port": target.port}
    return (), {**place, **login, **tls, **limit}


def _tls(mode: str, certificates: str | None) -> ssl.SSLContext:
    """Return what libpq's `sslmode` and `sslrootcert` mean, for a driver that is not libpq's."""
    context = ssl.create_default_context(cafile=certificates)
    if mode != "verify-full":
        context.check_hostname = False
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context


def connect_timeout(
    name: str, target: Target, environ: Mapping[str, str]
) -> tuple[str, float | None]:
    """Return the parameter that limits connecting, and its seconds; `None`: there is no limit."""
    dialling = DIALLING[name]
    for key in ("connect_timeout", dialling.timeout):
        if value := target.parameters.get(key):
            return dialling.timeout, _seconds(value)
    if dialling.takes_text and (value := environ.get("PGCONNECT_TIMEOUT")):
        return dialling.timeout, _seconds(value)
    return dialling.timeout, dialling.default


def _seconds(value: str) -> float | None:
    try:
        # libpq: zero, negative and nothing mean to wait for ever.
        return seconds if (seconds := float(value)) > 0 else None
    except ValueError:
        return None
