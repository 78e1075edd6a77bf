"""The doctor as a process, in an environment of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CANARY = "canary-8f3a"
COMMAND = str(Path(sysconfig.get_path("scripts"), "aurora-otel"))


@dataclass
class Examination:
    """What the doctor found."""

    status: int
    findings: list[dict[str, Any]]
    level: str
    output: str

    def of(self, check: str, level: str | None = None) -> list[dict[str, Any]]:
        """The findings of one check."""
        return [
            each
            for each in self.findings
            if each["check"] == check and level in (None, each["level"])
        ]

    def worse(self) -> set[str]:
        """The checks that found something that is not ok."""
        return {each["check"] for each in self.findings if each["level"] != "ok"}


class Doctor:
    """Runs `aurora-otel doctor` where traces, metrics and logs go to a listening port."""

    def __init__(self, port: int) -> None:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OTEL_", "AURORA_OTEL_", "PG", "AWS_"))
        }
        self.environment = {
            **clean,
            "OTEL_SERVICE_NAME": "examined",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {CANARY}",
            "AURORA_OTEL_RDS_API": "off",
            # A busy machine may take its time.
            "AURORA_OTEL_REFRESH_TIMEOUT": "5",
        }

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, COMMAND, "doctor", *arguments],
            capture_output=True,
            check=False,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def examine(self, *arguments: str, **environment: str) -> Examination:
        """Examine; what holds for every examination is checked here."""
        done = self.run(*arguments, "--json", environment=environment)
        assert done.stderr == ""
        document = json.loads(done.stdout)
        for finding in document["findings"]:
            assert finding["what"]
            assert bool(finding["remedy"]) is (finding["level"] != "ok"), finding
        assert CANARY not in done.stdout
        assert not [each for each in document["findings"] if each["check"] == "doctor"]
        assert done.returncode == (1 if document["level"] == "failure" else 0)
        return Examination(done.returncode, document["findings"], document["level"], done.stdout)


@pytest.fixture(scope="package")
def doctor():
    with socket.create_server(("127.0.0.1", 0)) as collector:
        yield Doctor(collector.getsockname()[1])
