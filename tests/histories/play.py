"""What the histories of all kinds of clusters have in common: the application, time, and the end.

No history shuts down a connection to the writer, and none leaves a stale one behind.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import aurora_otel.agent
from aurora_otel.drivers.marks import track_of
from aurora_otel.runtime.gate import Gate
from tests.histories.application import Application, Time
from tests.histories.driver import Connection
from tests.histories.servers import Server, Servers

numbers = st.integers(0, 11)
# So often the application goes on at the end of a history, at least and at most: a machine that is
# busy holds up refreshes, which have a fiftieth of their time, and logins have their pace.
ROUNDS, MOST_ROUNDS = 4, 40
TICKS = 4


class Play(RuleBasedStateMachine):
    """A history: what an application does, and what happens to its servers, in any order."""

    def set_up(self, settings: dict[str, Any]) -> None:
        """Start the agent; `world` is there."""
        self.patched = pytest.MonkeyPatch()
        wait = Gate.wait
        speed = self.clock.speed
        self.patched.setattr(Gate, "wait", lambda gate, seconds: wait(gate, seconds / speed))
        self.patched.setattr(aurora_otel.agent, "_clock", self.clock.now)
        self.patched.setattr(logging.getLogger("aurora_otel"), "disabled", True)
        self.application = Application(self.world, self.clock, settings)
        self.application.watch(self.patched)

    world: Servers
    clock: Time

    # What the application does.

    @rule(which=numbers)
    def write(self, which):
        if self.application.held:
            self.application.write(self.held(which))

    @rule(which=numbers)
    def refuse_a_write_in_a_read_only_transaction(self, which):
        if self.application.held:
            self.application.read_only_transaction(self.held(which))

    @rule(which=numbers)
    def close(self, which):
        if self.application.held:
            self.application.close(self.held(which))

    def connect_until_identified(self, *way: Any, **how: Any) -> None:
        """Connect until the server says in time who it is: on a busy machine it may not."""
        for _ in range(20):
            self.connect(*way, **how)
            connection = self.application.held[-1]
            if track_of(connection).instance is not None:
                return
            self.application.close(connection)
            self.let_time_pass(seconds=10.0)
        pytest.fail("the server never says in time who it is")

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0, 200.0, 4000.0]))
    def let_time_pass(self, seconds):
        self.clock.passes(seconds)
        self.application.tick()

    @rule()
    def settle(self):
        self.application.settle()

    # What must hold.

    @precondition(lambda self: hasattr(self, "application"))
    @rule()
    def check_what_was_shut_down(self):
        self._assert_no_healthy_one_was_shut_down()

    def teardown(self):
        if not hasattr(self, "application"):
            return
        try:
            self.application.settle()
            self._assert_no_healthy_one_was_shut_down()
            with self.world.lock:
                self.heal()
            self._go_on()
            self._assert_no_healthy_one_was_shut_down()
            assert not self._stale(), self._stale()
            assert self.application.agent.shield.failures == {}
        finally:
            self.application.stop()
            self.patched.undo()

    def connect(self, *way: Any, **how: Any) -> None:
        """Connect in one of the ways that this kind of cluster has."""
        raise NotImplementedError

    def heal(self) -> None:
        """Have every server answer truthfully, and every name lead where it should."""
        raise NotImplementedError

    def connect_to_writers(self) -> None:
        """Connect through the names of every writer."""
        raise NotImplementedError

    def is_stale(self, connection: Connection) -> bool:
        """Return whether a connection that is open should have been shut down by the end."""
        raise NotImplementedError

    def _assert_no_healthy_one_was_shut_down(self):
        assert not self.application.wronged, self.application.wronged

    def _go_on(self):
        for round_ in range(MOST_ROUNDS):
            if round_ >= ROUNDS and not self._stale():
                return
            self.connect_to_writers()
            for connection in list(self.application.held):
                self.application.write(connection)
            self.application.tick()
            self.application.settle()
            # The background loop goes round all the time, and logins come to be due.
            for _ in range(TICKS):
                self.clock.passes(70.0 / TICKS)
                self.application.tick()
                self.application.settle()

    def _stale(self):
        return [
            (each.session.server.name, each.through)
            for each in self.application.held
            if not each.session.is_cut and self.is_stale(each)
        ]

    # Who is meant.

    def held(self, number: int) -> Connection:
        """Return one of the connections that the application holds."""
        return self.application.held[number % len(self.application.held)]

    def cut(self, server: Server) -> None:
        """End the sessions of a server."""
        for connection in self.application.held:
            if connection.session.server is server:
                connection.session.hang_up()
