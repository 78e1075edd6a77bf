"""Logging in as the application does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.doctor.connecting import (
    NotHookedError,
    Opened,
    connect,
    connect_timeout,
    patience,
    registration,
)
from aurora_otel.doctor.findings import Finding, failure, ok, warning
from aurora_otel.doctor.patience import within
from aurora_otel.doctor.target import MYSQL, Target
from aurora_otel.doctor.trying import Library
from aurora_otel.drivers import unsupported
from aurora_otel.drivers.connects import LoginFailure

CHECK = "login"
_LONG = 10.0
"""Seconds in which Aurora has nearly always failed over: to wait longer is lost time."""

_INSTALL = {
    MYSQL: "pip install PyMySQL",
    "postgresql": "pip install 'psycopg[binary]'",
}
# What the drivers say of a failed login, and what it means. Their words stay out: they quote a lot.
_WORDS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("no pg_hba.conf entry", "SSL connection is required", "insecure transport"),
        "the server takes no such login without TLS",
        "Add sslmode=verify-full and sslrootcert=<the RDS certificate bundle>, here and there.",
    ),
    (
        ("certificate verify failed", "root certificate", "SSL error"),
        "the TLS handshake fails",
        "Give the RDS certificate bundle (sslrootcert), and the name that it is issued for.",
    ),
    (
        ("too many connections", "remaining connection slots", "too many clients"),
        "the server has no connection left",
        "Close some, or raise max_connections; then run the doctor again.",
    ),
    (
        ("does not exist", "Unknown database"),
        "there is no such database or role",
        "Check the spelling of the database's and the user's name.",
    ),
)


def choose(target: Target, installed: Sequence[Library]) -> tuple[str | None, Finding | None]:
    """Return the name of the driver to connect with, or the finding that there is none."""
    fitting = [each.name for each in installed if each.usable and each.system == target.system]
    if target.module is not None:
        named = [name for name in fitting if target.module in _spellings(name)]
        if not named:
            return None, failure(
                CHECK,
                f"aurora-otel does not support {target.module}, which the URL of --dsn names:"
                " what the application connects with it is neither tracked nor cleaned up"
                if target.module in _unsupported()
                else "the driver that the URL of --dsn names is not installed, or not known",
                f"Leave it out of the URL to use another; installed are {', '.join(fitting)}."
                if fitting
                else f"Install it, for instance by {_INSTALL[target.system or '']}.",
            )
        fitting = named
    if not fitting:
        return None, failure(
            CHECK,
            f"no usable driver for {target.system} is installed",
            f"Run the doctor in the application's environment, or {_INSTALL[target.system or '']}.",
        )
    return fitting[0], None


def _spellings(name: str) -> set[str]:
    """Return what a driver is called in SQLAlchemy's URLs."""
    module = registration(name).module.lower()
    return {name, name.replace("-", ""), module, f"{name}connector", f"{name}_async"}


def _unsupported() -> set[str]:
    """Return what drivers that are known, and not supported, are called there."""
    return {each.module.partition(".")[0] for each in unsupported.REGISTRY}


def timeout(name: str, target: Target, environ: Mapping[str, str]) -> Finding:
    """Report whether connecting is limited in time."""
    check = "login.connect_timeout"
    parameter, seconds = connect_timeout(name, target, environ)
    if seconds is None:
        return warning(
            check,
            f"{name} is given no time limit for connecting: on a dead host a call inside connect()"
            " waits for minutes, and only the application can limit that",
            f"Set {parameter} to a few seconds in the application, for instance {parameter}=5.",
        )
    if seconds > _LONG:
        return warning(
            check,
            f"{name} may wait {seconds:g} s inside connect(), longer than a failover takes",
            f"Set {parameter} to a few seconds in the application, for instance {parameter}=5.",
        )
    return ok(check, f"{name} gives up connecting after {seconds:g} s")


def log_in(name: str, target: Target) -> tuple[Opened | None, Finding]:
    """Connect; return the connection with its driver, or why there is none."""
    try:
        # Not every driver's time limit goes beyond the TCP handshake.
        opened = within(3 * patience(target), lambda: _quietly(name, target))
    except NotHookedError:
        return None, failure(
            CHECK,
            f"{name} connects without passing the agent's hooks",
            f"Upgrade {name} to a version that docs/drivers-and-pools.md lists.",
        )
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        return None, refused(name, error)
    return opened, ok(CHECK, f"{name} logs in")


def straight(opened: Opened) -> Finding:
    """Report whether connects can go straight to the writer while the name leads elsewhere."""
    check, name = "login.straight", opened.driver.name
    if opened.can_go_straight:
        return ok(check, f"{name} connects straight to the writer while this name leads elsewhere")
    return ok(check, f"{name} connects as it is given here, also where that leads to a reader")


def _quietly(name: str, target: Target) -> Opened:
    with suppress_instrumentation():
        return connect(name, target)


def refused(name: str, error: Exception) -> Finding:
    """Report why a driver could not log in, in the doctor's own words."""
    message = str(error)
    for words, what, remedy in _WORDS:
        if any(word in message for word in words):
            return failure(CHECK, f"{name} cannot log in: {what}", remedy)
    if registration(name).load().login_failure(error) is LoginFailure.REFUSED:
        return failure(
            CHECK,
            f"{name} cannot log in: the server refuses user or password",
            "Give the application's own login; the password may come from the environment"
            " (PGPASSWORD, MYSQL_PWD). An IAM token is valid for 15 minutes and one host.",
        )
    if isinstance(error, TimeoutError) or "timeout" in message:
        return failure(
            CHECK,
            f"{name} cannot log in: no answer in time",
            "Check whether the server is overloaded, or hangs.",
        )
    return failure(
        CHECK,
        f"{name} cannot log in ({type(error).__qualname__})",
        "Connect with these arguments in a Python shell: it shows the whole message.",
    )
