"""What a topology source is: one kind of cluster, how it is recognised, and how it is asked.

A database system (PostgreSQL, MySQL) has one probe, a statement that no server of it refuses and
that each of its sources has a part in. A source whose part shows that the server is of its kind is
the one that brings everything else: the question for identity and view, its parser, and the rule
by which a writer is confirmed.

Pure: statements out, rows in. A source never connects, waits, or knows a driver. See
docs/adding-a-source.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from aurora_otel.model.endpoints import Address
from aurora_otel.model.peers import called_by
from aurora_otel.model.rows import Rows as Rows  # noqa: PLC0414 - sources know this file alone
from aurora_otel.model.topology import Answer

# What RDS allows as an identifier; anything else in an answer is no instance's name.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,62}")
# How many connections a server allows: no system has room for more digits.
_LIMIT = re.compile(r"[1-9][0-9]{0,6}")
# Aurora has 16 instances at most: rows beyond this are no cluster's.
MOST_ROWS = 128
_MAX_PORT = 65535


class NoAnswerError(ValueError):
    """The rows are not what the statement asks for."""


class Confirmation(Enum):
    """How it is settled which instance is the writer, when instances are asked for their roles.

    Attributes:
        FIRST_CLAIM: the first instance that claims to be the writer is believed: the storage lets
            no two of them write. A known writer that is not the claimant is asked before that.
        ALL_REACHABLE: two may accept writes at the same time (split brain), so all instances that
            can be reached are asked. The writer is the one that claims at the highest epoch, if
            that is not below the highest that was ever confirmed; two at one epoch are no verdict,
            nor is one beside another that claimed at that epoch or a higher one, and is silent now.
            Without epochs, it is the only one that claims.
        NAME_MOVED: one server at a time is behind a name, and is called by its address. The one
            that claims where the name leads is the writer, once the known one, asked at its own
            address, says that it is a reader, does not answer for long or is not there, and the
            name leads there no more. Only servers that such a name leads to are recognised at all.
    """

    FIRST_CLAIM = "first_claim"
    ALL_REACHABLE = "all_reachable"
    NAME_MOVED = "name_moved"


def hears_all(source: TopologySource | None) -> bool:
    """Return whether all that can be reached are heard before a claim is believed."""
    return source is not None and source.confirmation is Confirmation.ALL_REACHABLE


def goes_by_address(source: TopologySource | None) -> bool:
    """Return whether an instance is called by the network address at which it was reached."""
    return source is not None and source.confirmation is Confirmation.NAME_MOVED


def located(source: TopologySource, answer: Answer, at: Address | None) -> Answer:
    """Return an answer with the instance's name, where that is the address at which it was reached.

    Args:
        source: the kind of cluster.
        answer: what it said.
        at: that address.

    Raises:
        NoAnswerError: the address is the name, and is not known.
    """
    if not goes_by_address(source):
        return answer
    if at is None:
        raise NoAnswerError("no network address")
    return answer._replace(instance=called_by(at))


class Match(NamedTuple):
    """What a source recognised a server as.

    Attributes:
        source: the source, which is asked for everything else from now on.
        view: whether the session may read the topology.
        is_router: whether it passes statements on to servers behind it. Its connections are
            tracked, and belong to no instance; nothing is ever closed.
        is_certain: whether it is more than a server on its own for all that it shows: else it is a
            plain one, unless something else shows that it is a member of a cluster.
    """

    source: TopologySource
    view: bool = False
    is_router: bool = False
    is_certain: bool = True


class TopologySource(Protocol):
    """One kind of cluster of one database system."""

    kind: str
    """What telemetry calls this kind of cluster."""

    evidence: Mapping[str, str]
    """The source's part in the probe: SQL expressions by names of its own choice.

    PostgreSQL: each is one column, of type text; it must not raise on any server, with any
    privileges. MySQL: each is the name of a variable, as an expression.
    """

    is_of_rds: bool
    """Whether the RDS API knows such clusters."""

    confirmation: Confirmation
    """By which rule a writer is confirmed."""

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Return what the server is, or `None` if it is not of this kind.

        Args:
            found: by the names in `evidence`, what the server answered; `None`: nothing.
        """

    def question(self, *, view: bool) -> str:
        """Return the one statement that an instance is asked; its rows are for `parse_answer`.

        It asks for the instance's identifier, its role and the server's number of the session, and
        where the view is wanted for the members of the cluster and which of them is the writer.
        """

    def parse_answer(self, rows: Rows) -> Answer:
        """Return what the rows of `question` say.

        Raises:
            NoAnswerError: they make no sense.
        """


class LoginNotAllowedError(Exception):
    """The agent may not log in there now; that says nothing of the instance."""


class LoginPostponedError(LoginNotAllowedError):
    """The agent may log in there later: not all processes do so at one moment."""


class SilentLatelyError(LoginPostponedError):
    """The agent may log in there later: the last login was not answered in time."""


class Probe(NamedTuple):
    """What a server answered to the probe of its system.

    Attributes:
        backend_id: the server's own number for the session that was asked.
        match: what it was recognised as; `None`: a plain server.
        max_connections: how many connections the server allows, if it says so.
    """

    backend_id: str
    match: Match | None = None
    max_connections: int | None = None


class System(Protocol):
    """One database system: how a server of it is asked what kind it is."""

    probe: str
    """One statement that no server of this system refuses, nor writes to its log."""

    def parse_probe(self, rows: Rows, *, is_single: bool = False) -> Probe:
        """Return what the rows of `probe` say.

        Args:
            rows: the rows.
            is_single: see `recognise`.

        Raises:
            NoAnswerError: they make no sense.
        """


def recognise(
    sources: Sequence[TopologySource],
    found: Sequence[Mapping[str, str | None]],
    *,
    is_single: bool,
) -> Match | None:
    """Return what the first source that recognises a server says of it.

    Args:
        sources: the candidates, the most particular first.
        found: for each of them, what the server answered to its evidence.
        is_single: whether its name is one behind which is one server at a time.
    """
    # No generator, whose end on the way out would swallow what a signal handler raises there.
    for source, each in zip(sources, found, strict=True):
        is_meant = is_single or not goes_by_address(source)
        if is_meant and (match := source.recognise(each)) is not None:
            return match
    return None


def limit_of(value: str | None) -> int | None:
    """Return how many connections a server allows, if `value` is such a number."""
    return int(value) if isinstance(value, str) and _LIMIT.fullmatch(value) else None


def is_port(text: str) -> bool:
    """Return whether a text is the number of a TCP port."""
    return text.isascii() and text.isdigit() and 0 < int(text) <= _MAX_PORT


def identifier(value: str | None) -> str:
    """Return `value` as an instance identifier, in lower case.

    Raises:
        NoAnswerError: it is none.
    """
    name = value.lower() if isinstance(value, str) else ""
    if not _IDENTIFIER.fullmatch(name):
        raise NoAnswerError("not an instance identifier")
    return name
