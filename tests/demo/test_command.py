import json

import pytest

from aurora_otel.cli import main
from aurora_otel.demo import command
from aurora_otel.demo.application import ApplicationError
from aurora_otel.demo.arguments import DRIVERS
from aurora_otel.demo.run import Plan
from aurora_otel.lab import Failover, LabError, mariadb_installation
from tests.demo.runs import hung, recording, with_agent, without


@pytest.fixture
def recorded(monkeypatch):
    """Replaces the runs, which take their time, by recordings of good ones."""
    runs = {"without": without(), "with": with_agent(), "with_every_thread_hung": hung()}
    monkeypatch.setattr(command, "record", lambda plan, _timeline: runs[plan.name])
    return runs


def test_kept_promises_are_exit_status_0(recorded, capsys):
    assert main(["demo"]) == 0
    assert "sessions left on the old writer" in capsys.readouterr().out


def test_a_broken_promise_is_exit_status_1(recorded, capsys):
    recorded["with"] = recording(name="with", left=3)
    assert main(["demo"]) == 1
    assert "✗ BROKEN" in capsys.readouterr().out


def test_json_on_standard_output_stands_alone(recorded, capsys):
    main(["demo", "--json", "-"])
    output = capsys.readouterr()
    assert json.loads(output.out)["kept"] is True
    assert "✓ kept" in output.err


def test_json_in_a_file(recorded, tmp_path, capsys):
    main(["demo", "--json", str(tmp_path / "figures.json")])
    assert json.loads((tmp_path / "figures.json").read_text())["failover"] == "switchover"
    assert "✓ kept" in capsys.readouterr().out


def test_the_picture_is_drawn_into_a_file(recorded, tmp_path):
    main(["demo", "--picture", str(tmp_path / "demo.svg")])
    assert (tmp_path / "demo.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize("option", ["--json", "--picture", "--report"])
def test_a_file_that_cannot_be_written_is_reported_before_anything_runs(option, tmp_path, capsys):
    assert main(["demo", option, str(tmp_path / "nowhere" / "file")]) == 2
    assert "nowhere" in capsys.readouterr().out


@pytest.mark.parametrize("error", [LabError("no port is free"), ApplicationError("it ended")])
def test_what_could_not_run_says_why_with_exit_status_2(error, monkeypatch, capsys):
    def fail(_plan, _timeline):
        raise error

    monkeypatch.setattr(command, "record", fail)
    assert main(["demo"]) == 2
    assert f"aurora-otel demo: {error}" in capsys.readouterr().out


def test_a_missing_mariadb_is_one_line_that_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(mariadb_installation, "PLACES", ())
    assert main(["demo", "--engine", "mysql"]) == 2
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "mariadbd" in line]
    assert line.startswith("aurora-otel demo: the lab needs MariaDB's server")
    assert line.endswith("apt-get install mariadb-server-core")


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("failover", Failover)
def test_both_halves_differ_in_the_agent_alone(driver, failover):
    first, second, *_ = command.plans(driver, failover)
    assert (first.instrumented, second.instrumented) == (False, True)
    for attribute in set(Plan.__dataclass_fields__) - {"name", "instrumented"}:
        assert getattr(first, attribute) == getattr(second, attribute)


def test_a_hang_has_a_third_run_in_which_nothing_is_opened_afresh():
    *_, third = command.plans("pymysql", Failover.HANG)
    assert third.name == "with_every_thread_hung"
    assert (third.fresh_every, third.idle_after) == (0, None)
    assert third.settings == {"AURORA_OTEL_STUCK_AFTER": "2"}


def test_with_a_late_dns_each_run_goes_on_until_that_has_followed():
    for plan in command.plans("psycopg", Failover.CRASH, dns_lag=20):
        assert plan.dns_lag == 20
        assert plan.after > 20
    assert {plan.after for plan in command.plans("psycopg", Failover.CRASH)} == {Plan.after}


@pytest.mark.parametrize(
    ("driver", "failover", "kind", "lag"),
    [
        ("psycopg", Failover.SWITCHOVER, "plain", command.SERVICE_LAG),
        ("asyncpg", Failover.SWITCHOVER, "plain", command.SERVICE_LAG),
        ("psycopg", Failover.CRASH, "plain", 0),
        ("psycopg", Failover.SWITCHOVER, "aurora", 0),
        ("pymysql", Failover.SWITCHOVER, "plain", 0),
    ],
)
def test_a_service_moves_late_where_the_old_writer_restarts_as_a_reader(
    driver, failover, kind, lag
):
    for plan in command.plans(driver, failover, kind=kind):
        assert (plan.kind, plan.service_lag) == (kind, lag)


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_an_error(seconds, capsys):
    with pytest.raises(SystemExit) as end:
        main(["demo", f"--dns-lag={seconds}"])
    assert end.value.code == 2
    assert "--dns-lag" in capsys.readouterr().err


def test_what_was_asked_of_dns_is_in_the_json(recorded, capsys):
    main(["demo", "--dns-lag", "0.1", "--json", "-"])
    assert json.loads(capsys.readouterr().out)["dns_lag"] == 0.1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--engine mysql --driver asyncpg", "--driver asyncpg needs --engine postgresql"),
        ("--driver asyncpg --pool psycopg_pool", "--pool psycopg_pool needs --driver psycopg"),
        ("--engine mysql --pool sqlalchemy", "needs --driver psycopg or asyncpg"),
        ("--kind single --failover switchover", "--kind single needs --failover hang or crash"),
    ],
)
def test_what_does_not_go_together_is_one_line_that_says_why(asked, said, capsys):
    assert main(["demo", *asked.split()]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "failover"),
    [("", "switchover"), ("--kind single", "hang"), ("--kind single --failover crash", "crash")],
)
def test_the_failover_is_the_one_that_was_asked_for_or_that_of_the_kind(
    recorded, capsys, asked, failover
):
    main(["demo", *asked.split(), "--json", "-"])
    assert json.loads(capsys.readouterr().out)["failover"] == failover


@pytest.mark.parametrize(
    ("asked", "driver"),
    [("", "psycopg"), ("--engine mysql", "pymysql"), ("--driver asyncpg", "asyncpg")],
)
def test_the_driver_is_that_of_the_engine_or_the_one_that_was_asked_for(
    recorded, capsys, asked, driver
):
    main(["demo", *asked.split(), "--json", "-"])
    assert json.loads(capsys.readouterr().out)["driver"] == driver
