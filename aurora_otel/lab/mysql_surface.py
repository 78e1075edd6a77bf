r"""The SQL surface of Aurora MySQL, for a MariaDB that is not Aurora.

No server can be taught another system variable, or a table in `information_schema`. So the servers
have a schema `aurora` that knows what Aurora would answer, and the gateway puts its names in the
place of Aurora's in each statement that passes: any SQL around them goes on to work, prepared or
not, and everything else in it (`CONNECTION_ID()`, for one) is answered by the server itself. At its
own address, a server is a plain MariaDB that refuses all of it.

A server with `read_only` is a reader, unless a file `<identifier>.no_reader` says otherwise: then
it is a writer whose own parameter refuses writes.

`replica_host_status` has the columns that AWS documents. Its rows come from a file,
`<identifier>.view`: replicas are copies of the writer, and yet each must show a view of its own.
"""

from __future__ import annotations

import re

from aurora_otel.lab import mysql_wire as wire
from aurora_otel.lab.filters import Action

VERSION = "3.08.2"

_VARIABLES_VIEW = f"""
CREATE VIEW aurora.%(scope)s_variables AS
SELECT LOWER(VARIABLE_NAME) AS Variable_name, VARIABLE_VALUE AS Value
FROM information_schema.%(scope)s_variables WHERE VARIABLE_NAME <> 'innodb_read_only'
UNION ALL SELECT 'innodb_read_only', IF(aurora.is_reader(), 'ON', 'OFF')
UNION ALL SELECT 'aurora_server_id', aurora.server_id()
UNION ALL SELECT 'aurora_version', '{VERSION}'
"""  # noqa: S608 -- constants only

# Views cannot read variables, and functions can.
SURFACE = f"""
CREATE DATABASE aurora;

CREATE FUNCTION aurora.server_id() RETURNS varchar(63) CHARSET utf8mb4 NO SQL
    RETURN @@global.report_host;

CREATE FUNCTION aurora.is_reader() RETURNS boolean NO SQL
    RETURN @@global.read_only AND LOAD_FILE(
        CONCAT(@@global.secure_file_priv, @@global.report_host, '.no_reader')) IS NULL;

CREATE FUNCTION aurora.seen() RETURNS longtext CHARSET utf8mb4 NO SQL
    RETURN LOAD_FILE(CONCAT(@@global.secure_file_priv, @@global.report_host, '.view'));

CREATE VIEW aurora.replica_host_status AS
SELECT member.server_id AS SERVER_ID, member.session_id AS SESSION_ID,
       NOW(6) - INTERVAL member.age SECOND AS LAST_UPDATE_TIMESTAMP,
       member.lag_ms AS REPLICA_LAG_IN_MILLISECONDS, 0.0 AS CPU, 1 AS IS_CURRENT
FROM JSON_TABLE(aurora.seen(), '$[*]' COLUMNS (
         server_id varchar(100) PATH '$.server_id', session_id varchar(100) PATH '$.session_id',
         age decimal(20, 6) PATH '$.age', lag_ms double PATH '$.lag_ms')) AS member;

{_VARIABLES_VIEW % {"scope": "global"}};
{_VARIABLES_VIEW % {"scope": "session"}};

GRANT SELECT, EXECUTE ON aurora.* TO PUBLIC;
"""  # noqa: S608 -- as above

_VARIABLES = {
    "aurora_version": f"'{VERSION}'",
    "aurora_server_id": "@@global.report_host",
    "innodb_read_only": "aurora.is_reader()",
}

# What is quoted or a comment comes first, and stays as it is.
_WORDS = re.compile(
    rf"""
      (?: '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | /\*.*?\*/ | (?:--\s|\#)[^\n]* )
    | (?P<status> `?information_schema`? \s*\.\s* `?replica_host_status`? )
    | (?P<version> \baurora_version \s* \( \s* \) )
    | @@ (?:(?:global|session|local)\.)?
      (?P<tick>`?) (?P<variable>{"|".join(_VARIABLES)}) (?P=tick) (?!\w)
    | `[^`]*`
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_SHOW = re.compile(
    r"""
    \s* SHOW \s+ (?:(?P<scope>global|session|local) \s+)? VARIABLES
    (?: \s+ (?P<how>LIKE|WHERE) \b (?P<condition>.*?) )? [\s;]*
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def translate(statement: str) -> str:
    """Return a statement to Aurora MySQL as one to a server of the lab."""
    if show := _SHOW.fullmatch(statement):
        return _show(show)
    return _WORDS.sub(_word, statement)


def _word(match: re.Match[str]) -> str:
    if match["status"]:
        return "aurora.replica_host_status"
    if match["version"]:
        return _VARIABLES["aurora_version"]
    if match["variable"]:
        return _VARIABLES[match["variable"].lower()]
    return match[0]


def _show(match: re.Match[str]) -> str:
    scope = "global" if (match["scope"] or "").lower() == "global" else "session"
    select = f"SELECT Variable_name, Value FROM aurora.{scope}_variables"  # noqa: S608 -- constants only
    if not match["how"]:
        return f"{select} ORDER BY 1"
    column = " Variable_name LIKE" if match["how"].upper() == "LIKE" else ""
    return f"{select} WHERE{column}{match['condition']} ORDER BY 1"


class Surface:
    """Translates each statement that passes on a link."""

    def __init__(self) -> None:
        self._commands = wire.Commands()
        self._greeting = bytearray()
        self._greeted = False

    def from_client(self, data: bytes) -> Action:
        """Pass whole statements, and anything else as it comes."""
        return Action(forward=b"".join(map(_translated, self._commands.feed(data))))

    def from_server(self, data: bytes) -> Action:
        """Pass everything, but no offer to speak in a way that could not be read here."""
        if self._greeted:
            return Action(forward=data)
        self._greeting += data
        size = int.from_bytes(self._greeting[:3], "little")
        if len(self._greeting) < wire.HEADER + size:
            return Action()
        self._greeted = True
        return Action(forward=wire.without_compression(bytes(self._greeting)))


def _translated(piece: wire.Piece) -> bytes:
    if piece.statement is None or piece.command is None:
        return piece.data
    # Latin 1 keeps every byte as it is, whatever the connection's character set.
    statement = translate(piece.statement.decode("latin-1")).encode("latin-1")
    return wire.packet(0, bytes([piece.command]) + statement)
