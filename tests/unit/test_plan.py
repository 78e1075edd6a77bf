"""Which instances a refresh asks, and which answers it accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.discovery.plan import Plan
from aurora_otel.discovery.targets import Beforehand, Failed, Target, targets
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer, Role
from tests.unit.plans import ALL, OWN_HOST, at, course, plan, reader, target, verdict, writer


def test_a_claim_against_the_known_writer_is_no_verdict_before_that_one_was_asked():
    made = plan("c")
    made.answered(made.next(), writer("c"))
    assert verdict(made) is None
    assert made.awaits_known_writer
    assert made.next() == target("a")


def test_an_old_writer_that_thaws_is_not_believed_while_the_known_one_confirms():
    made = plan("c", "b")
    assert course(made, {"c": writer("c"), "a": writer("a")}) == ["c", "a"]
    assert verdict(made) == "a"
    assert made.reading.contested == ("c",)


def test_a_known_writer_that_says_that_it_is_a_reader_leaves_the_claim_standing():
    made = plan("c", "b")
    course(made, {"c": writer("c"), "a": reader("a", "c")})
    assert (verdict(made), made.reading.contested) == ("c", ())


@pytest.mark.parametrize("why", [Failed.SILENT, Failed.BROKEN, Failed.REFUSED])
def test_a_known_writer_that_cannot_be_asked_leaves_the_claim_standing(why):
    made = plan("c")
    course(made, {"c": writer("c"), "a": why})
    assert verdict(made) == "c"


@pytest.mark.parametrize("why", [Failed.SILENT, Failed.REFUSED])
def test_a_known_writer_that_may_be_there_is_believed_in_as_long_as_readers_name_it(why):
    made = plan("b", "c")
    assert course(made, {"b": reader("b", "a"), "a": why, "c": writer("c")})
    assert verdict(made) is None


@pytest.mark.parametrize("why", [Failed.SILENT, Failed.REFUSED])
def test_readers_are_heard_before_a_claim_stands_against_one_that_may_be_there(why):
    made = plan("c", "b")
    answers = {"c": writer("c"), "a": why, "b": reader("b", "c")}
    assert course(made, answers) == ["c", "a", "b"]
    assert verdict(made) == "c"


@pytest.mark.parametrize(("names", "expected"), [("a", None), ("c", "c"), (None, None)])
def test_a_former_writer_is_believed_against_a_silent_one_only_by_a_readers_word(names, expected):
    made = plan("c", "b", deposed=frozenset("c"))
    heard = Failed.SILENT if names is None else reader("b", names)
    course(made, {"c": writer("c"), "a": Failed.SILENT, "b": heard})
    assert verdict(made) == expected


def test_an_answer_that_this_process_was_too_late_for_is_no_silence():
    made = plan("c")
    course(made, {"c": writer("c"), "a": Failed.UNHEARD})
    assert verdict(made) is None


def test_a_known_writer_that_nothing_leads_to_cannot_be_asked():
    made = plan("c", locate=lambda name: None if name == "a" else at(name))
    course(made, {"c": writer("c")})
    assert verdict(made) == "c"


def test_two_claims_with_the_known_writer_away_are_no_verdict():
    made = plan("c", "b", "a")
    first, second = made.next(), made.next()
    made.answered(first, writer("c"))
    made.answered(second, writer("b"))
    made.failed(made.next(), Failed.SILENT, "TimeoutError")
    assert course(made, {}) == []
    assert verdict(made) is None


def test_the_open_connection_to_the_known_writer_is_asked_when_a_claim_stands_against_it():
    made = plan("c", kept="a", suspect="a")
    assert course(made, {"c": writer("c"), "open a": writer("a")}) == ["c", "open a"]
    assert verdict(made) == "a"


def test_a_known_writer_whose_connection_broke_is_asked_at_its_address():
    made = plan("c", kept="a", suspect="a")
    answers = {"c": writer("c"), "open a": Failed.BROKEN, "a": writer("a")}
    assert course(made, answers) == ["c", "open a", "a"]
    assert verdict(made) == "a"


def test_one_that_broke_to_another_instance_says_nothing_of_it():
    made = plan(kept="b", writer=None)
    assert course(made, {"open b": Failed.BROKEN, "b": writer("b")}) == ["open b", "b"]
    assert verdict(made) == "b"


def test_a_cluster_is_what_its_writer_lists():
    made = plan("b", "c", writer=None)
    course(made, {"b": reader("b", "c", ("b", "gone")), "c": writer("c", ("c", "b"))})
    assert made.reading.instances == made.reading.verdict.instances == ("c", "b")


# Names that change.


def test_the_server_at_the_open_connection_is_the_known_writer_by_whatever_name():
    made = plan("x", kept="a", writer="a")
    assert course(made, {"open a": writer("x", ("x", "y"))}) == ["open a"]
    found = made.reading.verdict
    assert (found.writer, found.renamed) == ("x", "a")


def test_a_claim_by_the_new_name_of_the_known_writer_is_its_own():
    made = plan("x", kept="a", suspect="a")
    renamed = writer("x", ("x", "y"))
    assert course(made, {"x": renamed, "open a": renamed}) == ["x", "open a"]
    assert (made.reading.verdict.renamed, made.reading.contested) == ("a", ())


def test_a_server_at_the_known_writers_address_that_was_no_member_is_that_writer_renamed():
    made = plan("x")
    course(made, {"x": writer("x", ("x", "y")), "a": writer("x", ("x", "y"))})
    assert made.reading.verdict.renamed == "a"


@pytest.mark.parametrize(
    "claim",
    [writer("c", ("c", "b")), writer("x", ("x", "a")), Answer("x", Role.WRITER, "1")],
    ids=["was a member", "lists the known writer beside itself", "lists nothing"],
)
def test_another_server_at_the_known_writers_address_is_not_taken_for_it(claim):
    made = plan("x")
    course(made, {"x": claim, "a": claim, "c": claim})
    assert made.reading.verdict is None or made.reading.verdict.renamed is None


def test_a_server_that_was_renamed_and_became_a_reader_is_the_known_writer_no_more():
    made = plan("c", kept="a", suspect="a")
    course(made, {"c": writer("c"), "open a": reader("a-old1", "c")})
    assert (verdict(made), made.reading.verdict.renamed) == ("c", None)


# The order.


def test_the_open_connection_comes_first_and_then_each_in_turn():
    made = plan("b", "a", own_host=True, kept="c", suspect="a", writer=None)
    answers = {"open c": reader("c", "c"), **dict.fromkeys(("b", "a", "open None"), Failed.BROKEN)}
    assert course(made, answers) == ["open c", "b", "a", "open None"]


def test_the_one_that_a_reader_names_is_next():
    made = plan("b", "c", writer=None)
    assert course(made, {"b": reader("b", "a"), "a": writer("a")}) == ["b", "a"]


def test_what_was_silent_lately_is_asked_only_when_there_is_nothing_else_to_go_by():
    silent = frozenset({"a", "b", "c"})
    made = plan("b", "c", writer=None, silent=silent)
    assert course(made, {"b": Failed.SILENT, "c": writer("c")}) == ["b", "c"]
    made = plan("b", "c", own_host=True, writer=None, silent=silent)
    assert course(made, {"open None": reader("d", "a")}) == ["open None"]


def test_a_known_writer_that_was_silent_lately_is_asked_once_more_when_a_claim_stands_against_it():
    made = plan("c", silent=frozenset({"a"}))
    assert course(made, {"c": writer("c"), "a": writer("a")}) == ["c", "a"]


def test_a_known_writer_whose_login_was_postponed_is_asked_when_a_claim_stands_against_it():
    made = plan("a", "c")
    made.failed(made.next(), Failed.POSTPONED, "")
    assert course(made, {"c": writer("c"), "a": writer("a")}) == ["c", "a"]
    assert verdict(made) == "a"


@pytest.mark.parametrize(
    ("silent", "writer_is"), [(frozenset(), None), (frozenset({"a"}), "c")], ids=["in time", "late"]
)
def test_a_known_writer_that_is_still_waited_for_is_not_asked_again(silent, writer_is):
    made = plan("c", "a", silent=silent, awaited=frozenset({"a"}))
    assert course(made, {"c": writer("c")}) == ["c"]
    assert verdict(made) == writer_is


def test_at_the_end_of_the_budget_the_known_writer_alone_is_still_asked():
    made = plan("b", "c")
    made.answered(made.next(), writer("b"))
    made.close()
    assert course(made, {"a": writer("a")}) == ["a"]
    made = plan("b", "c")
    made.answered(made.next(), reader("b", "c"))
    made.close()
    assert course(made, {}) == []


# Any course of events.

roles = st.sampled_from(
    [writer, reader, lambda name: reader(name, "b"), lambda name: reader(name, "c")]
)
outcomes = st.dictionaries(
    st.sampled_from([*ALL, "open a", "open b", "open c", "open None"]),
    st.one_of(st.sampled_from(list(Failed)), roles),
)


histories = st.fixed_dictionaries(
    {
        "outcomes": outcomes,
        "targets": st.permutations(ALL),
        "landed": st.sampled_from(ALL),
        "picks": st.lists(st.integers(0, 1), max_size=30),
        "known": st.fixed_dictionaries(
            {
                "writer": st.sampled_from([*ALL, None]),
                "kept": st.sampled_from([*ALL, None]),
                "suspect": st.sampled_from([*ALL, None]),
                "silent": st.frozensets(st.sampled_from(ALL)),
            }
        ),
    }
)


@given(history=histories)
def test_in_any_course_of_events_a_known_writer_that_confirms_itself_stays(history):
    known = history["known"]["writer"]
    made = plan(*history["targets"], own_host=True, **history["known"])
    under_way, confirmed, given_up = [], False, known is None
    picks = [*history["picks"], *[0] * 200]
    for pick in picks:
        while len(under_way) < 2 and (following := made.next()) is not None:
            assert following not in under_way
            under_way.append(following)
        if not under_way:
            break
        ended = under_way.pop(pick % len(under_way))
        key = ended.instance if ended.address else f"open {ended.instance}"
        outcome = history["outcomes"].get(key, Failed.BROKEN)
        if isinstance(outcome, Failed):
            made.failed(ended, outcome, outcome.value)
            given_up = given_up or ended.instance == known
            continue
        answer = outcome(ended.instance or history["landed"])
        confirmed = confirmed or (answer.instance == known and answer.is_writer)
        given_up = given_up or (answer.instance == known and not answer.is_writer)
        made.answered(ended, answer)
    assert not under_way
    found = verdict(made)
    if confirmed and not given_up:
        assert found == known
    if found not in (None, known):
        assert given_up


@pytest.mark.parametrize("was_own", [True, False])
def test_the_open_connection_shows_whose_address_it_is_if_it_was_opened_by_the_name(was_own):
    peer = Address("10.0.0.2", 5432)
    made = plan("b", kept="b")
    made.answered(made.next(), reader("b"), peer, is_own=was_own)
    assert made.reading.peers == {peer: "b" if was_own else None}


def test_other_hosts_of_the_application_come_last_and_confirm_like_any_other():
    other = Target(None, Address("writer.internal", 5432))
    hosts = targets(["b"], at, other_hosts=[other.address])
    assert hosts == [target("b"), OWN_HOST, other]
    made = Plan(hosts, lambda _: None, Beforehand(100.0, "a", frozenset(ALL)))
    for answer in (reader("b", "c"), reader("a", "c")):
        made.answered(made.next(), answer)
    assert made.next() == other
    made.answered(other, writer("c"))
    assert verdict(made) == "c"
    assert made.reading.hosts == {at("b"): "b", None: "a", other.address: "c"}


def test_a_host_leads_straight_to_what_is_called_by_the_address_at_its_other_end():
    here, gateway = Address("10.0.0.2", 5432), Address("10.0.0.9", 5432)
    service = Target(None, Address("service.internal", 5432))
    made = Plan([OWN_HOST, service], lambda _: None, Beforehand(100.0))
    for asked, peer in ((OWN_HOST, here), (service, gateway)):
        assert made.next() == asked
        made.answered(asked, Answer(str(here), Role.READER, "1"), peer)
    assert made.reading.direct_hosts == {None}


# The names `b` and `c` have moved to another cluster, where `b` became the writer.


@pytest.mark.parametrize("why", [Failed.SILENT, Failed.BROKEN, Failed.REFUSED])
@pytest.mark.parametrize("listed", [("b",), ("b", "x"), ("b", "c", "x")])
def test_a_claim_that_lists_neither_the_known_writer_nor_most_of_the_others_is_none(why, listed):
    made = plan("b", own_host=True)
    answers = {"b": writer("b", listed), "a": why, "open None": reader("c", "a")}
    course(made, answers)
    assert verdict(made) is None
    assert made.reading.contested == ("b",)
    assert "x" not in made.reading.instances


# The known writer's own name has moved there, too: as after a failover, it is listed, and a reader.


@pytest.mark.parametrize("members", [ALL, ("a", "b")])
def test_another_cluster_that_lists_the_name_of_the_known_writer_is_no_failover(members):
    made = plan("a", members=frozenset(members))
    course(made, {"a": reader("a", "x", ("x", "a", "y")), "x": writer("x", ("x", "a", "y"))})
    assert verdict(made) is None


@pytest.mark.parametrize(
    ("members", "listed"), [(("a",), ("x", "a")), (ALL, ("x", "a", "c")), (("a", "x"), ("x", "a"))]
)
def test_a_new_writer_was_a_member_or_lists_another_one_beside_the_former(members, listed):
    made = plan("a", members=frozenset(members))
    course(made, {"a": reader("a", "x", listed), "x": writer("x", listed)})
    assert verdict(made) == "x"


@pytest.mark.parametrize("listed", [("a", "b"), ("b", "c"), ("b", "c", "new", "a")])
def test_a_new_writer_lists_the_former_one_or_most_of_the_others(listed):
    made = plan("b", own_host=False)
    course(made, {"b": writer("b", listed), "a": Failed.BROKEN})
    assert verdict(made) == "b"


@pytest.mark.parametrize(("host_shows", "expected"), [(True, "b"), (False, None)])
def test_a_writer_that_is_alone_is_known_by_the_host_that_leads_to_it(host_shows, expected):
    made = plan("a", own_host=True, host_shows=host_shows)
    course(made, {"a": Failed.BROKEN, "open None": writer("b", ("b",))})
    assert verdict(made) == expected


def test_a_claim_from_another_cluster_does_not_keep_the_own_writer_from_being_believed():
    made = plan("b", "a", "c")
    answers = {"b": writer("b", ("b", "x")), "a": reader("a", "c"), "c": writer("c", ("a", "c"))}
    course(made, answers)
    assert verdict(made) == "c"


def test_what_a_reader_lists_that_moved_to_another_cluster_is_not_learnt():
    made = plan("b", "c", "a")
    moved = reader("c", names="x", listed=("x", "y", "c"))
    course(made, {"b": reader("b"), "c": moved, "x": Failed.SILENT, "a": Failed.SILENT})
    assert verdict(made) is None
    assert set(made.reading.instances) == {"a", "b", "c"}
    # Where none lists the known writer, it may have been deleted: what they list is all there is.
    alone = plan("c", "a")
    course(alone, {"c": moved, "x": Failed.SILENT, "a": Failed.SILENT})
    assert set(alone.reading.instances) == {"x", "y", "c"}
