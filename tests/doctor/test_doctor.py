"""`aurora-otel doctor` on what people meet: each time a process of its own."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Cluster
from tests.doctor.conftest import CANARY
from tests.doctor.packages import package

STATUS = "pg_catalog.aurora_replica_status()"


@pytest.fixture
def dsn(cluster):
    """The writer endpoint of a healthy cluster, as a careful application connects to it."""
    return cluster.dsn("writer", connect_timeout=5)


def test_a_healthy_cluster_has_nothing_to_complain_of(doctor, cluster, dsn):
    found = doctor.examine("--dsn", dsn, **cluster.environment())
    assert found.worse() == set()
    assert found.status == 0
    (instance,) = found.of("instance")
    assert cluster.writer in instance["what"]
    assert "writer" in instance["what"]
    assert len(found.of("topology.instance")) == 3
    (refresh,) = found.of("topology.refresh")
    assert f"{cluster.writer} is the writer" in refresh["what"]
    assert found.of("instance.clock", "ok")
    # By an address beside the name.
    (straight,) = found.of("login.straight", "ok")
    assert "connects as it is given here" in straight["what"]
    assert cluster.password not in found.output


@pytest.mark.parametrize("driver", ["psycopg2", "pg8000", "asyncpg", "psycopg_async"])
def test_a_url_works_as_well_as_key_value_pairs(doctor, cluster, driver):
    host, port = cluster.address("writer")
    url = f"postgresql+{driver}://{cluster.user}@{host}:{port}/{cluster.database}"
    found = doctor.examine("--dsn", url, PGPASSWORD=cluster.password, **cluster.environment())
    assert f"{driver.removesuffix('_async')} logs in" in found.output
    # asyncpg gives up connecting by itself, after a minute.
    assert found.worse() == {"login.connect_timeout", "instance.private"}
    assert cluster.password not in found.output


def test_a_driver_that_is_not_supported_is_named(doctor, cluster, tmp_path):
    package(tmp_path, "psqlpy", "def connect(): ...\n")
    host, port = cluster.address("writer")
    url = f"postgresql+psqlpy://{cluster.user}@{host}:{port}/{cluster.database}"
    found = doctor.examine("--dsn", url, PGPASSWORD=cluster.password, PYTHONPATH=str(tmp_path))
    (driver,) = found.of("drivers.psqlpy")
    assert "neither tracked nor cleaned up" in driver["what"]
    (login,) = found.of("login", "failure")
    assert "does not support psqlpy" in login["what"]
    assert "psycopg" in login["remedy"]


def test_a_private_name_of_the_writer_should_be_listed(doctor, cluster):
    dsn = cluster.dsn("writer", host="127.0.0.8", connect_timeout=5)
    found = doctor.examine("--dsn", dsn, **cluster.environment())
    (private,) = found.of("instance.private")
    assert "AURORA_OTEL_WRITER_ENDPOINTS=127.0.0.8" in private["remedy"]
    listed = {"AURORA_OTEL_WRITER_ENDPOINTS": "127.0.0.8", **cluster.environment()}
    assert doctor.examine("--dsn", dsn, **listed).worse() == set()


def test_instances_that_nothing_locates_are_reported(doctor, cluster):
    dsn = cluster.dsn("writer", host="127.0.0.8", connect_timeout=5)
    found = doctor.examine("--dsn", dsn, AURORA_OTEL_WRITER_ENDPOINTS="127.0.0.8")
    assert found.worse() == {"topology.addresses"}


def test_an_instance_that_cannot_be_reached_is_a_failure(doctor, cluster, dsn):
    places = cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"]
    reader = cluster.readers[0]
    host, port = cluster.address(reader)
    broken = places.replace(f"={host}:{port}", f"={host}:1")
    found = doctor.examine("--dsn", dsn, AURORA_OTEL_INSTANCE_ENDPOINTS=broken)
    assert found.status == 1
    (unreachable,) = found.of("topology.instance", "failure")
    assert reader in unreachable["what"]
    assert found.of("topology.refresh", "ok")


def test_a_missing_grant_is_reported_as_the_statement_that_gives_it(doctor, cluster, dsn):
    cluster.execute(cluster.writer, f"REVOKE EXECUTE ON FUNCTION {STATUS} FROM PUBLIC")
    try:
        found = doctor.examine("--dsn", dsn, **cluster.environment())
        (privileges,) = found.of("instance.privileges")
        assert privileges["level"] == "warning"
        grant = f"GRANT EXECUTE ON FUNCTION {STATUS} TO app;"
        assert grant in privileges["remedy"]
        cluster.execute(cluster.writer, grant)
        assert doctor.examine("--dsn", dsn, **cluster.environment()).worse() == set()
    finally:
        cluster.execute(cluster.writer, f"REVOKE EXECUTE ON FUNCTION {STATUS} FROM app")
        cluster.execute(cluster.writer, f"GRANT EXECUTE ON FUNCTION {STATUS} TO PUBLIC")


def test_a_missing_time_limit_for_connecting_is_reported(doctor, cluster):
    found = doctor.examine("--dsn", cluster.dsn("writer"), **cluster.environment())
    assert found.worse() == {"login.connect_timeout"}


def test_a_wrong_password_is_a_failure_that_does_not_show_it(doctor, cluster):
    dsn = cluster.dsn("writer", password=CANARY, connect_timeout=5)
    found = doctor.examine("--dsn", dsn, **cluster.environment())
    assert found.worse() == {"login"}
    assert "user or password" in found.of("login")[0]["what"]


def test_an_error_that_quotes_the_password_is_not_repeated(doctor, cluster):
    # The server's own message says: database "canary…" does not exist.
    dsn = cluster.dsn("writer", dbname=CANARY, connect_timeout=5)
    found = doctor.examine("--dsn", dsn, **cluster.environment())
    assert found.worse() == {"login"}


def test_a_server_that_does_not_answer_is_a_failure(doctor, cluster):
    dsn = cluster.dsn("writer", connect_timeout=2)
    try:
        cluster.gateway.hang("writer")
        found = doctor.examine("--dsn", dsn)
        assert found.worse() == {"login"}
        assert "no answer in time" in found.of("login")[0]["what"]
        cluster.gateway.restore()
        cluster.gateway.silence_after_login("writer")
        found = doctor.examine("--dsn", dsn)
        assert found.worse() == {"instance"}
        assert "AURORA_OTEL_IDENTIFY_TIMEOUT" in found.of("instance")[0]["remedy"]
    finally:
        cluster.gateway.restore()


def test_a_closed_port_is_a_failure_without_a_login(doctor):
    for arguments in (
        ["--host", "127.0.0.8:1"],
        ["--dsn", f"postgresql://app:{CANARY}@127.0.0.8:1"],
    ):
        found = doctor.examine(*arguments)
        assert found.worse() == {"endpoint.port"}
        assert found.status == 1


def test_a_wrong_name_is_a_failure(doctor):
    found = doctor.examine("--dsn", f"mysql://app:{CANARY}@no-such-host.invalid/app")
    assert found.worse() == {"endpoint.name"}
    assert found.status == 1


def test_without_a_login_the_endpoint_is_reported(doctor, cluster):
    host, port = cluster.address("writer")
    found = doctor.examine("--host", f"{host}:{port}")
    assert found.of("endpoint.port", "ok")
    assert found.of("login") == []


@pytest.fixture(scope="module")
def plain():
    with Cluster("plain", instances=["plain-1"]) as cluster:
        for name in ("aurora_version", "aurora_db_instance_identifier", "aurora_replica_status"):
            cluster.execute(
                cluster.writer,
                f"SET allow_system_table_mods = on; DROP FUNCTION pg_catalog.{name}()",
            )
        yield cluster


def test_a_plain_postgresql_is_called_one(doctor, plain):
    dsn = plain.dsn("plain-1", host=plain.address("plain-1")[0], connect_timeout=5)
    found = doctor.examine("--dsn", dsn)
    assert found.worse() == {"instance.privileges"}
    assert "neither Aurora" in found.of("instance.privileges")[0]["what"]
    assert found.status == 0


def test_a_writer_that_is_read_only_by_its_own_setting_is_reported(doctor, cluster, dsn):
    cluster.set_read_only(cluster.writer, on=True)
    found = doctor.examine("--dsn", dsn, **cluster.environment())
    assert found.worse() == {"instance.role", "topology.refresh"}
    (role,) = found.of("instance.role")
    assert "read-only" in role["what"]


def test_no_exporter_is_reported_for_each_signal(doctor):
    none = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    found = doctor.examine(**none)
    assert found.worse() == {"exporters.traces", "exporters.metrics", "exporters.logs"}
    assert found.status == 0


def test_an_exporter_that_is_not_installed_is_a_failure(doctor):
    found = doctor.examine(OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_LOGS_EXPORTER="console")
    assert found.worse() == {"exporters.traces", "exporters.metrics"}
    assert "opentelemetry-exporter-otlp-proto-grpc" in found.of("exporters.metrics")[0]["remedy"]
    assert found.status == 1


def test_the_prometheus_exporter_does_not_suit_servers_that_fork(doctor, tmp_path):
    package(tmp_path, "gunicorn", "")
    found = doctor.examine(OTEL_METRICS_EXPORTER="prometheus", PYTHONPATH=str(tmp_path))
    (metrics,) = found.of("exporters.metrics")
    assert metrics["level"] == "warning"
    assert "gunicorn" in metrics["what"]


def test_a_collector_that_is_not_there_is_reported_without_the_secrets_of_its_url(doctor):
    url = f"http://user:{CANARY}@127.0.0.1:1/?token={CANARY}"
    found = doctor.examine(OTEL_EXPORTER_OTLP_ENDPOINT=url)
    assert found.worse() == {"exporters.traces", "exporters.metrics", "exporters.logs"}
    assert "127.0.0.1:1" in found.output


def test_a_bad_setting_is_reported_without_its_value(doctor):
    found = doctor.examine(
        AURORA_OTEL_REFRESH_TIMEOUT=f"postgresql://app:{CANARY}@db", AURORA_OTEL_MOD="observe"
    )
    assert found.worse() == {"settings"}
    remedies = [each["remedy"] for each in found.of("settings", "failure")]
    assert remedies == [
        "Rename it to AURORA_OTEL_MODE.",
        "Set it to a number of seconds above 0, at most 31622400.",
    ]


OTHER_APM = """
import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor


def connect(wrapped, _, args, kwargs):
    return wrapped(*args, **kwargs)


class Instrumentor(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return ()

    def _instrument(self, **_):
        import psycopg
        wrapt.wrap_function_wrapper(psycopg, "connect", connect)

    def _uninstrument(self, **_):
        pass
"""


def test_two_instrumentations_of_one_driver_are_reported(doctor, tmp_path):
    package(tmp_path, "other_apm", OTHER_APM, instrumentor="other_apm:Instrumentor")
    found = doctor.examine(PYTHONPATH=str(tmp_path))
    assert found.worse() == {"drivers.psycopg.others"}
    (others,) = found.of("drivers.psycopg.others")
    assert "other_apm" in others["what"]
    assert "opentelemetry.instrumentation.dbapi" in others["what"]
    alone = doctor.examine(
        PYTHONPATH=str(tmp_path), OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="psycopg"
    )
    assert alone.worse() == set()


def test_query_spans_that_another_instrumentation_makes_too_are_reported(doctor):
    found = doctor.examine(AURORA_OTEL_QUERY_SPANS="summary")
    assert "drivers.psycopg.others" in found.worse()


def test_an_instrumentation_that_fails_is_reported(doctor, tmp_path):
    package(tmp_path, "broken_apm", f"raise LookupError('{CANARY}')", instrumentor="broken_apm:X")
    found = doctor.examine(PYTHONPATH=str(tmp_path))
    assert "instrumentations.failed" in found.worse()
    assert "broken_apm" in found.of("instrumentations.failed")[0]["what"]
    assert found.status == 1


def test_an_agent_that_is_switched_off_is_reported(doctor):
    found = doctor.examine(OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="aurora")
    assert "agent" in found.worse()
    assert found.status == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--dsn", f"oracle://app:{CANARY}@db/app"],
        ["--dsn", f"password={CANARY} what"],
        ["--dsn", ""],
        ["--host", f"app:{CANARY}@db"],
        ["--host", "db", "--dsn", "host=db"],
        [f"postgresql://app:{CANARY}@db"],
        ["--dns", f"host=db password={CANARY}"],
        [f"--dns=host=db password={CANARY}"],
        ["--dsn", f"postgresql://app:12/{CANARY}@db"],
    ],
)
def test_bad_usage_is_exit_status_2_and_repeats_nothing(doctor, arguments):
    done = doctor.run(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert CANARY not in done.stderr + done.stdout


def test_for_a_person_there_are_lines_with_what_to_do(doctor):
    done = doctor.run("--host", "127.0.0.8:1")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if "FAILURE" in line]
    assert "nothing listens at 127.0.0.8:1" in lines[at]
    assert lines[at + 1].strip().startswith("→ ")
    assert lines[-1] == "1 failure, no warnings"
    assert "\x1b" not in done.stdout
