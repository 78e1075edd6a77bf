"""Histories of truthful clusters: names move between them, hosts and ports lead to others.

The model knows which server belongs to which cluster. Whatever happens, a connection to a server
that is a writer is in the cluster of that writer, and in no other that has a writer of its own.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import EndpointMap, EndpointType
from aurora_otel.model.topology import Answer, Role, Verdict, View
from aurora_otel.tracking.cluster import Cluster, first_label
from aurora_otel.tracking.clusters import Clusters
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import SYSTEM, Connection, new_track

DOMAIN = "cn1abcdefghi.eu-west-1.rds.amazonaws.com"
CLUSTERS = ("p", "q", "r")
# A while, and longer than any list of instances counts.
PAUSES = (0.5, 30.0, 2000.0)


class Histories(RuleBasedStateMachine):
    """Three clusters of one account, and one port of a tunnel that leads to any of them."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.members = {name: [f"{name}-1", f"{name}-2"] for name in CLUSTERS}
        self.writer = {name: f"{name}-1" for name in CLUSTERS}
        self.listed = {name: {} for name in CLUSTERS}
        self.tunnel = "p"
        self.number = 0
        self.tracker = Tracker()
        self.clusters = Clusters(EndpointMap(), self._new)
        # The connection, its track, and the server at its other end as (cluster, serial name).
        self.open = []

    @staticmethod
    def _new(endpoint, system):
        return Cluster(first_label(endpoint, None), system, Detector(Pace(180.0, 1.0), lambda: 0.5))

    def answer(self, name, instance):
        writer = self.writer[name]
        role = Role.WRITER if instance == writer else Role.READER
        # The view goes on listing for minutes who was the writer before.
        before = [each for each, until in self.listed[name].items() if self.now < until]
        seen = dict.fromkeys([instance, *self.members[name], *before])
        return Answer(instance, role, "1", View(tuple(seen), writer))

    def connect(self, host, name, instance):
        self.now += 0.1
        answer = self.answer(name, instance)
        endpoint = self.clusters.endpoints.classify(host, 5432)
        cluster = self.clusters.place(
            endpoint, SYSTEM, self.now, answer, source=AuroraPostgreSQL(), view=True
        )
        connection = Connection()
        track = new_track(
            self.tracker, cluster, connection, instance=instance, at=self.now, kind=endpoint.type
        )
        self.tracker.note(track)
        self.open.append((connection, track, name, instance))
        self.tidy()
        cluster = track.cluster.current
        if answer.is_writer and cluster.detector.writer != instance:
            self.judge(cluster, name)

    def judge(self, cluster, name):
        """Refresh: the known writer is asked, and keeps its place if it still is one."""
        known = cluster.detector.writer
        if any(known == writer for writer in self.writer.values()):
            return
        self.now += 0.1
        verdict = Verdict(self.writer[name], tuple(self.members[name]), self.now)
        cluster.learn(verdict.instances, self.now, by_writer=True)
        cluster.detector.judge(verdict)
        self.clean_up(cluster)

    def clean_up(self, cluster):
        for track, _ in self.tracker.claim(cluster, self.now):
            name, instance = next(
                (name, instance) for _, each, name, instance in self.open if each is track
            )
            assert self.writer[name] != instance, "a connection to a writer was taken for stale"

    def tidy(self):
        self.tracker.part_all(self.clusters.parted)
        for winner, loser in self.clusters.merge_duplicates():
            self.tracker.absorb(winner, loser)
        self.tracker.drain()

    @rule(name=st.sampled_from(CLUSTERS), kind=st.sampled_from(["cluster-", "cluster-ro-"]))
    def connect_to_an_endpoint(self, name, kind):
        readers = [each for each in self.members[name] if each != self.writer[name]]
        instance = self.writer[name] if kind == "cluster-" or not readers else readers[0]
        self.connect(f"{name}.{kind}{DOMAIN}", name, instance)

    @rule(name=st.sampled_from(CLUSTERS), number=st.integers(0, 5))
    def connect_to_an_instance(self, name, number):
        instance = self.members[name][number % len(self.members[name])]
        self.connect(f"{instance}.{DOMAIN}", name, instance)

    @rule()
    def connect_through_the_tunnel(self):
        self.connect("127.0.0.1", self.tunnel, self.writer[self.tunnel])

    @rule(name=st.sampled_from(CLUSTERS))
    def lead_the_tunnel_elsewhere(self, name):
        self.tunnel = name

    @rule(name=st.sampled_from(CLUSTERS), number=st.integers(0, 5))
    def fail_over(self, name, number):
        self.listed[name][self.writer[name]] = self.now + 300.0
        self.writer[name] = self.members[name][number % len(self.members[name])]

    @rule(name=st.sampled_from(CLUSTERS))
    def add_an_instance(self, name):
        if len(self.members[name]) < 4:
            self.number += 1
            self.members[name].append(f"{name}-new{self.number}")

    @rule(source=st.sampled_from(CLUSTERS), to=st.sampled_from(CLUSTERS))
    def delete_a_reader_and_create_its_name_elsewhere(self, source, to):
        readers = [each for each in self.members[source] if each != self.writer[source]]
        if source == to or not readers:
            return
        name = readers[-1]
        self.members[source].remove(name)
        self.listed[source].pop(name, None)
        # The sessions of an instance that is deleted end.
        for each in [each for each in self.open if each[2:] == (source, name)]:
            each[1].closed = True
            self.tracker.note(each[1])
            self.open.remove(each)
        self.tidy()
        self.members[to].append(name)

    @rule(seconds=st.sampled_from(PAUSES))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def writers_of_two_clusters_are_never_in_one(self):
        homes = {}
        for _, track, name, instance in self.open:
            if self.writer[name] != instance or not track.is_tracked:
                continue
            cluster = track.cluster
            if cluster.detector.writer == instance:
                assert homes.setdefault(cluster, name) == name

    @invariant()
    def no_connection_to_a_writer_counts_as_stale(self):
        for _, track, name, instance in self.open:
            if self.writer[name] == instance and track.endpoint_type is not EndpointType.OTHER:
                known = track.cluster.detector.writer
                # Between a failover and the next answer nothing can be known of it; but a writer
                # that was never of its cluster cannot be what it is judged by.
                if known in self.writer.values() and not str(known).startswith(f"{name}-"):
                    assert track.cluster.detector.staleness(track) is None


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
