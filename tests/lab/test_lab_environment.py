"""The lab owes nothing to the variables of the shell that it is started in."""

import pytest
from psycopg import pq

from aurora_otel.lab.session import without_environment

VARIABLES = {
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGTARGETSESSIONATTRS": "standby",
    "PGHOSTADDR": "192.0.2.1",
    "PGSSLMODE": "verify-full",
    "PGCLIENTENCODING": "latin1",
    "PGCHANNELBINDING": "require",
}


def options(text):
    found = pq.Conninfo.parse(without_environment(text).encode())
    return {each.keyword.decode(): each.val.decode() for each in found if each.val is not None}


@pytest.fixture
def _shell(monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_shell")
def test_variables_of_the_shell_change_nothing():
    assert options("host=127.0.0.1 options='-c a=b'") == {
        "host": "127.0.0.1",
        "options": "-c a=b",
        "target_session_attrs": "any",
        "hostaddr": "",
        "sslmode": "prefer",
        "client_encoding": "",
        "channel_binding": "prefer",
    }


def test_without_such_variables_nothing_is_added(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert options("host=127.0.0.1 port=1") == {"host": "127.0.0.1", "port": "1"}
