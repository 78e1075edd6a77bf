"""Where two may accept writes at the same time: which claims a refresh accepts."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aurora_otel.discovery.targets import Failed
from aurora_otel.model.topology import Answer, Role
from tests.unit.plans import ALL, course, plan, reader, verdict, writer


def test_all_that_can_be_reached_are_heard_where_the_source_asks_for_that():
    made = plan("a", "b", "c", hear_all=True, lasting=frozenset("b"))
    answers = {"a": writer("a"), "b": Failed.SILENT, "c": reader("c", "a")}
    assert course(made, answers) == ["a", "b", "c"]
    assert verdict(made) == "a"


@pytest.mark.parametrize("why", Failed)
def test_a_verdict_says_who_did_not_answer_and_is_there_for_all_that_is_known(why):
    made = plan("a", "b", "c", hear_all=True)
    course(made, {"a": claims_at("a", 1), "b": why, "c": reader("c", "a")})
    if found := made.reading.verdict:
        assert found.unheard == (frozenset("b") if why is not Failed.BROKEN else frozenset())
    assert (found is None) is (why in (Failed.UNHEARD, Failed.POSTPONED))
    lately = plan("a", "b", "c", hear_all=True, silent=frozenset("b"))
    course(lately, {"a": claims_at("a", 1), "c": reader("c", "a")})
    assert lately.reading.verdict.unheard == {"b"}


def test_where_one_word_is_enough_it_does_not_matter_who_did_not_answer():
    made = plan("a", "b")
    course(made, {"a": writer("a"), "b": Failed.SILENT})
    assert made.reading.verdict.unheard == frozenset()


def test_two_that_both_claim_are_no_verdict_where_both_may_accept_writes():
    made = plan("a", "b", "c", hear_all=True)
    course(made, {"a": writer("a"), "b": writer("b"), "c": reader("c", "a")})
    assert verdict(made) is None


def claims_at(name, epoch, lineage=None):
    return Answer(name, Role.WRITER, "1", epoch=epoch, lineage=lineage)


def test_of_two_claims_the_higher_epoch_counts():
    made = plan("a", "b", "c", hear_all=True, epoch=1, claims={"a": 1})
    course(made, {"a": claims_at("a", 1), "b": claims_at("b", 2), "c": reader("c", "a")})
    assert verdict(made) == "b"
    assert made.reading.verdict.epoch == 2
    assert made.reading.claims == {"a": 1, "b": 2, "c": None}


def test_the_known_writer_stays_against_a_claim_of_a_lower_epoch():
    made = plan("a", "b", hear_all=True, epoch=2, claims={"a": 2})
    course(made, {"a": claims_at("a", 2), "b": claims_at("b", 1)})
    assert verdict(made) == "a"


def test_two_claims_of_one_epoch_are_no_verdict():
    made = plan("a", "b", "c", hear_all=True, epoch=1)
    course(made, {"a": Failed.BROKEN, "b": claims_at("b", 2), "c": claims_at("c", 2)})
    assert verdict(made) is None


def test_a_claim_below_the_highest_that_was_confirmed_is_no_verdict():
    made = plan("a", "b", hear_all=True, epoch=3)
    course(made, {"a": Failed.SILENT, "b": claims_at("b", 2)})
    assert verdict(made) is None


def test_one_that_claimed_at_the_same_epoch_and_is_silent_now_keeps_another_from_being_believed():
    made = plan("a", "b", "c", hear_all=True, writer="a", epoch=1, claims={"a": 1, "c": 2})
    course(made, {"a": Failed.BROKEN, "b": claims_at("b", 2), "c": Failed.SILENT})
    assert verdict(made) is None
    made = plan("a", "b", "c", hear_all=True, writer="a", epoch=1, claims={"a": 1, "c": 2})
    course(made, {"a": Failed.BROKEN, "b": claims_at("b", 3), "c": Failed.SILENT})
    assert verdict(made) == "b"


@pytest.mark.parametrize(
    ("why", "held", "epoch", "confirmed"),
    [
        (Failed.BROKEN, frozenset(), 2, "b"),
        # It may be the true writer:
        (Failed.SILENT, frozenset(), 2, None),
        (Failed.REFUSED, frozenset(), 2, None),
        (Failed.BROKEN, {"a"}, 2, None),
        (Failed.BROKEN, frozenset(), 3, None),
    ],
)
def test_one_at_whose_address_nothing_is_and_no_connection_leads_has_restarted_elsewhere(
    why, held, epoch, confirmed
):
    made = plan("a", "b", hear_all=True, writer="a", epoch=2, claims={"a": epoch}, held=held)
    course(made, {"a": why, "b": claims_at("b", 2)})
    assert verdict(made) == confirmed


def test_a_refresh_that_ends_before_all_were_asked_is_no_verdict_where_all_are_to_be_heard():
    made = plan("b", "c", hear_all=True, writer=None)
    made.answered(made.next(), claims_at("b", 2))
    made.close()
    assert made.next() is None
    assert verdict(made) is None


def test_one_that_was_not_asked_keeps_all_from_being_believed_where_all_are_to_be_heard():
    made = plan("a", "b", "c", hear_all=True, writer="a", epoch=1)
    answers = {"a": claims_at("a", 1), "b": Failed.POSTPONED, "c": claims_at("c", 2)}
    course(made, answers)
    assert verdict(made) is None


def test_a_server_with_other_data_is_not_heard():
    made = plan("a", "b", hear_all=True, lineage="1", epoch=1)
    course(made, {"a": claims_at("a", 1, "1"), "b": claims_at("b", 9, "2")})
    assert verdict(made) == "a"


epochs = st.one_of(st.sampled_from(list(Failed)), st.integers(1, 3), st.none())


@given(
    truth=st.sampled_from(ALL),
    heard=st.fixed_dictionaries(dict.fromkeys(ALL, epochs)),
    before=st.fixed_dictionaries(
        {
            "claims": st.dictionaries(st.sampled_from(ALL), st.integers(1, 3)),
            "epoch": st.integers(0, 3),
            "writer": st.sampled_from([*ALL, None]),
            "held": st.frozensets(st.sampled_from(ALL)),
        }
    ),
    order=st.permutations(ALL),
)
def test_in_a_split_brain_no_other_is_taken_for_the_writer_that_was_promoted_last(
    truth, heard, before, order
):
    # It was promoted last, and its word was heard, now or at some time before. Where it is gone, no
    # connection leads to it that could be closed.
    assume(heard[truth] is not Failed.BROKEN or truth in before["held"])
    claims = before["claims"]
    epochs = [each for each in heard.values() if type(each) is int]
    last = max([0, before["epoch"], *claims.values(), *epochs])
    if isinstance(heard[truth], Failed):
        before = {**before, "claims": {**claims, truth: last}}
    else:
        heard = {**heard, truth: last + 1}
    made = plan(*order, hear_all=True, **before)
    answers = {
        name: each
        if isinstance(each, Failed)
        else reader(name, None)
        if each is None
        else claims_at(name, each)
        for name, each in heard.items()
    }
    course(made, answers | {f"open {name}": answers[name] for name in ALL})
    assert verdict(made) in (truth, None)
