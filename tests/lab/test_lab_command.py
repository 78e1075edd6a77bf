import json
import os
import re
import signal
import subprocess
import sys

import psycopg
import pytest

RUN = """
import argparse, sys
from aurora_otel.lab import arguments, command
parser = argparse.ArgumentParser()
arguments.add_arguments(parser)
sys.exit(command.run(parser.parse_args()))
"""


def _run(*arguments, typed="", before="", **options):
    return subprocess.run(
        [sys.executable, "-c", before + RUN, *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


PLACES = {
    "postgresql": r"host=mine\.cluster-\S+ hostaddr=127\.0\.0\.8 ",
    "mysql": r"mysql://app:\w+@mine\.cluster-[\s\S]* 127\.0\.0\.8 mine\.cluster-",
}


@pytest.mark.parametrize("engine", PLACES)
def test_commands_are_read_until_the_end_of_the_input(engine):
    typed = "status\nswitchover\nhang mine-9\nnonsense\nstatus\n"
    result = _run("--name", "mine", "--engine", engine, typed=typed)
    assert result.returncode == 0, result.stderr
    assert re.search(PLACES[engine], result.stdout)
    name = "mine-1.c0ffee123456.eu-west-1.rds.amazonaws.com"
    assert f"export AURORA_OTEL_INSTANCE_ENDPOINTS={name}=127.0.0.11:" in result.stdout
    assert "switchover: mine-2 is the writer now, mine-1 was" in result.stdout
    assert "got 'mine-9'" in result.stdout
    assert "demoted" in result.stdout
    assert "nothing is left behind" in result.stdout


def test_a_script_connects_and_watches_a_crash_and_its_recovery():
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "--json", "--failover", "crash", "--after", "0.5"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        lines = map(json.loads, process.stdout)
        start = next(lines)
        with psycopg.connect(start["dsn"]["lab-2"]) as connection:
            connection.execute("SELECT 1")
        assert list(start["environment"]) == ["AURORA_OTEL_INSTANCE_ENDPOINTS"]
        failover = next(lines)
        assert (failover["kind"], failover["old_writer"], failover["new_writer"]) == (
            "crash",
            "lab-1",
            "lab-2",
        )
        assert next(lines) == {"event": "recovered", "instance": "lab-1"}
        os.kill(process.pid, signal.SIGINT)
        assert next(lines) == {"event": "stopped"}
    assert process.returncode == 0


def test_a_missing_mariadb_is_one_line_that_says_how_to_get_it():
    nowhere = "from aurora_otel.lab import mariadb_installation; mariadb_installation.PLACES = ()\n"
    result = _run("--engine", "mysql", before=nowhere, env={"PATH": ""})
    assert result.returncode == 1
    assert result.stderr == (
        "aurora-otel lab: the lab needs MariaDB's server, mariadbd: on Debian and Ubuntu,"
        " apt-get install mariadb-server-core\n"
    )


def test_it_ends_when_its_time_is_over():
    result = _run("--json", "--for", "0")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == {"event": "stopped"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "a b"], "name must be letters, digits and hyphens; got 'a b'"),
        (["--dns-lag", "-1"], "must be seconds, 0 or more; got -1"),
        (["--engine", "oracle"], "invalid choice: 'oracle'"),
        (["--failover", "flood"], "invalid choice: 'flood'"),
    ],
)
def test_a_wrong_option_is_a_clear_error(arguments, message):
    result = _run(*arguments)
    assert result.returncode != 0
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_the_name_of_one_server_at_a_time_leads_to_another_address_after_a_failover(engine):
    typed = "hang\nthaw\nstatus\n"
    result = _run("--name", "mine", "--engine", engine, "--kind", "single", typed=typed)
    assert result.returncode == 0, result.stderr
    name = "mine.c0ffee123456.eu-west-1.rds.amazonaws.com"
    assert re.search(rf"127\.0\.0\.11 {name}|{name} hostaddr=127\.0\.0\.11 ", result.stdout)
    assert f"the name {name} leads to 127.0.0.12 now" in result.stdout
    assert "mine-1 goes on as what it was" in result.stdout
    assert "nothing is left behind" in result.stdout


def test_a_postgresql_with_standbys_thaws_and_has_two_that_accept_writes():
    typed = "switchover\nhang\nthaw\npromote mine-3\nnonsense\nstatus\n"
    result = _run("--name", "mine", "--kind", "plain", typed=typed)
    assert result.returncode == 0, result.stderr
    assert re.search(r"host=mine-rw\.default\.svc\S+ hostaddr=127\.0\.0\.8 ", result.stdout)
    assert "export AURORA_OTEL_MEMBERS=127.0.0.11:" in result.stdout
    assert "switchover: mine-2 is the writer now, mine-1 was" in result.stdout
    assert "mine-2 goes on as what it was" in result.stdout
    assert "mine-3 accepts writes, too; mine-1 goes on as it was" in result.stdout
    assert "nothing is left behind" in result.stdout
