import pytest

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.identify import (
    PROBE_REFUSAL,
    REFUSAL,
    Kind,
    RefusedError,
    Server,
    dialogue,
)
from aurora_otel.discovery.postgresql import PostgreSQL
from aurora_otel.model.topology import Role

NOW = 100.0
REFUSED = object()
source = AuroraPostgreSQL()
system = PostgreSQL([source])
LIMIT = 5000
AURORA = Server(Kind.INSTANCE, source, view=True, max_connections=LIMIT)
PLAIN = Server(Kind.PLAIN)
POOLER = Server(Kind.POOLER)
PROBE, IDENTITY, VIEW = system.probe, source.question(view=False), source.question(view=True)


class Fake:
    """Answers statements with the rows that it was given, and remembers what it was asked."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def talk(self, known=None, backend_id="12"):
        talk = dialogue(system, known, backend_id, NOW)
        try:
            statement = next(talk)
            while True:
                self.asked.append(statement)
                if (rows := self.answers[statement]) is REFUSED:
                    statement = talk.throw(RefusedError())
                else:
                    statement = talk.send(rows)
        except StopIteration as end:
            return end.value


def aurora(backend="12", view="true"):
    return Fake(
        {
            PROBE: [(backend, str(LIMIT), "true", view)],
            IDENTITY: [("lab-1", "false", backend)],
            VIEW: [("lab-1", "false", backend, "lab-1", "MASTER_SESSION_ID", None)],
        }
    )


def test_an_unknown_aurora_says_who_it_is_and_how_it_sees_the_others():
    server = aurora()
    known, answer = server.talk()
    assert known == AURORA
    assert (answer.instance, answer.role, answer.view.writer) == ("lab-1", Role.WRITER, "lab-1")
    assert server.asked == [PROBE, VIEW]


def test_a_known_aurora_is_asked_once():
    server = aurora()
    known, answer = server.talk(AURORA)
    assert known == AURORA
    assert answer.is_writer
    assert server.asked == [VIEW]


def test_an_aurora_whose_view_may_not_be_read_says_who_it_is():
    server = aurora(view="false")
    known, answer = server.talk()
    assert known == AURORA._replace(view=False)
    assert (answer.instance, answer.view) == ("lab-1", None)
    assert server.asked == [PROBE, IDENTITY]


def test_a_plain_server_is_probed_and_asked_nothing_more():
    server = Fake({PROBE: [("12", None, None, None)]})
    assert server.talk() == (PLAIN, None)
    assert server.asked == [PROBE]


@pytest.mark.parametrize("known", [PLAIN, POOLER, Server(Kind.REFUSING)])
def test_a_server_that_cannot_answer_is_not_asked(known):
    server = Fake({})
    assert server.talk(known) == (known, None)
    assert server.asked == []


def test_another_session_that_answers_the_probe_gives_a_pooler_away():
    server = aurora()
    assert server.talk(backend_id="-411294406") == (POOLER, None)
    assert server.asked == [PROBE]


def test_another_session_that_answers_the_question_gives_a_pooler_away():
    server = aurora()
    server.answers[VIEW] = aurora(backend="13").answers[VIEW]
    assert server.talk() == (POOLER, None)
    assert server.talk(AURORA) == (POOLER, None)


def test_where_the_login_handed_out_no_session_the_answer_is_believed():
    known, answer = aurora().talk(backend_id=None)
    assert known == AURORA
    assert answer.instance == "lab-1"


@pytest.mark.parametrize("rows", [[], [()], [("x",)], [("a", "b", "c", "d", "e")]])
def test_a_server_that_makes_no_sense_of_the_probe_is_plain(rows):
    assert Fake({PROBE: rows}).talk() == (PLAIN, None)


@pytest.mark.parametrize("rows", [[], [("lab 1", "false", "12", None, None, None)], [("x",)]])
def test_an_aurora_that_talks_nonsense_is_asked_again_the_next_time(rows):
    server = aurora()
    server.answers[VIEW] = rows
    assert server.talk() == (AURORA, None)


def test_a_server_that_refuses_the_probe_is_left_alone_for_long():
    server = Fake({PROBE: REFUSED})
    assert server.talk() == (Server(Kind.REFUSING, until=NOW + PROBE_REFUSAL), None)


def test_an_instance_that_refuses_its_view_is_asked_without_it_for_a_while():
    server = aurora()
    server.answers[VIEW] = REFUSED
    known, answer = server.talk()
    assert known == AURORA._replace(view=False, until=NOW + REFUSAL)
    assert (answer.instance, answer.view) == ("lab-1", None)
    assert server.asked == [PROBE, VIEW, IDENTITY]


def test_an_instance_that_refuses_every_question_is_left_alone_for_a_while():
    server = aurora()
    server.answers[VIEW] = server.answers[IDENTITY] = REFUSED
    assert server.talk(AURORA) == (Server(Kind.REFUSING, until=NOW + REFUSAL), None)
    assert server.asked == [VIEW, IDENTITY]


def test_a_router_is_tracked_and_never_asked():
    server = Fake({PROBE: [("12", None, "router", "true")]})
    assert server.talk() == (POOLER, None)
    assert server.asked == [PROBE]
