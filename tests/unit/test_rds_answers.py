"""The RDS API's answers, which may be hostile: names, lines and codes, or nothing."""

import re

from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.discovery.rds.answers import code, identifiers, text

values = (
    st.text()
    | st.binary()
    | st.none()
    | st.integers()
    | st.lists(st.none(), max_size=1)
    | st.sampled_from(
        ["lab-1", "LAB-2", "lab-1\n", "x'; DROP TABLE writes; --", "evil.com/", "\x1b[2J", "x" * 64]
    )
)


@given(st.lists(values))
def test_only_identifiers_name_an_instance(found):
    for name in identifiers(found):
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", name)
    assert identifiers(["lab-1", *found])[0] == "lab-1"


@given(values)
def test_a_message_is_one_line_without_control_characters(message):
    shown = text(message)
    assert len(shown) <= 512
    assert len(shown.splitlines()) <= 1
    assert not any(ord(each) < 32 or 0x7F <= ord(each) < 0xA0 for each in shown)


def test_what_a_message_says_is_kept():
    assert text("Started cross AZ failover to DB instance: lab-2") == (
        "Started cross AZ failover to DB instance: lab-2"
    )
    assert text("two\r\nlines\x1b[31m") == "two lines [31m"


@given(values)
def test_a_code_is_one_or_unknown(found):
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]{0,63}", code(found))


def test_the_api_s_own_codes_are_kept():
    for known in ("AccessDenied", "DBClusterNotFoundFault", "InternalFailure"):
        assert code(known) == known
