"""However the agent is switched on, the settings count that were set; `observe` closes nothing."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aurora_otel.doctor import configuration
from aurora_otel.lab import Failover

pytest.importorskip("opentelemetry.configuration", reason="it came with a later SDK")

APPLICATION = Path(__file__).with_name("switched_on.py")
LOADER = ["loader"]
AGAIN = ["instrument", {}]
OTHER = ["instrument", {"refresh_window": 60}]
OBSERVE = ["instrument", {"mode": "observe"}]
UNINSTRUMENT = ["uninstrument"]
BY_VARIABLE = {"AURORA_OTEL_MODE": "observe"}
KILL_SWITCH = "AURORA_OTEL_KILL_SWITCH"
UNREADABLE = "instrumentation/development: ["
REFUSED = "ReadOnlySqlTransaction"


@dataclass
class Way:
    """How it is switched on: the calls, variables, and what stands in the configuration file."""

    calls: list
    environ: dict = field(default_factory=dict)
    file: str | None = None

    def written(self, directory, number):
        """Return it for the application; its file is written."""
        environ = dict(self.environ)
        if self.file is not None:
            path = directory / f"{number}.yaml"
            path.write_text(content(self.file))
            environ["OTEL_CONFIG_FILE"] = str(path)
        return {"calls": self.calls, "environ": environ}


def content(aurora):
    """A whole configuration file."""
    if aurora == UNREADABLE:
        return aurora
    lines = "".join(f"      {line}\n" for line in aurora.split(", "))
    return f"file_format: '1.1'\ninstrumentation/development:\n  python:\n    aurora:\n{lines}"


def start(cluster, ways):
    """Start an application for each way."""
    environ = {
        key: value for key, value in os.environ.items() if not key.startswith(("AURORA_", "OTEL_"))
    }
    environ |= {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    environ |= {**cluster.environment(), "AURORA_OTEL_IDENTIFY_TIMEOUT": "20"}
    # The first write that is refused waits for the verdict, however busy the machine is.
    environ["AURORA_OTEL_REFRESH_TIMEOUT"] = "20"
    return subprocess.Popen(
        [sys.executable, APPLICATION, json.dumps(ways), cluster.dsn("writer")],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


# By what it is switched on, in which order: a `sitecustomize` of one's own is code before the
# loader.
ORDERS = {
    "the loader": [LOADER],
    "code": [AGAIN],
    "code, the loader": [AGAIN, LOADER],
    "the loader, code": [LOADER, AGAIN],
}


def by_each_source(order, kill_switch):
    """Return the ways to observe with the calls of an order; the kill switch is on."""
    calls = ORDERS[order]
    ways = {
        "variable": Way(calls, BY_VARIABLE),
        "file": Way(calls, file="mode: observe"),
        "kill switch": Way(calls, {KILL_SWITCH: str(kill_switch)}),
    }
    if AGAIN in calls:
        ways["argument"] = Way([OBSERVE if call == AGAIN else call for call in calls])
    return {f"{source}: {order}": way for source, way in ways.items()}


def then(ways, what, calls):
    """Return the ways, each switched off, and with what calls returns for it behind that."""
    return {
        f"{name}, {what}": Way([*way.calls, UNINSTRUMENT, *calls(way)], way.environ, way.file)
        for name, way in ways.items()
    }


OBSERVING = {
    "variable, on again with another setting": Way([LOADER, UNINSTRUMENT, OTHER], BY_VARIABLE),
    "file, other settings in code": Way([LOADER, OTHER], file="mode: observe"),
    "file, on again by code": Way([LOADER, UNINSTRUMENT, AGAIN], file="mode: observe"),
    "file over variable": Way([LOADER], {"AURORA_OTEL_MODE": "cleanup"}, "mode: observe"),
    "code, then the loader with a file": Way([OBSERVE, LOADER], file="refresh_window: 60"),
    "loader, then code twice": Way([LOADER, OBSERVE, OTHER]),
    "switched off by name, code": Way(
        [LOADER, OBSERVE], {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "aurora"}
    ),
    "misspelt variable": Way([LOADER], {"AURORA_OTEL_MODE": "obsreve"}),
    "misspelt in the file": Way([LOADER], file="mode: obsreve"),
    "a file that cannot be read, code": Way([LOADER, AGAIN], file=UNREADABLE),
}
CLEANING = {
    "nothing said": Way([LOADER]),
    "code over file": Way([LOADER, ["instrument", {"mode": "cleanup"}]], file="mode: observe"),
    "an argument is forgotten, on again": Way([OBSERVE, UNINSTRUMENT, AGAIN]),
}
OFF = {
    "by variable": Way([LOADER, AGAIN], {"AURORA_OTEL_MODE": "off"}),
    "by the file": Way([LOADER, AGAIN], file="enabled: false, mode: cleanup"),
    "by the file's mode": Way([LOADER, AGAIN], file="mode: off"),
    "by name": Way([LOADER], {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "aurora"}),
    "by code, while it runs": Way([LOADER, ["instrument", {"mode": "off"}], AGAIN]),
}


def outcomes_of(cluster, ways, place):
    """Take an application of each way through a switchover; return what became of it."""
    written = {name: way.written(place, number) for number, (name, way) in enumerate(ways.items())}
    process = start(cluster, written)
    try:
        assert process.stdout.readline() == "connected\n", process.stderr.read()
        cluster.failover(Failover.SWITCHOVER)
        return json.loads(process.communicate("\n", timeout=120)[0])
    finally:
        # Those that it forked, too.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.timeout(300)
def test_under_observe_no_socket_is_closed_however_it_was_said(cluster, tmp_path):
    kill_switch = tmp_path / "observe"
    kill_switch.touch()
    said = {}
    for order in ORDERS:
        said |= by_each_source(order, kill_switch)
    observing = OBSERVING | said | then(said, "on again", lambda way: way.calls)
    by_variable = {name: way for name, way in said.items() if way.environ == BY_VARIABLE}
    off = OFF | then(by_variable, "off", lambda _: [])
    outcomes = outcomes_of(cluster, {**observing, **CLEANING, **off}, tmp_path)
    first_lines = {name: each["snapshot"].splitlines()[0] for name, each in outcomes.items()}
    assert {name: first_lines[name] for name in observing} == dict.fromkeys(
        observing, "aurora-otel is active, mode observe"
    )
    assert {name: first_lines[name] for name in CLEANING} == dict.fromkeys(
        CLEANING, "aurora-otel is active, mode cleanup"
    )
    assert {name: first_lines[name] for name in off} == dict.fromkeys(
        off, "aurora-otel is not active"
    )
    writes = {name: each["writes"] for name, each in outcomes.items()}
    assert writes == {
        **dict.fromkeys((*observing, *off), f"{REFUSED}, {REFUSED}"),
        **dict.fromkeys(CLEANING, f"{REFUSED}, OperationalError"),
    }
    # Which source counts is shown.
    expected = {
        "variable: the loader": "setting mode = observe (AURORA_OTEL_MODE)",
        "file, other settings in code": "setting mode = observe (OTEL_CONFIG_FILE)",
        "argument: code, the loader": "setting mode = observe (an argument of instrument())",
        "kill switch: the loader": "setting mode = observe (the kill switch is on)",
        "misspelt variable": "setting mode = observe (AURORA_OTEL_MODE, which is not valid)",
        "by the file": "setting mode = off (OTEL_CONFIG_FILE (enabled: false))",
    }
    for name, line in expected.items():
        assert line in outcomes[name]["snapshot"].splitlines(), name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mode: observe", "mode = observe, by OTEL_CONFIG_FILE"),
        ("mode: obsreve", "mode has a value that is not allowed; in doubt, the mode is observe"),
        ("enabled: false", "mode = off, by OTEL_CONFIG_FILE (enabled: false)"),
        ("refresh_windows: 5", "refresh_windows is not a setting, and is ignored"),
    ],
)
def test_the_doctor_reports_what_the_configuration_file_sets(tmp_path, text, found):
    path = tmp_path / "otel.yaml"
    path.write_text(content(text))
    findings = configuration.findings({"OTEL_CONFIG_FILE": str(path)})
    assert found in [finding.what for finding in findings]
