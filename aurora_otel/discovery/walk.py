"""The topology by SQL: ask instances until one is confirmed as the writer, within one budget.

Two are asked at a time, the second one only when the first has not answered at once. At most two
connections are open meanwhile; the one that answered best stays open for the next refresh, for as
long as it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from aurora_otel.discovery.abandoned import Abandoned
from aurora_otel.discovery.asking import Asking, Connect
from aurora_otel.discovery.course import Course
from aurora_otel.discovery.kept import Kept, KeptConnections
from aurora_otel.discovery.patience import LASTING, SHARE, SILENCE, Patience
from aurora_otel.discovery.plan import Plan
from aurora_otel.discovery.source import (
    LoginPostponedError,
    SilentLatelyError,
    TopologySource,
    goes_by_address,
    hears_all,
    located,
)
from aurora_otel.discovery.targets import Beforehand, Failed, Target
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer, Reading, Source
from aurora_otel.runtime.mailbox import Mailbox

# So many targets are asked at a time, and so many connections are open meanwhile.
AT_A_TIME = 2
# The second one is asked when the first has not answered for this share of the budget: where
# instances answer, each refresh logs in at as few of them as can be.
STAGGER = 0.1
# A driver that is out of time says so itself, a little later: seconds.
_GRACE = 0.05


class Walk:
    """Reads one cluster's topology; used by one thread at a time, `stop` apart.

    Args:
        source: returns how its instances are asked, once that is known.
        connect: opens a connection of the agent's own to a target.
        locate: returns where an instance is reached, if that is known; does not wait.
        refused: whether an error of `connect` means that no login works there.
        clock: the monotonic clock.
        named: called with the writer that an answer names, before any other target is asked.
        stagger: see `STAGGER`.
        is_there: whether anything accepts connections at an address; asked only where an instance
            is called by it.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        source: Callable[[], TopologySource | None],
        connect: Connect,
        locate: Callable[[str], Address | None],
        refused: Callable[[Exception], bool],
        clock: Callable[[], float],
        *,
        named: Callable[[str], None] = lambda _: None,
        stagger: float = STAGGER,
        is_there: Callable[[Address], bool] = lambda _: True,
    ) -> None:
        self._source = source
        self._connect = connect
        self._locate = locate
        self._refused = refused
        self._clock = clock
        self._named = named
        self._stagger = stagger
        self._is_listening = is_there
        self._stopped = False
        self._kept = KeptConnections()
        self._course: Course | None = None
        self._abandoned = Abandoned()
        self._patience = Patience()

    def read(
        self,
        targets: Iterable[Target],
        budget: float,
        *,
        view: bool,
        beforehand: Beforehand | None = None,
    ) -> Reading:
        """Ask `targets`, and those that they name, until a writer is confirmed.

        Args:
            targets: whom to ask, the most promising first.
            budget: seconds for all of it; see `SHARE` and `MOST_PATIENCE`.
            view: whether instances may be asked for their view of the others.
            beforehand: what is known of the cluster.
        """
        began = self._clock()
        if (source := self._source()) is None:
            return Reading(Source.SQL, began)
        silence = budget * SILENCE
        budget *= self._patience.factor
        beforehand = (beforehand or Beforehand(began))._replace(
            began=min(began, beforehand.began) if beforehand else began,
            kept=self._kept.latest,
            silent=self._patience.silent(began) | self._abandoned.overdue,
            lasting=self._patience.lasting(self._abandoned.take_unheard(began), began),
            awaited=self._abandoned.names,
            hear_all=hears_all(source),
            goes_by_address=goes_by_address(source),
        )
        # To ask the one whose login came late costs nothing.
        late = self._abandoned.logged_in
        in_turn = sorted(targets, key=lambda target: target.name != late)
        plan = Plan(in_turn, self._locate, beforehand)
        question = source.question(view=view)
        # Made for each refresh: gevent may replace locks until then.
        ended: Mailbox[Asking | None] = Mailbox()
        course = Course(plan, beforehand, source, question, budget, began + budget, silence, ended)
        self._course = course
        try:
            self._go(course)
        finally:
            self._course = None
            verdict = plan.reading.verdict
            self._abandoned.add(course.asking, may_go_on=True)
            if verdict or self._stopped:
                self._abandoned.close()
            # The former writer is not the next one.
            self._kept.keep_one(verdict.writer if verdict else None, rather_than=beforehand.writer)
        self._patience.learn(course)
        return plan.reading

    def close(self) -> None:
        """Close the open connection, if there is one, and one that is still to come."""
        self._kept.close()
        self._abandoned.close()

    @property
    def is_connected(self) -> bool:
        """Whether a connection of the agent's own is open."""
        return bool(self._kept) or self._abandoned.logged_in is not None

    @property
    def was_in_vain(self) -> bool:
        """Whether no target answered the last time, and one or more were silent."""
        return self._patience.was_in_vain

    def stop(self) -> None:
        """Make a reading under way end soon; from any thread."""
        self._stopped = True
        if (course := self._course) is not None:
            for each in list(course.asking):
                each.cancel()
            course.ended.put(None)
        self._kept.abort()
        self._abandoned.close()

    # One refresh.

    def _go(self, course: Course) -> None:
        while not course.plan.is_settled:
            while not self._stopped and self._may_start(course):
                if not self._start_next(course):
                    break
            if not course.asking:
                return
            self._take_ended(course)
            if self._clock() >= course.until:
                course.plan.close()
                if not course.plan.awaits_known_writer:
                    return

    def _may_start(self, course: Course) -> bool:
        if not course.asking:
            return True
        if len(course.asking) >= AT_A_TIME:
            return False
        return course.plan.awaits_known_writer or self._clock() >= course.next_start

    def _start_next(self, course: Course) -> bool:
        """Ask the next target; return whether there was one."""
        if self._abandoned.are_too_many:
            return False
        # A connection that is open beside one that waits costs nothing to ask.
        beside = course.plan.ask_kept() if course.asking else None
        target = beside or course.plan.next()
        if target is None:
            return False
        now, beforehand = self._clock(), course.beforehand
        # A claim is believed only if the known writer was asked, or does not respond.
        is_urgent = course.plan.awaits_known_writer and target.instance == beforehand.writer
        asking = Asking(
            target,
            self._kept_for(target, course),
            connect=partial(self._connect, is_urgent=True) if is_urgent else self._connect,
            statement=course.statement,
            times=(now, now + self._time_of(target, course)),
            longest=self._longest(target, course),
            clock=self._clock,
            ended=course.ended.put,
        )
        course.asking.append(asking)
        # Where all are heard anyway, nothing is gained by waiting for the first.
        stagger = 0.0 if beforehand.hear_all else self._stagger
        course.next_start = now + course.budget * stagger
        try:
            asking.start()
        except RuntimeError as error:
            # The interpreter is shutting down.
            asking.error = error
            course.ended.put(asking)
        return True

    def _time_of(self, target: Target, course: Course) -> float:
        """Return the seconds that `target` has, to connect and to answer."""
        beforehand, share = course.beforehand, course.budget * SHARE
        is_known_writer = target.instance is not None and target.instance == beforehand.writer
        if beforehand.goes_by_address and is_known_writer:
            # Its silence closes its sessions, and a server that is slow serves them.
            return max(share, LASTING)
        return share / 2 if target.name in beforehand.silent else share

    def _longest(self, target: Target, course: Course) -> float:
        """Return the seconds that a login at `target` may take, though it is not waited for.

        Only at an instance that may be the next writer: the known one and the suspect may hang.
        Where each one's own word is wanted, at any. A host may lead elsewhere by then.
        """
        beforehand = course.beforehand
        may_hang = target.instance in (None, beforehand.writer, beforehand.suspect)
        is_wanted = beforehand.goes_by_word and (target.is_own or target.is_place)
        if may_hang and not is_wanted:
            return 0.0
        return self._abandoned.longest(course.asking)

    def _kept_for(self, target: Target, course: Course) -> Kept | None:
        """Return the open connection that `target` means, or make room for another one."""
        kept = self._kept.take(target.instance) if target.is_open else self._abandoned.take(target)
        if kept is not None:
            return kept
        while self._kept and len(course.asking) + len(self._kept) >= AT_A_TIME:
            # What the plan has still to ask goes last.
            if self._kept.close_one(rather_than=course.plan.kept) == course.plan.kept:
                course.plan.drop_kept()
        return None

    def _take_ended(self, course: Course) -> None:
        """Wait for one that has ended, or for the time to do something about the others."""
        events = [each.until + _GRACE for each in course.asking]
        if len(course.asking) < AT_A_TIME and course.next_start > self._clock():
            events.append(course.next_start)
        if course.until > self._clock():
            events.append(course.until)
        seconds = max(min(events) - self._clock(), 0.001)
        # All that have ended, before any is taken for late.
        while those := course.ended.take(seconds):
            for ended in those:
                # It may have ended in the moment in which it was taken for late.
                if ended is not None and ended in course.asking:
                    course.asking.remove(ended)
                    self._note(course, ended)
            seconds = 0.0
        now = self._clock()
        for late in [each for each in course.asking if now >= each.until + _GRACE]:
            course.asking.remove(late)
            self._abandoned.add([late], may_go_on=True)
            self._note_failure(course, late, TimeoutError())

    def _note(self, course: Course, ended: Asking) -> None:
        if ended.rows is None:
            ended.close()
            self._note_failure(course, ended, ended.error)
            return
        peer = ended.connection.peer if ended.connection else None
        try:
            answer = course.source.parse_answer(ended.rows)
            answer = located(course.source, answer, peer or ended.target.address)
        except Exception as error:  # noqa: BLE001 - any nonsense may be in there
            ended.close()
            self._note_failure(course, ended, error)
            return
        self._patience.answered(answer.instance, course.beforehand.name_of(ended.target))
        course.took = max(course.took, self._clock() - ended.began)
        if not course.plan.answered(ended.target, answer, peer, is_own=ended.is_own):
            ended.close()
            return
        self._keep(answer, ended)
        if answer.view and answer.view.writer and not answer.is_writer:
            self._named(answer.view.writer)

    def _keep(self, answer: Answer, ended: Asking) -> None:
        connection, ended.connection = ended.connection, None
        if connection is not None:
            self._kept.add(Kept(answer.instance, connection, ended.is_own))

    def _note_failure(self, course: Course, ended: Asking, error: Exception) -> None:
        why = self._why(error)
        if isinstance(error, SilentLatelyError) and goes_by_address(course.source):
            # It was not asked: what it did before does not show that it is silent for long.
            why = Failed.POSTPONED
        is_judged_by_it = goes_by_address(course.source) or hears_all(course.source)
        if why is Failed.BROKEN and is_judged_by_it and self._is_there(ended.target):
            why = Failed.REFUSED
        now = self._clock()
        if isinstance(error, TimeoutError):
            course.was_silent = True
            if now - ended.until > course.budget * SHARE / 2:
                # This process was held up: that says nothing of the server.
                why = Failed.UNHEARD
            else:
                why = Failed.SILENT
                self._patience.was_silent(ended.target.name, now + course.silence)
        if why is Failed.BROKEN or (why is Failed.SILENT and isinstance(error, TimeoutError)):
            self._patience.gave_none(course.beforehand.name_of(ended.target), ended.began, now)
        course.plan.failed(ended.target, why, type(error).__qualname__)

    def _is_there(self, target: Target) -> bool:
        """Return whether something is there that gave the agent no session."""
        return target.is_own and target.address is not None and self._is_listening(target.address)

    def _why(self, error: Exception) -> Failed:
        if isinstance(error, SilentLatelyError):
            return Failed.SILENT
        if isinstance(error, LoginPostponedError):
            return Failed.POSTPONED
        return Failed.REFUSED if self._refused(error) else Failed.BROKEN
