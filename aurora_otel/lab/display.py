"""What `aurora-otel lab` shows: for people, or as JSON for scripts."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Protocol

from aurora_otel.lab.dns import ENDPOINTS
from aurora_otel.lab.engines import ENGINES
from aurora_otel.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aurora_otel.lab.cluster import Cluster

HELP = """\
crash [INSTANCE]       the writer dies; a reader (INSTANCE) takes over
switchover [INSTANCE]  the writer stays up, keeps its sessions and refuses writes
hang [INSTANCE]        the writer stops answering, and its sockets stay open
promote [INSTANCE]     a reader accepts writes beside the writer, and is where the names lead
thaw                   what hangs goes on as what it was
recover                what is down, hung or demoted comes back as a reader
status                 who is what, and how many sessions it has
quit                   end it all"""


class Display(Protocol):
    """Where the command reports to."""

    def starting(self, cluster: Cluster) -> contextlib.AbstractContextManager[object]:
        """Shows, until it is left, that the cluster is starting."""

    def ready(self, cluster: Cluster) -> None:
        """Show how to connect."""

    def event(self, event: str, text: str, **details: object) -> None:
        """Show that something happened: its name and details for scripts, a text for people."""

    def status(self, cluster: Cluster) -> None:
        """Show the state of every instance."""

    def prompt(self) -> None:
        """Ask for a command."""


class JsonDisplay:
    """One JSON object a line."""

    def starting(self, cluster: Cluster) -> contextlib.AbstractContextManager[object]:  # noqa: ARG002 -- it shows nothing
        """Show nothing."""
        return contextlib.nullcontext()

    def ready(self, cluster: Cluster) -> None:
        """Print the connection data."""
        places = (*ENDPOINTS, *cluster.instances)
        self._print(
            {
                "name": cluster.name,
                "writer": cluster.writer,
                "instances": cluster.instances,
                "dsn": {place: cluster.dsn(place) for place in places},
                "hosts": cluster.hosts,
                "environment": cluster.environment(),
            }
        )

    def event(self, event: str, text: str, **details: object) -> None:  # noqa: ARG002 -- for people
        """Print the event."""
        self._print({"event": event, **details})

    def status(self, cluster: Cluster) -> None:
        """Print the state of every instance."""
        rows = [
            {"instance": name, "condition": condition, "sessions": sessions}
            for name, condition, sessions in states(cluster)
        ]
        self._print({"event": "status", "instances": rows})

    def prompt(self) -> None:
        """Print nothing."""

    def _print(self, what: dict[str, object]) -> None:
        print(json.dumps(what), flush=True)  # noqa: T201 -- the command's output


class RichDisplay:
    """Tables and colours.

    Raises:
        LabError: rich is not installed.
    """

    def __init__(self) -> None:
        try:
            from rich.console import Console  # noqa: PLC0415 -- scripts and tests do without
        except ImportError:
            raise LabError(
                "the lab needs rich: pip install 'aurora-otel[demo]' (pip 25.1 or later)"
            ) from None
        self._console = Console(highlight=False, soft_wrap=True)

    def starting(self, cluster: Cluster) -> contextlib.AbstractContextManager[object]:
        """Show a spinner."""
        return self._console.status(
            f"Starting three {ENGINES[cluster.engine].product} servers as cluster {cluster.name} …"
        )

    def ready(self, cluster: Cluster) -> None:
        """Print how to connect."""
        show = self._console.print
        show(f"Cluster [bold]{cluster.name}[/] is up; {cluster.writer} is the writer.\n")
        for place in (*ENDPOINTS, *cluster.instances):
            show(f"[bold cyan]{place}[/]")
            show(f"  {cluster.dsn(place)}", markup=False)
        if cluster.engine == "mysql":
            show("\nNo name server knows these names; in /etc/hosts they would be:")
            for host, address in cluster.hosts.items():
                show(f"  {address} {host}")
        environment = cluster.environment()
        if environment:
            show("\nFor an application that is to know the instances:")
        for name, value in environment.items():
            show(f"  export {name}={value}", markup=False)
        if sys.stdin.isatty():
            show(f"\n{HELP}\n", markup=False)

    def event(self, event: str, text: str, **details: object) -> None:  # noqa: ARG002 -- for scripts
        """Print the text."""
        self._console.print(text, markup=False, style="red" if event == "error" else None)

    def status(self, cluster: Cluster) -> None:
        """Print a table."""
        from rich.table import Table  # noqa: PLC0415 -- as above

        table = Table("instance", "condition", "sessions")
        for name, condition, sessions in states(cluster):
            table.add_row(name, condition, str(sessions))
        self._console.print(table)

    def prompt(self) -> None:
        """Print a prompt on a terminal."""
        if sys.stdin.isatty():
            self._console.print("lab> ", end="")


def states(cluster: Cluster) -> Iterator[tuple[str, str, int]]:
    """Yield each instance, how it is, and how many sessions the application has there."""
    for instance in cluster.instances:
        yield instance, cluster.condition(instance).value, cluster.sessions(instance)
