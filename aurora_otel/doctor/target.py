"""What the doctor is pointed at: a connection string, or a host alone. It holds secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

POSTGRESQL, MYSQL = "postgresql", "mysql"
PORTS = {POSTGRESQL: 5432, MYSQL: 3306}

_SCHEMES = {
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
    "mysql": MYSQL,
    "mariadb": MYSQL,
}
_LOGIN = {"user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:\\.|[^'\\])*'|(?:\\.|[^\s'\\])*)(?=\s|$)", re.DOTALL)
_HOST = re.compile(r"(?P<host>\[[^\]]+\]|[^:]*)(?::(?P<port>\d{1,5}))?")


class TargetError(ValueError):
    """It cannot be understood; the message quotes nothing of it."""


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """What to examine.

    Attributes:
        host: the host as it was written; the first one if there are several, and `""` where libpq
            would take its default.
        port: the port.
        system: `db.system.name`; `None` for a host alone.
        text: what libpq is given: a connection string or URL; empty for a host alone.
        module: the driver's name in a URL such as `postgresql+psycopg2://`, if it is there.
        address: the IP address that the connection string gives for the host, if it does.
        parameters: user, password, database (`user`, `password`, `dbname`) and options.
        several: whether there are more hosts.
    """

    host: str
    port: int
    system: str | None = None
    text: str = ""
    module: str | None = None
    address: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    several: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it leads to a Unix socket or to nowhere that has a name."""
        return not self.host or self.host[0] in "/@"


def of_host(text: str) -> Target:
    """Return the target of `host` or `host:port`.

    Raises:
        TargetError: it is neither.
    """
    host, port = _host(text.strip())
    if not host or "@" in host or "/" in host:
        raise TargetError("--host takes HOST or HOST:PORT")
    return Target(host, port or PORTS[POSTGRESQL])


def of_dsn(text: str, environ: Mapping[str, str]) -> Target:
    """Return the target of a connection string or URL.

    Args:
        text: `key=value …` as libpq takes it, or a URL `postgresql://…` or `mysql://…`.
        environ: has libpq's defaults (`PGHOST`, …), and `MYSQL_PWD`.

    Raises:
        TargetError: it is neither.
    """
    text = text.strip()
    if "://" in text:
        return _of_url(text, environ)
    parameters = _pairs(text)
    return _postgresql(text, parameters, None, environ)


def _of_url(text: str, environ: Mapping[str, str]) -> Target:
    scheme, _, rest = text.partition("://")
    name, _, module = scheme.lower().partition("+")
    if name not in _SCHEMES:
        raise TargetError("--dsn takes a URL that begins with postgresql:// or mysql://")
    parameters, place = _parts(rest)
    if _SCHEMES[name] == POSTGRESQL:
        hosts = [_host(each) for each in place.split(",")]
        parameters.setdefault("host", ",".join(host for host, _ in hosts))
        parameters.setdefault("port", ",".join(str(port or "") for _, port in hosts))
        return _postgresql(f"postgresql://{rest}", parameters, module or None, environ)
    host, port = _host(place)
    parameters.setdefault("password", environ.get("MYSQL_PWD", ""))
    given = {key: value for key, value in parameters.items() if value}
    return Target(
        host or "localhost", port or PORTS[MYSQL], MYSQL, module=module or None, parameters=given
    )


def _parts(rest: str) -> tuple[dict[str, str], str]:
    """Return the parameters of a URL without its scheme, and its hosts and ports."""
    try:
        parts = urlsplit(f"//{rest}")
    except ValueError:
        raise TargetError("the URL of --dsn cannot be read") from None
    login, at, place = parts.netloc.rpartition("@")
    if not at and "@" in rest:
        raise TargetError("in the URL of --dsn, write @, /, ? and # of a password as %40, %2F, …")
    user, _, password = login.partition(":")
    given = {
        "user": unquote(user),
        "password": unquote(password),
        "dbname": unquote(parts.path.removeprefix("/")),
        **dict(parse_qsl(parts.query)),
    }
    return {key: value for key, value in given.items() if value}, place


def _postgresql(
    text: str, parameters: dict[str, str], module: str | None, environ: Mapping[str, str]
) -> Target:
    def first(key: str, variable: str) -> str:
        return (parameters.get(key) or environ.get(variable, "")).split(",")[0]

    # Drivers that are not libpq's are given these.
    for key, variable in _LOGIN.items():
        if value := parameters.get(key) or environ.get(variable):
            parameters[key] = value
    port = first("port", "PGPORT") or str(PORTS[POSTGRESQL])
    if not port.isdecimal():
        raise TargetError("the port in --dsn is no number")
    address = first("hostaddr", "PGHOSTADDR")
    hosts = parameters.get("host") or environ.get("PGHOST", "")
    return Target(
        (hosts.split(",")[0]) or address,
        int(port),
        POSTGRESQL,
        text,
        module,
        address,
        parameters,
        several="," in hosts,
    )


def _pairs(text: str) -> dict[str, str]:
    pairs, at = {}, 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None:
            raise TargetError("--dsn takes key=value pairs as libpq does, or a URL")
        key, value = found.groups()
        if value.startswith("'"):
            value = value[1:-1]
        pairs[key] = re.sub(r"\\(.)", r"\1", value)
        at = found.end()
    if not pairs:
        raise TargetError("--dsn takes key=value pairs as libpq does, or a URL")
    return pairs


def _host(text: str) -> tuple[str, int]:
    found = _HOST.fullmatch(unquote(text))
    if found is None:
        raise TargetError("a host is written HOST or HOST:PORT")
    return found["host"].strip("[]"), int(found["port"] or 0)
