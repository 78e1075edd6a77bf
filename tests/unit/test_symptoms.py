import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.model.symptoms import Symptom, of_mysql, of_postgresql


@pytest.mark.parametrize("lost", [True, False])
def test_a_write_refused_by_a_reader_is_a_symptom(lost):
    assert of_postgresql("25006", lost=lost) is Symptom.READ_ONLY


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(
    "sqlstate", ["08000", "08001", "08003", "08004", "08006", "08P01", "57P01", "57P02", "57P03"]
)
def test_a_broken_connection_and_a_server_that_shuts_down_are_symptoms(sqlstate, lost):
    assert of_postgresql(sqlstate, lost=lost) is Symptom.CONNECTION_LOST


def test_a_connection_that_is_gone_without_an_error_is_a_symptom():
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


READ_ONLY = "The {} server is running with the {} option so it cannot execute this statement"


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(
    "option",
    [
        "--read-only",
        "--super-read-only",
        "--innodb-read-only",
        "--read_only",
        "--READ-ONLY",
        "--read-only=NO_LOCK",
        "--transaction-read-only",
    ],
)
@pytest.mark.parametrize("server", ["MySQL", "MariaDB"])
def test_a_statement_prevented_by_a_read_only_option_is_a_symptom(server, option, lost):
    message = READ_ONLY.format(server, option)
    assert of_mysql(1290, message, lost=lost) is Symptom.READ_ONLY


@pytest.mark.parametrize(
    "option",
    [
        "--secure-file-priv",
        "--skip-grant-tables",
        "--skip-networking",
        "--skip-name-resolve",
        "--read",
        "LOCK_WRITE_GROWTH",
        "",
    ],
)
def test_a_statement_prevented_by_another_option_is_none(option):
    assert of_mysql(1290, READ_ONLY.format("MySQL", option), lost=False) is None


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("errno", [1792, 1836, 1874])
def test_a_write_refused_by_mysql_is_a_symptom(errno, lost):
    assert of_mysql(errno, "", lost=lost) is Symptom.READ_ONLY


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("errno", [2006, 2013, 2055, 5013, 5014, 1053, 1927])
def test_a_connection_lost_and_a_mysql_that_shuts_down_are_symptoms(errno, lost):
    assert of_mysql(errno, "", lost=lost) is Symptom.CONNECTION_LOST


@pytest.mark.parametrize("errno", [None, 0])
def test_a_mysql_connection_that_is_gone_without_an_error_is_a_symptom(errno):
    assert of_mysql(errno, "", lost=True) is Symptom.CONNECTION_LOST
    assert of_mysql(errno, "", lost=False) is None


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(
    "errno",
    [
        4031,  # idle for too long
        1205,  # lock timeout
        1213,  # deadlock
        1317,  # interrupted
        1040,  # too many connections
        1044,
        1045,
        1129,
        1130,
        1698,
        1062,
        1064,
        1142,
        1146,
        2014,
    ],
)
def test_no_other_error_of_mysql_is_a_symptom(errno, lost):
    assert of_mysql(errno, READ_ONLY.format("MySQL", "--read-only"), lost=lost) is None


@given(st.none() | st.integers(), st.text(), st.booleans())
def test_any_error_of_mysql_is_one_of_two_symptoms_or_none(errno, message, lost):
    found = of_mysql(errno, message, lost=lost)
    assert found in (None, Symptom.READ_ONLY, Symptom.CONNECTION_LOST)


@given(st.none() | st.text(), st.booleans())
def test_any_error_is_one_of_two_symptoms_or_none(sqlstate, lost):
    found = of_postgresql(sqlstate, lost=lost)
    assert found in (None, Symptom.READ_ONLY, Symptom.CONNECTION_LOST)
