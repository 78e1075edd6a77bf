"""The application's process: started, sent commands, read, ended."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from aurora_otel.lab import Cluster
from aurora_otel.settings import PREFIX
from tests.chaos.facts import Fact, Raised, decode, renamed
from tests.chaos.lab import PRIVATE
from tests.support.moving_names import hosts_file

_ROOT = Path(__file__).parents[2]
# Seconds that the application has for leaving.
_PATIENCE = 90.0


class Process:
    """A running application; a context manager.

    Args:
        cluster: what it uses.
        bug: the planted bug, if there is to be one.
        loops: whether tasks of an event loop use it, too.
    """

    def __init__(self, cluster: Cluster, bug: str | None, *, loops: bool = False) -> None:
        self._facts: deque[Fact] = deque()
        self._instances = _instances(cluster)
        self._ended = False
        self._ending = contextlib.ExitStack()
        errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed at the end
        self._errors = self._ending.enter_context(errors)
        directory = self._ending.enter_context(tempfile.TemporaryDirectory())
        # By names alone, in C as well: beside an address, a name leads nowhere else.
        hosts = hosts_file(_hosts(cluster), Path(directory, "hosts"))
        names = self._ending.enter_context(hosts)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.application"],
            cwd=_ROOT,
            env=os.environ | names,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hearing.start()
        self._say(
            {
                "engine": cluster.engine,
                "logins": _logins(cluster),
                "password": cluster.password,
                "settings": _settings(cluster),
                "bug": bug,
                "loops": loops,
            }
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._hearing.join()
        for stream in (self._process.stdin, self._process.stdout):
            # It may not have read its last command.
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self._ending.close()

    def command(self, what: str, **arguments: object) -> None:
        """Send it a command."""
        self._say({"do": what, **arguments})

    def facts(self, until: float) -> Iterator[Fact]:
        """Yield what it reported, in its order, up to a moment; if it has died, that too."""
        while self._facts and self._facts[0].at <= until:
            yield self._facts.popleft()
        if (status := self._process.poll()) is not None and not self._facts:
            self._errors.seek(0)
            yield Raised(time.monotonic(), "the process", f"ended: {status}", self._errors.read())

    def wait_for(self, kind: type[Fact]) -> bool:
        """Wait until it has reported, last of all, a fact of this kind; return whether it did."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._facts and isinstance(self._facts[-1], kind):
                return True
            time.sleep(0.02)
        return False

    def _say(self, what: dict[str, object]) -> None:
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # `facts` reports it
            pass

    def _hear(self) -> None:
        for line in self._process.stdout:
            self._facts.append(renamed(decode(line), self._instances))


def _hosts(cluster: Cluster) -> Mapping[str, str]:
    """Return the names that the application knows, and where they lead."""
    if cluster.kind == "single":
        # Past the gateway: a server is known by the address at which it is reached.
        return cluster.records({PRIVATE: "writer"})
    return {**cluster.hosts, PRIVATE: cluster.address("writer")[0]}


def _settings(cluster: Cluster) -> dict[str, str]:
    given = cluster.environment().items()
    single = {"single_endpoints": PRIVATE} if cluster.kind == "single" else {}
    return single | {name.removeprefix(PREFIX).lower(): value for name, value in given}


def _instances(cluster: Cluster) -> dict[str, str]:
    """Return the lab's names of instances by those that the agent has for them."""
    if cluster.kind not in ("plain", "single"):
        return {}
    # What is reached by a replica's own name is a plain MySQL, called by its host.
    called = ["{host}:{port}"] + (["{name}:{port}"] if cluster.engine == "mysql" else [])
    places = [(name, *cluster.plain_address(name)) for name in cluster.instances]
    return {
        each.format(name=name, host=host, port=port): name
        for each in called
        for name, host, port in places
    }


def _logins(cluster: Cluster) -> dict[str, object]:
    """Return how each target is reached; a host that hangs costs a connect three seconds."""
    targets = ("writer", "reader", "custom", *cluster.instances)
    hosts = {"private": ("writer", PRIVATE), **{each: (each, None) for each in targets}}
    if cluster.engine == "mysql":
        logins = {
            name: cluster.parameters(target, host=host) for name, (target, host) in hosts.items()
        }
        return {name: {**login, "connect_timeout": 3} for name, login in logins.items()}
    more = {"connect_timeout": 3, "password": "", "hostaddr": None}
    return {name: cluster.dsn(target, host=host, **more) for name, (target, host) in hosts.items()}
