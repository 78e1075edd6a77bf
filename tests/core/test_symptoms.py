import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.symptoms import Symptom, of_postgresql


@pytest.mark.parametrize("lost", [True, False])
def test_a_write_refused_by_a_reader_is_a_symptom(lost):
    assert of_postgresql("25006", lost=lost) is Symptom.READ_ONLY


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(
    "sqlstate", ["08000", "08001", "08003", "08004", "08006", "08P01", "57P01", "57P02", "57P03"]
)
def test_a_broken_connection_and_a_server_that_shuts_down_are_symptoms(sqlstate, lost):
    assert of_postgresql(sqlstate, lost=lost) is Symptom.CONNECTION_LOST


def test_a_connection_that_is_gone_without_a_word_is_a_symptom():
    assert of_postgresql(None, lost=True) is Symptom.CONNECTION_LOST
    assert of_postgresql(None, lost=False) is None


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(
    "sqlstate",
    [
        "57014",  # cancelled
        "25P03",  # idle in transaction for too long
        "57P05",  # idle for too long
        "57P04",  # database dropped
        "28000",
        "28P01",
        "25001",
        "25P02",
        "40001",
        "40P01",
        "23505",
        "42P01",
        "53300",
        "00000",
    ],
)
def test_no_other_error_is_a_symptom(sqlstate, lost):
    assert of_postgresql(sqlstate, lost=lost) is None


@given(st.none() | st.text(), st.booleans())
def test_any_error_is_one_of_two_symptoms_or_none(sqlstate, lost):
    found = of_postgresql(sqlstate, lost=lost)
    assert found in (None, Symptom.READ_ONLY, Symptom.CONNECTION_LOST)
