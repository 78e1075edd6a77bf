import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.discovery.rds.iam import Token
from aurora_otel.model.endpoints import Address

DOMAIN = "c0ffee123456.eu-west-1.rds.amazonaws.com"
QUERY = (
    "?Action=connect&DBUser=app%2Fone&X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIA%2F20260101%2Feu-west-1%2Frds-db%2Faws4_request"
    "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host"
    "&X-Amz-Security-Token=abc%2F%3D&X-Amz-Signature=0123abcd"
)
TOKEN = f"lab.cluster-{DOMAIN}:6000/{QUERY}"


def test_a_token_contains_its_signing_target_its_user_and_its_region():
    assert Token.parse(TOKEN) == Token(
        Address(f"lab.cluster-{DOMAIN}", 6000), "app/one", "eu-west-1"
    )


@pytest.mark.parametrize(
    "password",
    [
        None,
        "",
        "secret",
        "X-Amz-Signature=",
        TOKEN.replace(":6000", ""),
        TOKEN.replace(":6000", ":port"),
        TOKEN.replace("Action=connect", "Action=other"),
        TOKEN.replace("&DBUser=app%2Fone", ""),
        TOKEN.replace("%2Feu-west-1%2Frds-db%2Faws4_request", ""),
        TOKEN.replace("&X-Amz-Signature=0123abcd", ""),
    ],
)
def test_any_other_password_is_no_token(password):
    assert Token.parse(password) is None


@given(st.text() | st.text().map(lambda text: f"{text}&X-Amz-Signature=1"))
def test_no_password_raises(password):
    Token.parse(password)


@pytest.mark.parametrize(
    ("instance", "address", "target"),
    [
        (None, None, (f"lab.cluster-{DOMAIN}", 6000)),
        ("lab-2", (f"lab-2.{DOMAIN}", 5432), (f"lab-2.{DOMAIN}", 5432)),
        # The end of a tunnel: what counts is the name of the instance that it leads to.
        ("lab-2", ("127.0.0.1", 15432), (f"lab-2.{DOMAIN}", 6000)),
        (None, ("127.0.0.1", 15432), None),
    ],
)
def test_a_token_for_another_endpoint_is_signed_for_rds_s_own_name(instance, address, target):
    place = Address(*address) if address else None
    assert Token.parse(TOKEN).signing_target(instance, place) == target


def test_without_rds_s_domain_the_signing_target_of_another_endpoint_is_not_known():
    token = Token.parse(TOKEN.replace(f"lab.cluster-{DOMAIN}", "db.example.com"))
    assert token.signing_target("lab-2", Address("127.0.0.1", 15432)) is None
    assert token.signing_target(None, None) == ("db.example.com", 6000)
