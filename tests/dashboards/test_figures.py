"""The figures that the dashboards show equal what the services counted themselves."""

import math

import pytest

from tests.dashboards import committed
from tests.dashboards.committed import substitute

FAILOVER, CONNECTIONS = "aurora-failover", "aurora-connections"


@pytest.fixture
def shown(run):
    """What a panel shows: its series, for the whole run, at a time."""

    def shown(dashboard, title, at=None, **chosen):
        at = at or run.end
        (first, *_) = [
            one.text
            for one in committed.expressions()
            if (one.dashboard, one.title) == (dashboard, title)
        ]
        span = f"{math.ceil(at - run.start)}s"
        return run.prometheus.query(substitute(first, span=span, interval=span, **chosen), at)

    return shown


@pytest.fixture
def figure(shown):
    """What a panel of one figure shows."""

    def figure(*where, **how):
        ((_, value),) = shown(*where, **how)
        return value

    return figure


def counted(number):
    """A number, as `increase` extrapolates it: by one scrape interval in a series this short."""
    return pytest.approx(number, rel=0.15)


def by(label, series):
    return {labels.get(label): value for labels, value in series if value}


def test_open_connections(run, figure):
    assert figure(CONNECTIONS, "Open connections") == run.counted["open"]
    assert figure(CONNECTIONS, "Open connections", run.calm) == 23
    assert figure(CONNECTIONS, "On the writer", run.calm) == 21
    assert figure(CONNECTIONS, "On readers", run.calm) == 2
    assert figure(CONNECTIONS, "Not identified", run.calm) == 0


def test_open_connections_of_what_is_chosen(run, figure):
    assert figure(CONNECTIONS, "Open connections", run.calm, job="audit") == 2
    assert figure(CONNECTIONS, "Processes reporting", run.calm, job="shop|audit") == 3


@pytest.mark.parametrize("dashboard", [FAILOVER, CONNECTIONS])
def test_one_failover_is_one_however_many_processes_saw_it(run, figure, dashboard):
    assert figure(dashboard, "Failovers") == counted(run.counted["failovers"])
    whole = run.prometheus.number("sum(aurora_failovers_total)")
    assert whole > 2 * run.counted["failovers"]


def test_stale_connections_are_shown_where_they_stay(run, figure, shown):
    assert figure(FAILOVER, "Stale connections", run.noticed) == run.counted["observed"]
    assert by("job", shown(FAILOVER, "Stale connections by service", run.noticed)) == {"audit": 2}


@pytest.mark.parametrize("dashboard", [FAILOVER, CONNECTIONS])
def test_after_the_cleanup_the_stale_counts_are_0_and_not_absent(run, figure, shown, dashboard):
    assert figure(dashboard, "Stale connections") == 0
    services = shown(FAILOVER, "Stale connections by service")
    assert {labels["job"]: value for labels, value in services} == {
        "shop": 0,
        "reports": 0,
        "audit": 0,
        "billing": 0,
    }
    before = {
        tuple(labels.items())
        for labels, _ in run.prometheus.query("aurora_connection_stale", run.noticed)
    }
    after = {
        tuple(labels.items()): value
        for labels, value in run.prometheus.query("aurora_connection_stale", run.end)
    }
    assert before <= after.keys()
    assert set(after.values()) == {0.0}


def test_who_has_not_noticed_is_shown_until_it_has(run, figure):
    assert figure(FAILOVER, "Not noticed yet", run.calm) == 0
    assert figure(FAILOVER, "Not noticed yet", run.noticed) == run.counted["missed"]
    assert figure(FAILOVER, "Not noticed yet") == 0


def test_the_table_names_the_processes_and_the_wrong_instance(run, shown):
    title = "Processes with connections to the wrong instance"
    found = shown(FAILOVER, title, run.noticed)
    assert {labels["aurora_instance_id"] for labels, _ in found} == {run.instances[0]}
    assert by("job", found) == {"audit": 2, "reports": 4}
    assert shown(FAILOVER, title) == []


def test_whether_a_failover_is_going_on(run, figure):
    assert figure(FAILOVER, "Is a failover going on?", run.calm) == 0
    assert figure(FAILOVER, "Is a failover going on?", run.noticed) == 3
    assert figure(FAILOVER, "Is a failover going on?") == 1  # the whole run is "just now" here


def test_the_writer(run, shown):
    for at, writer in ((run.calm, run.instances[0]), (run.end, run.instances[2])):
        assert by("aurora_instance_id", shown(FAILOVER, "Writer", at)).keys() == {writer}


def test_the_timeline_shows_the_writers_one_after_the_other(run, shown):
    title = "Writer by instance"
    assert by("aurora_instance_id", shown(FAILOVER, title)) == {run.instances[2]: 1}
    (expr,) = [one.text for one in committed.expressions() if one.title == title]
    found = run.prometheus.values(substitute(expr), run.start, run.end)
    wrote = {labels["aurora_instance_id"] for labels, values in found if 1.0 in values}
    assert wrote == set(run.instances)


def test_invalidated_connections(run, figure, shown):
    by_service = by("job", shown(FAILOVER, "Invalidated connections by service"))
    expected = run.counted["invalidated"]
    assert by_service == {job: counted(number) for job, number in expected.items()}
    assert figure(FAILOVER, "Stale, but not closed") == counted(run.counted["observed"])
    causes = by("aurora_invalidation_cause", shown(CONNECTIONS, "Invalidated, by cause"))
    assert causes["misrouted"] == counted(run.counted["misrouted"])


def test_leaks_and_misroutes(run, figure, shown):
    assert figure(CONNECTIONS, "Leaked connections") == counted(run.counted["leaked"])
    assert by("job", shown(CONNECTIONS, "Leaked, by service")) == {"shop": counted(1)}
    assert by("job", shown(CONNECTIONS, "Misrouted, by service")) == {
        "shop": counted(run.counted["misrouted"])
    }


def test_quantiles_are_numbers_that_grow(run):
    title = "Duration of a refresh"
    quantiles = [
        run.prometheus.number(substitute(one.text), run.end)
        for one in committed.expressions()
        if (one.dashboard, one.title) == (FAILOVER, title)
    ]
    assert len(quantiles) == 3
    assert 0 < quantiles[0] <= quantiles[1] <= quantiles[2] < 60


def test_refused_writes_are_those_that_the_services_met(run, shown):
    expected = {job: counted(number) for job, number in run.counted["refused"].items()}
    assert by("job", shown(FAILOVER, "Refused writes, by service")) == expected


def test_a_single_failed_connect_is_one_though_its_series_is_born_with_it(run, shown):
    expected = run.counted["failed connects"]
    assert by("job", shown(FAILOVER, "Failed connects, by service")) == expected
    assert by("job", shown(CONNECTIONS, "Failed connects, by error")) == expected


def columns(run, dashboard, title, at=None, interval=None):
    """What each query of a table returns: by service."""
    at = at or run.end
    interval = f"{math.ceil(at - run.start)}s"
    return [
        by("job", run.prometheus.query(substitute(one.text, interval=interval), at))
        for one in committed.expressions()
        if (one.dashboard, one.title) == (dashboard, title)
    ]


def test_the_table_of_failovers_has_each_with_its_durations(run):
    processes, detection, cleanup = columns(run, FAILOVER, "Failovers, one by one")
    assert processes == run.counted["noticed"]
    for durations in (detection, cleanup):
        assert durations.keys() == processes.keys()
        assert all(0 < seconds < 60 for seconds in durations.values())


def test_how_long_a_service_was_without_a_writer_is_detection_and_clean_up(run, shown):
    _, detection, cleanup = columns(run, FAILOVER, "Failovers, one by one")
    (row,) = columns(run, FAILOVER, "Longest without a writer, by service")
    for job, seconds in row.items():
        assert max(detection[job], cleanup[job]) <= seconds <= detection[job] + cleanup[job]


def test_the_fleet_is_shown_by_mode_and_version(run):
    processes, connections, stale = columns(run, CONNECTIONS, "Services", run.noticed)
    assert processes == {"shop": 2, "reports": 1, "audit": 1, "billing": 1}
    assert connections == {"shop": 5, "reports": 4, "audit": 2, "billing": 2}
    assert stale == {"audit": 2}
    (expression, *_) = [one.text for one in committed.expressions() if one.title == "Services"]
    modes = {
        labels["job"]: labels["aurora_agent_mode"]
        for labels, _ in run.prometheus.query(substitute(expression), run.noticed)
    }
    assert modes == dict.fromkeys(("shop", "reports", "billing"), "cleanup") | {"audit": "observe"}


def test_what_observe_would_have_closed(run, shown):
    found = by("job", shown(CONNECTIONS, "Would have been closed, by service"))
    assert found == {"audit": counted(run.counted["observed"])}


def test_a_full_pool_is_shown_with_who_waits_and_who_waited_in_vain(run, shown):
    assert by("job", shown(CONNECTIONS, "Utilisation of pools", run.full)) == {"billing": 1.0}
    assert by("job", shown(CONNECTIONS, "Callers that wait", run.full)) == {"billing": 1}
    in_vain = by("job", shown(CONNECTIONS, "Callers that waited in vain"))
    assert in_vain == {"billing": counted(run.counted["in vain"])}
    states = by(
        "db_client_connection_state",
        shown(CONNECTIONS, "Connections by pool and state", run.calm),
    )
    assert states == {"idle": 2}


def test_every_failover_was_measured(run):
    for metric in ("detection", "cleanup"):
        measured = run.prometheus.number(f"sum(aurora_failover_{metric}_duration_seconds_count)")
        assert measured == run.prometheus.number("sum(aurora_failovers_total)")


def test_failing_refreshes_are_a_share(figure):
    assert 0 <= figure(FAILOVER, "Failing refreshes") < 1


def test_failovers_are_annotated_when_they_happen_and_not_before(run):
    for dashboard in committed.DASHBOARDS.values():
        (annotation,) = dashboard["annotations"]["list"]
        expr = substitute(annotation["expr"], interval="4s")
        assert run.prometheus.values(expr, run.start, run.calm) == []
        ((labels, _),) = run.prometheus.values(expr, run.calm, run.end)
        assert labels == {"aurora_cluster_id": "lab"}


def test_opens_equal_open_plus_ended_on_prometheus(run):
    """As the documentation says that they do."""
    closed = 'sum(aurora_connection_invalidations_total{aurora_invalidation_outcome="closed"})'
    ended = "sum(aurora_connection_closes_total) + sum(aurora_connection_prunes_total)"
    balance = (
        f"sum(aurora_connection_opens_total) - sum(aurora_connection_count) - {closed} - ({ended})"
    )
    assert run.prometheus.number(balance, run.end) == 0
