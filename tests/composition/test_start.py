"""What the agent reports of itself at the start, and of drivers that it does not support."""

import logging
import subprocess
import sys

import pytest

from aurora_otel import AuroraInstrumentor, __version__

INFO = "aurora.agent.info"
RDS = "orders.cluster-c0ffee123456.eu-west-1.rds.amazonaws.com"


@pytest.fixture
def messages(caplog):
    caplog.set_level(logging.INFO, "aurora_otel")
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records]


def test_one_line_at_the_start_names_version_mode_and_libraries(start, messages):
    start()
    ((level, message),) = messages()
    assert level == "INFO"
    assert message.startswith(f"aurora-otel {__version__} is active: mode cleanup; instruments ")
    assert {"psycopg,", "psycopg2,", "sqlalchemy,"} <= set(message.split())
    # A call that changes nothing is silent, another mode is not.
    start()
    assert len(messages()) == 1
    start(mode="observe", drivers="psycopg")
    assert "mode observe; instruments psycopg, sqlalchemy, " in messages()[1][1]


def test_without_an_agent_the_line_says_so(messages):
    AuroraInstrumentor().instrument(mode="off")
    AuroraInstrumentor().uninstrument()
    assert messages() == [("INFO", f"aurora-otel {__version__} does nothing: the mode is off")]


def test_a_metric_shows_which_mode_counts(start):
    def modes(agent):
        return {
            point.attributes["aurora.agent.mode"]: point.value
            for point in agent.exported.points(INFO)
            if point.attributes["aurora.agent.version"] == __version__
        }

    assert modes(start()) == {"cleanup": 1, "observe": 0}
    assert modes(start(mode="observe")) == {"cleanup": 0, "observe": 1}


# A process of its own: what other tests have described stays described.
PROCESS = f"""
import pgdb
from aurora_otel import AuroraInstrumentor, instrument_dbapi, snapshot
{{described}}
AuroraInstrumentor().instrument()
# The name is not looked up: there is no such service.
for host in ("127.0.0.1:1", "{RDS}:1:1", "{RDS}:1:1"):
    try:
        pgdb.connect(host=host, user="app", database="app")
    except pgdb.Error:
        pass
print("PyGreSQL" in snapshot().patched)
AuroraInstrumentor().uninstrument()
"""
DESCRIPTION = """
instrument_dbapi(
    pgdb, system="postgresql", fileno=lambda connection: connection._cnx.fileno()
)
"""


def reported(described=""):
    """Return what a process says that connects by a driver without a file."""
    script = PROCESS.format(described=described)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    return done.stderr.splitlines()


def test_a_driver_that_is_not_supported_is_reported_once_when_it_connects_to_rds():
    (warning,) = reported()
    assert "PyGreSQL connects to Amazon RDS, and aurora-otel does not support it" in warning


def test_a_driver_that_the_application_described_is_supported():
    assert reported(DESCRIPTION) == []


def test_the_command_line_is_a_module_too():
    done = subprocess.run(
        [sys.executable, "-m", "aurora_otel", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"aurora-otel {__version__}\n"
