"""What happens to an application in these tests, and what another process saw of it."""

from dataclasses import dataclass, field

from aurora_otel.collector import Collector
from aurora_otel.lab import Failover
from aurora_otel.telemetry import names
from tests.support.application_process import Application
from tests.support.waiting import eventually

MANY = 40

# Why a refresh brings nothing in a crash: nothing answers, or it is too early to log in, as the
# server has ended the connections of every process at once.
IN_VAIN = {"OperationalError", "LoginPostponedError"}


@dataclass
class Story:
    """What was done, and what arrived at the collector.

    Attributes:
        collector: has received everything.
        mode: of the agent.
        switches: the failovers, oldest first.
        calls: the answers of the application to what is checked later, by name.
    """

    collector: Collector
    mode: str
    switches: list = field(default_factory=list)
    calls: dict = field(default_factory=dict)

    def spans(self, name):
        return [span for span in self.collector.spans if span.name == name]

    def total(self, metric, **attributes):
        """Sum over the newest points; attributes as `prune_reason="closed"`."""
        wanted = {f"aurora.{key.replace('_', '.', 1)}": value for key, value in attributes.items()}
        return sum(
            point.value if point.histogram is None else point.histogram.count
            for point in self.collector.latest(metric.name)
            if wanted.items() <= point.attributes.items()
        )


def settle(app):
    """Wait until the refresh window has closed."""
    eventually(lambda: "window open" not in app.snapshot().result)


def go_quiet(app, story):
    """Wait until the refresh window has closed, and the writer gauge is silent."""
    settle(app)
    eventually(
        lambda: (
            (exports := story.collector.exports)
            and names.WRITER.name not in {point.name for point in exports[-1]}
            and names.COUNT.name in {point.name for point in exports[-1]}
        )
    )


def cleaned_up(cluster):
    with Collector() as collector:
        story = Story(collector, "cleanup")
        settings = {"prune_interval": 0.2, "stuck_after": 1, "refresh_window": 2}
        with Application(collector, cluster, **settings) as app:
            open_through_every_endpoint(cluster, app, story)
            lose_some(cluster, app, story)
            suffer_a_switchover(cluster, app, story)
            suffer_a_crash(cluster, app, story)
            suffer_a_hang(cluster, app, story)
            find_another_writer(cluster, app, story)
            be_misrouted(cluster, app, story)
            app.break_the_agent(secret="never-to-be-read")
            story.calls["broken"] = app.connect(names=["last"], dsn=cluster.dsn("writer"))
    return story


def observed(cluster):
    with Collector() as collector:
        story = Story(collector, "observe")
        # Refreshes are due so often that one comes soon after the calls that refresh in vain; after
        # several losses at once, the first login may come after fifteen seconds.
        pace = {"refresh_window": 20, "refresh_interval": 0.2}
        with Application(collector, cluster, mode="observe", prune_interval=60, **pace) as app:
            app.connect(names=["a", "b", "c"], dsn=cluster.dsn("writer"))
            app.connect(names=["d"], dsn=cluster.dsn("writer"), driver="psycopg2")
            # The topology is published too late for the first call, which refreshes in vain.
            story.switches.append(cluster.failover(Failover.CRASH, publish=False))
            story.calls["lost"] = app.write(name="a")
            story.calls["lost too"] = app.write(name="b")
            cluster.publish()
            eventually(lambda: "1 failovers" in app.snapshot().result)
            cluster.heal()
            go_quiet(app, story)
            app.connect(names=["e", "f"], dsn=cluster.dsn("writer"))
            story.switches.append(cluster.failover(Failover.SWITCHOVER))
            story.calls["refused"] = app.write(name="e")
            story.calls["refused again"] = app.write(name="e")
            app.close(names=["e", "f"])
            app.churn(dsn=cluster.dsn("reader"))
    return story


def open_through_every_endpoint(cluster, app, story):
    cluster.custom = cluster.readers
    many = [f"many-{number}" for number in range(MANY)]
    story.calls["connect"] = app.connect(names=many, dsn=cluster.dsn("writer"))
    app.connect(names=["two"], dsn=cluster.dsn("writer"), driver="psycopg2")
    app.connect(names=["reader"], dsn=cluster.dsn("reader"))
    app.connect(names=["custom"], dsn=cluster.dsn("custom"), driver="psycopg2")
    app.connect(names=["instance"], dsn=cluster.dsn(cluster.readers[0]))
    app.connect(names=["other"], dsn=cluster.dsn("reader", host="db.example.com"))


def lose_some(cluster, app, story):
    app.close(names=["many-39"])
    app.leak(name="many-38")
    app.give_up(name="many-37")
    cluster.execute(
        cluster.writer, "SELECT pg_terminate_backend(%s)", app.backend(name="many-36").result
    )
    for reason in ("garbage_collected", "closed", "hung_up"):
        eventually(lambda reason=reason: story.total(names.PRUNES, prune_reason=reason) == 1)
    settle(app)
    story.calls["read only"] = app.write_in_a_read_only_transaction(name="two")
    # Opened through a name that says nothing, on a reader: a refused write is what gives it away.
    story.calls["write refused"] = app.write(name="other")
    go_quiet(app, story)
    story.calls["calm"] = list(story.collector.spans)


def suffer_a_switchover(cluster, app, story):
    app.hide_the_socket(name="many-1")
    story.switches.append(cluster.failover(Failover.SWITCHOVER))
    story.calls["refused"] = app.write(name="many-0")
    app.close(names=[f"many-{number}" for number in range(36)])
    cluster.heal()
    settle(app)


def suffer_a_crash(cluster, app, story):
    app.connect(names=["idle"], dsn=cluster.dsn("writer"))
    story.switches.append(cluster.failover(Failover.CRASH))
    eventually(lambda: story.total(names.FAILOVERS, failover_symptom="hung_up") == 1)
    cluster.heal()
    settle(app)


def suffer_a_hang(cluster, app, story):
    app.connect(names=["stuck"], dsn=cluster.dsn("writer"), driver="psycopg2")
    story.calls["stuck"] = app.get_stuck(name="stuck")
    story.switches.append(cluster.failover(Failover.HANG))
    story.calls["woken"] = app.join(name="stuck")
    cluster.heal()
    settle(app)


def find_another_writer(cluster, app, story):
    app.connect(names=["held"], dsn=cluster.dsn("writer"))
    story.switches.append(cluster.failover(Failover.SWITCHOVER))
    story.calls["contradiction"] = app.connect(names=["fresh"], dsn=cluster.dsn("writer"))
    app.close(names=["held", "fresh"])
    cluster.heal()
    settle(app)


def be_misrouted(cluster, app, story):
    cluster.dns_lag = 60.0
    story.switches.append(cluster.failover(Failover.SWITCHOVER))
    story.calls["misrouted"] = app.connect(names=["misrouted"], dsn=cluster.dsn("writer"))
    settle(app)
    story.calls["strayed"] = app.write(name="misrouted")
    settle(app)
    cluster.heal()
