import pytest

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.identify import SILENCE, Kind, Surface, Surfaces, dialogue
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Role

HERE = Address("db.example.com", 5432)
AURORA = Surface(Kind.AURORA, view=True)
PLAIN = Surface(Kind.PLAIN)
POOLER = Surface(Kind.POOLER)
dialect = AuroraPostgreSQL()
PROBE, IDENTITY, VIEW = dialect.probe, dialect.question(view=False), dialect.question(view=True)


class Server:
    """Answers statements with the rows that it was given, and remembers what it was asked."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def talk(self, surface=None, backend_id="12"):
        talk = dialogue(dialect, surface, backend_id)
        try:
            statement = next(talk)
            while True:
                self.asked.append(statement)
                statement = talk.send(self.answers[statement])
        except StopIteration as end:
            return end.value


def aurora(backend="12", view="true"):
    return Server(
        {
            PROBE: [(backend, "true", view)],
            IDENTITY: [("lab-1", "false", backend)],
            VIEW: [("lab-1", "false", backend, "lab-1", "MASTER_SESSION_ID", None)],
        }
    )


def test_an_unknown_aurora_says_who_it_is_and_how_it_sees_the_others():
    server = aurora()
    surface, answer = server.talk()
    assert surface == AURORA
    assert (answer.instance, answer.role, answer.view.writer) == ("lab-1", Role.WRITER, "lab-1")
    assert server.asked == [PROBE, VIEW]


def test_a_known_aurora_is_asked_once():
    server = aurora()
    surface, answer = server.talk(AURORA)
    assert surface == AURORA
    assert answer.is_writer
    assert server.asked == [VIEW]


def test_an_aurora_whose_view_may_not_be_read_says_who_it_is():
    server = aurora(view="false")
    surface, answer = server.talk()
    assert surface == Surface(Kind.AURORA, view=False)
    assert (answer.instance, answer.view) == ("lab-1", None)
    assert server.asked == [PROBE, IDENTITY]


def test_a_plain_server_is_probed_and_asked_nothing_more():
    server = Server({PROBE: [("12", None, None)]})
    assert server.talk() == (PLAIN, None)
    assert server.asked == [PROBE]


@pytest.mark.parametrize("surface", [PLAIN, POOLER, Surface(Kind.SILENT)])
def test_a_server_that_cannot_answer_is_not_asked(surface):
    server = Server({})
    assert server.talk(surface) == (surface, None)
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
    surface, answer = aurora().talk(backend_id=None)
    assert surface == AURORA
    assert answer.instance == "lab-1"


@pytest.mark.parametrize("rows", [[], [()], [("x",)], [("a", "b", "c", "d")]])
def test_a_server_that_makes_no_sense_of_the_probe_is_plain(rows):
    assert Server({PROBE: rows}).talk() == (PLAIN, None)


@pytest.mark.parametrize("rows", [[], [("lab 1", "false", "12", None, None, None)], [("x",)]])
def test_an_aurora_that_talks_nonsense_is_asked_again_the_next_time(rows):
    server = aurora()
    server.answers[VIEW] = rows
    assert server.talk() == (AURORA, None)


def test_silence_is_forgotten_after_a_while():
    surfaces = Surfaces()
    silent = Surface(Kind.SILENT, until=100 + SILENCE)
    surfaces.learn(HERE, silent)
    assert surfaces.get(HERE, 100) is silent
    assert surfaces.get(HERE, 100 + SILENCE - 0.1) is silent
    assert surfaces.get(HERE, 100 + SILENCE) is None
    surfaces.learn(HERE, AURORA)
    assert surfaces.get(HERE, 100 + SILENCE) is AURORA


@pytest.mark.parametrize("other", [AURORA, PLAIN, Surface(Kind.SILENT, until=1)])
def test_a_pooler_stays_one(other):
    surfaces = Surfaces()
    surfaces.learn(HERE, other)
    surfaces.learn(HERE, POOLER)
    surfaces.learn(HERE, other)
    assert surfaces.get(HERE, 1e12) is POOLER


def test_a_plain_server_is_one_for_ever():
    surfaces = Surfaces()
    surfaces.learn(HERE, PLAIN)
    assert surfaces.get(HERE, 1e12) is PLAIN


def test_each_port_is_a_server_of_its_own():
    surfaces = Surfaces()
    surfaces.learn(HERE, PLAIN)
    assert surfaces.get(Address(HERE.host, 5433), 0) is None
