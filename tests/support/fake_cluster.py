"""A cluster that a walk can go through: instances that answer, lie, hang or are down."""

import threading

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.targets import Beforehand, Target
from aurora_otel.discovery.walk import Walk
from aurora_otel.model.endpoints import Address

MASTER = "MASTER_SESSION_ID"
ALL = ("a", "b", "c")


class RefusedError(Exception):
    """The login is not valid."""


class Instance:
    """An instance that answers, or does whatever a test has it do."""

    def __init__(self, name, cluster):
        self.name = name
        self.cluster = cluster
        self.names = None  # the writer that it names; by default the real one
        self.rows = None
        self.down = None  # what a connect raises
        self.hangs = False
        self.asked = 0

    def answer(self, *, view):
        reader = "false" if self.name == self.cluster.writer else "true"
        me = (self.name, reader, "12")
        if not view:
            return [me]
        named = self.names or self.cluster.writer
        listed = [(other, MASTER if other == named else "x", "1") for other in self.cluster.listed]
        return [(*me, *row) for row in listed]


class Link:
    """A connection to an instance."""

    def __init__(self, instance, cluster):
        self.instance = instance
        self.cluster = cluster
        self.aborted = threading.Event()
        cluster.open.add(self)

    peer = None

    def ask(self, statement, timeout):
        self.instance.asked += 1
        if self.instance.hangs:
            self.cluster.now += timeout
            raise TimeoutError
        if self.instance.hangs is None:  # until the reading is aborted
            self.aborted.wait(10)
            raise ConnectionError
        if self.instance.down:
            raise self.instance.down
        if self.instance.rows is not None:
            return self.instance.rows
        return self.instance.answer(view="status" in statement)

    def close(self):
        self.cluster.open.remove(self)

    def abort(self):
        self.aborted.set()


class FakeCluster:
    """Three instances, `a` being the writer; and what the walk does with them."""

    def __init__(self):
        self.writer = "a"
        self.listed = ALL
        self.instances = {name: Instance(name, self) for name in ALL}
        self.default = "b"  # where the application's own host leads
        self.known = True  # whether instances can be reached by name
        self.open = set()
        self.most_open = 0
        self.path = []
        self.urgent = []  # those at which a login was due whatever the pace
        self.now = 100.0
        self.budget = 1.0
        self.source = AuroraPostgreSQL()
        self.walk = Walk(
            lambda: self.source,
            self.connect,
            self.locate,
            lambda error: isinstance(error, RefusedError),
            lambda: self.now,
            stagger=60.0,
        )

    def __getitem__(self, name):
        return self.instances[name]

    def locate(self, name):
        return Address(name, 5432) if self.known else None

    def connect(self, target, timeout, longest=0.0, *, is_urgent=False):
        name = target.address.host if target.address else self.default
        self.path.append(name)
        if is_urgent:
            self.urgent.append(name)
        instance = self.instances.get(name)
        if instance is None or instance.down:
            raise (instance.down if instance else OSError("no such host"))
        link = Link(instance, self)
        self.most_open = max(self.most_open, len(self.open))
        return link

    def read(self, *names, view=True, default=True, suspect=None, **known):
        self.path.clear()
        targets = [Target(name, self.locate(name)) for name in names if self.known]
        targets += [Target(None, None)] * default
        beforehand = Beforehand(self.now, suspect=suspect, **known)
        reading = self.walk.read(targets, self.budget, view=view, beforehand=beforehand)
        assert self.most_open <= 2
        assert len(self.open) <= 1
        assert self.walk.is_connected is bool(self.open)
        return reading
