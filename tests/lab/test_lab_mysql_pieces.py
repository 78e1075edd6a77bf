import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.lab.filters import SilenceAfterMySQLLogin
from aurora_otel.lab.mysql_surface import VERSION, Surface, translate
from aurora_otel.lab.mysql_wire import COM_QUERY, COM_STMT_PREPARE, packet

PING = 14
SHOW = "SELECT Variable_name, Value FROM aurora"


@pytest.mark.parametrize(
    ("asked", "put"),
    [
        ("SELECT @@aurora_server_id", "SELECT @@global.report_host"),
        ("select @@GLOBAL.Innodb_Read_Only, 1", "select aurora.is_reader(), 1"),
        ("SELECT @@`aurora_version`", f"SELECT '{VERSION}'"),
        ("SELECT AURORA_VERSION ()", f"SELECT '{VERSION}'"),
        (
            "SELECT s.SERVER_ID FROM `information_schema` . `REPLICA_HOST_STATUS` AS s",
            "SELECT s.SERVER_ID FROM aurora.replica_host_status AS s",
        ),
        (
            "SHOW VARIABLES LIKE 'a%';",
            f"{SHOW}.session_variables WHERE Variable_name LIKE 'a%' ORDER BY 1",
        ),
        (
            "show global variables",
            f"{SHOW}.global_variables ORDER BY 1",
        ),
    ],
)
def test_what_only_aurora_knows_is_put_in_other_words(asked, put):
    assert translate(asked) == put


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT '@@aurora_server_id', \"it's @@aurora_version\", 'don''t @@innodb_read_only'",
        "SELECT 1 /* @@aurora_server_id */ -- @@aurora_server_id",
        "SELECT `@@aurora_server_id`, '\\'@@aurora_server_id'",
        "SELECT @@aurora_server_identity, @aurora_server_id, @@innodb_read_only_too",
        "SHOW STATUS LIKE 'aurora%'",
        "SELECT 'SHOW VARIABLES'",
        "",
    ],
)
def test_everything_else_passes_as_it_is(statement):
    assert translate(statement) == statement


def _cut(stream, cuts):
    for cut in cuts:
        piece, stream = stream[:cut], stream[cut:]
        yield piece
    yield stream


@given(st.lists(st.integers(1, 7)), st.binary(max_size=30))
def test_statements_are_found_however_the_bytes_are_cut(cuts, blob):
    login = packet(1, bytes(32) + b"@@aurora_version") + packet(3, b"@@aurora_version")
    sent = b"".join(
        [
            login,
            packet(0, bytes([COM_QUERY]) + b"SELECT @@aurora_version"),
            packet(0, bytes([PING])),
            packet(0, bytes([PING]) + blob),
            packet(0, bytes([COM_STMT_PREPARE]) + b"SELECT @@innodb_read_only"),
            packet(1, b"a file's @@aurora_version"),
            packet(0, bytes([COM_QUERY]) + b"SELECT 'caf\xe9 \xc3\xa9'"),
        ]
    )
    surface = Surface()
    passed = b"".join(surface.from_client(piece).forward for piece in _cut(sent, cuts))
    assert passed == b"".join(
        [
            login,
            packet(0, bytes([COM_QUERY]) + b"SELECT '%s'" % VERSION.encode()),
            packet(0, bytes([PING])),
            packet(0, bytes([PING]) + blob),
            packet(0, bytes([COM_STMT_PREPARE]) + b"SELECT aurora.is_reader()"),
            packet(1, b"a file's @@aurora_version"),
            packet(0, bytes([COM_QUERY]) + b"SELECT 'caf\xe9 \xc3\xa9'"),
        ]
    )


@given(st.lists(st.integers(1, 7)))
def test_a_server_offers_no_compression_however_the_bytes_are_cut(cuts):
    head = bytes([10]) + b"10.11\0" + b"1234" + b"saltsalt" + b"\0"
    greeting = packet(0, head + b"\xff\xf7" + bytes(20))
    follows = packet(2, b"\xff\xff")
    surface = Surface()
    passed = b"".join(
        surface.from_server(piece).forward for piece in _cut(greeting + follows, cuts)
    )
    assert passed == packet(0, head + b"\xdf\xf7" + bytes(20)) + follows


def test_a_server_that_refuses_instead_of_greeting_is_heard():
    refusal = packet(0, b"\xff\x10\x04Too many connections")
    assert Surface().from_server(refusal).forward == refusal


def test_a_packet_that_others_continue_passes_as_it_comes():
    begin = packet(0, bytes([COM_QUERY]) + b"x" * (0xFFFFFF - 1))
    surface = Surface()
    cuts = [random.Random(1).randrange(1, 2**20) for _ in range(40)]
    assert b"".join(surface.from_client(piece).forward for piece in _cut(begin, cuts)) == begin
    rest = packet(1, b"SELECT @@aurora_version")
    assert surface.from_client(rest).forward == rest


@given(st.lists(st.integers(1, 7)))
def test_the_end_of_a_login_is_found_however_the_bytes_are_cut(cuts):
    login = packet(1, b"\0" * 40) + packet(3, b"password")
    login += packet(0, bytes([COM_QUERY]) + b"SET NAMES utf8mb4")
    silence = SilenceAfterMySQLLogin()
    passed = b"".join(
        silence.from_client(piece).forward
        for piece in _cut(login + packet(0, bytes([PING])) + login, cuts)
    )
    assert passed == login
    assert silence.from_server(b"whatever").forward == b"whatever"
