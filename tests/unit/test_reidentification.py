from types import SimpleNamespace

import pytest

from aurora_otel.drivers.connects import Login
from aurora_otel.hooks.reidentification import Reidentification
from aurora_otel.model.endpoints import EndpointType, parse
from aurora_otel.monitoring.access import Access


class Monitor:
    """What is known of a cluster's logins, the newest first."""

    def __init__(self, *hosts, login_rejected=False):
        self.logins = tuple(access(host) for host in hosts)
        self.login_rejected = login_rejected

    @property
    def access(self):
        return self.logins[0] if self.logins else None

    def connected(self, login):
        self.logins = (login, *self.logins)

    @property
    def hosts(self):
        return [each.endpoint.address.host for each in self.logins]


def access(host):
    return Access(None, Login(host), parse(host, 5432))


def move(former, monitor):
    """Have a connection through `service` be found in another cluster than before."""
    cluster = SimpleNamespace(monitor=monitor)
    placement = SimpleNamespace(cluster_of=lambda *_, **__: cluster)
    context = SimpleNamespace(tracker=SimpleNamespace(note_identity=lambda *_: None))
    made = Reidentification(context, None, placement, {})
    # By its name alone it was of no type; an answer has given it one since.
    endpoint = parse("service", 5432)._replace(type=EndpointType.WRITER)
    track = SimpleNamespace(cluster=SimpleNamespace(monitor=former), group=None)
    assert made._move(track, None, SimpleNamespace(endpoint=endpoint), "a") is cluster
    return monitor.hosts


@pytest.mark.parametrize("known", [(), ("member",)])
def test_its_cluster_is_asked_where_a_connection_leads_that_was_found_in_it(known):
    assert move(Monitor("other", "service"), Monitor(*known)) == ["service", *known]


def test_a_login_by_its_host_that_is_known_stays_where_it_is():
    known = ("member", "service")
    assert move(Monitor("service"), Monitor(*known)) == [*known]


def test_any_login_is_better_than_none():
    assert move(Monitor("other"), Monitor()) == ["other"]
    assert move(Monitor("other"), Monitor("member")) == ["member"]
    assert move(Monitor(), Monitor()) == []


def test_logins_that_were_refused_are_not_handed_over():
    assert move(Monitor("service", login_rejected=True), Monitor()) == []
