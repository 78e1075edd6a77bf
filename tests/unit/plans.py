"""Plans of refreshes, and what instances answer."""

from __future__ import annotations

from aurora_otel.discovery.plan import Plan
from aurora_otel.discovery.targets import Beforehand, Failed, Target
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer, Role, View

ALL = ("a", "b", "c")
OWN_HOST = Target(None, None)


def at(name):
    return Address(name, 5432)


def target(name):
    return Target(name, at(name))


def writer(name, listed=ALL):
    return Answer(name, Role.WRITER, "1", View(listed, name))


def reader(name, names="a", listed=ALL):
    return Answer(name, Role.READER, "1", View(listed, names))


def plan(*names, locate=at, own_host=False, **known):
    """Return a plan that asks `names` and then, if wanted, the application's own host."""
    known.setdefault("writer", "a")
    known.setdefault("members", frozenset(ALL))
    targets = [*map(target, names), *([OWN_HOST] * own_host)]
    return Plan(targets, locate, Beforehand(100.0, **known))


def course(made, answers, *, most=50):
    """Answer one after the other; return which instances were asked, and over what."""
    asked = []
    for _ in range(most):
        following = made.next()
        if following is None:
            return asked
        asked.append(following.instance if following.address else f"open {following.instance}")
        outcome = answers[asked[-1]]
        if isinstance(outcome, Failed):
            made.failed(following, outcome, outcome.value)
        else:
            made.answered(following, outcome)
    raise AssertionError("it does not end")


def verdict(made):
    found = made.reading.verdict
    return found and found.writer
