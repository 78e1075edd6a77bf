"""However the agent is switched on, the settings count that were set; `observe` closes nothing."""

import json
import os
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
    return subprocess.Popen(
        [sys.executable, APPLICATION, json.dumps(ways), cluster.dsn("writer")],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


OBSERVING = {
    "variable, loader": Way([LOADER], BY_VARIABLE),
    "variable, loader, code without settings": Way([LOADER, AGAIN], BY_VARIABLE),
    "variable, code": Way([AGAIN], BY_VARIABLE),
    "variable, loader, on again": Way([LOADER, UNINSTRUMENT, OTHER], BY_VARIABLE),
    "file, loader": Way([LOADER], file="mode: observe"),
    "file, loader, other settings in code": Way([LOADER, OTHER], file="mode: observe"),
    "file, code, then the loader": Way([AGAIN, LOADER], file="mode: observe"),
    "file, loader, on again": Way([LOADER, UNINSTRUMENT, AGAIN], file="mode: observe"),
    "file over variable": Way([LOADER], {"AURORA_OTEL_MODE": "cleanup"}, "mode: observe"),
    "code, then the loader": Way([OBSERVE, LOADER]),
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
}
OFF = {
    "by variable": Way([LOADER, AGAIN], {"AURORA_OTEL_MODE": "off"}),
    "by the file": Way([LOADER, AGAIN], file="enabled: false, mode: cleanup"),
    "by the file's mode": Way([LOADER, AGAIN], file="mode: off"),
    "by name": Way([LOADER], {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "aurora"}),
    "by code, while it runs": Way([LOADER, ["instrument", {"mode": "off"}], AGAIN]),
}


def test_under_observe_no_socket_is_closed_however_it_was_said(cluster, tmp_path):
    ways = {**OBSERVING, **CLEANING, **OFF}
    written = {
        name: way.written(tmp_path, number) for number, (name, way) in enumerate(ways.items())
    }
    process = start(cluster, written)
    assert process.stdout.readline() == "connected\n", process.communicate()[1]
    cluster.failover(Failover.SWITCHOVER)
    outcomes = json.loads(process.communicate("\n", timeout=60)[0])
    first_lines = {name: each["snapshot"].splitlines()[0] for name, each in outcomes.items()}
    assert {name: first_lines[name] for name in OBSERVING} == dict.fromkeys(
        OBSERVING, "aurora-otel is active, mode observe"
    )
    assert {name: first_lines[name] for name in CLEANING} == dict.fromkeys(
        CLEANING, "aurora-otel is active, mode cleanup"
    )
    assert {name: first_lines[name] for name in OFF} == dict.fromkeys(
        OFF, "aurora-otel is not active"
    )
    writes = {name: each["writes"] for name, each in outcomes.items()}
    assert writes == {
        **dict.fromkeys((*OBSERVING, *OFF), f"{REFUSED}, {REFUSED}"),
        **dict.fromkeys(CLEANING, f"{REFUSED}, OperationalError"),
    }
    # Which source counts is shown.
    expected = {
        "variable, loader": "setting mode = observe (AURORA_OTEL_MODE)",
        "file, loader, other settings in code": "setting mode = observe (OTEL_CONFIG_FILE)",
        "code, then the loader": "setting mode = observe (an argument of instrument())",
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
