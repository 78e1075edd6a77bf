import logging
import sys
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.lab.postgres_installation import PROGRAMS
from aurora_otel.model.endpoints import Address, EndpointType, HostTemplate
from aurora_otel.settings import (
    PREFIX,
    ClusterNames,
    Mode,
    Origin,
    QuerySpans,
    RdsApiUse,
    Settings,
    StraightConnects,
    resolve,
)

NAMES = [setting.name for setting in fields(Settings)]
MODE = "AURORA_OTEL_MODE"
VARIABLES = [PREFIX + name.upper() for name in NAMES]

LAB_1 = Address("127.0.0.11", 5432)
DB = Address("db.example.com", 0)

# A setting, its value as a string, and what it comes to.
VALID = [
    ("mode", "observe", Mode.OBSERVE),
    ("mode", " Cleanup ", Mode.CLEANUP),
    ("mode", "off", Mode.OFF),
    ("drivers", "psycopg2", frozenset({"psycopg2"})),
    ("drivers", " Psycopg , psycopg2,", frozenset({"psycopg", "psycopg2"})),
    ("prune_interval", "2.5", 2.5),
    ("prune_interval", "7", 7.0),
    ("refresh_window", "60", 60.0),
    ("refresh_window", "7", 7.0),
    ("refresh_interval", "0.2", 0.2),
    ("refresh_interval", "7", 7.0),
    ("refresh_timeout", "3", 3.0),
    ("refresh_timeout", "7", 7.0),
    ("instance_host_template", "?.db.example.com:6000", HostTemplate("?.db.example.com", 6000)),
    ("instance_host_template", "DB-?.example.com.", HostTemplate("db-?.example.com")),
    ("instance_endpoints", "lab-1=127.0.0.11:5432", {"lab-1": LAB_1}),
    (
        "instance_endpoints",
        "Lab-1.c0ffee.eu-west-1.rds.amazonaws.com=127.0.0.11:5432",
        {"lab-1.c0ffee.eu-west-1.rds.amazonaws.com": LAB_1},
    ),
    (
        "instance_endpoints",
        " LAB-1 = 127.0.0.11:5432 , lab-2=[::1]:6000,",
        {"lab-1": LAB_1, "lab-2": Address("::1", 6000)},
    ),
    ("rds_api", " Off ", RdsApiUse.OFF),
    ("rds_api", "on", RdsApiUse.ON),
    ("identify_timeout", "0.1", 0.1),
    ("identify_timeout", "7", 7.0),
    ("stuck_after", "0", 0.0),
    ("stuck_after", "5", 5.0),
    ("writer_endpoints", "DB.example.com.", {DB}),
    ("writer_endpoints", "db.example.com,[::1]:6000", {DB, Address("::1", 6000)}),
    ("single_endpoints", "DB.example.com.,[::1]:6000", {DB, Address("::1", 6000)}),
    ("members", "DB.example.com.;", (frozenset({DB}),)),
    ("members", "a,b:1 ; c", ({Address("a", 0), Address("b", 1)}, {Address("c", 0)})),
    ("cluster_id", "orders", ClusterNames({"": "orders"})),
    (
        "cluster_id",
        "DB.example.com=orders,b=Ü_2",
        ClusterNames({DB.host: "orders", "b": "Ü_2"}),
    ),
    ("cluster_id", "/var/run/pg=local", ClusterNames({"/var/run/pg": "local"})),
    ("straight_connects", "ON", StraightConnects.ON),
    ("straight_connects", "off", StraightConnects.OFF),
    ("query_spans", "summary", QuerySpans.SUMMARY),
    ("query_spans", "text", QuerySpans.TEXT),
    ("kill_switch", "/run/aurora-otel/observe", "/run/aurora-otel/observe"),
    ("kill_switch", " /observe ", "/observe"),
]

# A setting, values that are not allowed, and what the error says is.
NUMBERS = ("", "-1", "nan", "inf", "1e9", "soon", "1,5", True, None, [], {}, object())
NO_LIST = (5, None, object(), ["a", 1], b"a")
INVALID = [
    ("mode", ("", "clean up", "on", None, 1, []), "'cleanup' or 'observe' or 'off'"),
    ("drivers", ("", ",", "psycopg3", "psycopg;psycopg2", [], *NO_LIST[:1]), "psycopg, psycopg2"),
    ("prune_interval", ("0", *NUMBERS), "a number of seconds above 0"),
    ("refresh_window", ("0", *NUMBERS), "a number of seconds above 0"),
    ("refresh_interval", ("0", *NUMBERS), "a number of seconds above 0"),
    ("refresh_timeout", ("0", *NUMBERS), "a number of seconds above 0"),
    ("identify_timeout", ("0", *NUMBERS), "a number of seconds above 0"),
    ("stuck_after", NUMBERS, "a number of seconds from 0"),
    (
        "instance_host_template",
        (
            "db.example.com",
            "?.?.com",
            "?.com:0x1",
            "?.com:65536",
            "?.com:",
            "[?]:1",
            "? .com",
            1,
        ),
        "a host name with one '?' for the instance identifier, as '?.db.example.com:5432'",
    ),
    (
        "instance_endpoints",
        (
            "lab-1",
            "lab-1=",
            "lab-1=host",
            "lab-1=host:0",
            "lab-1=host:70000",
            "1=host:5432",
            "=host:5432",
            "a=host:1,a=host:2",
            "a=ho st:5432",
            *NO_LIST,
        ),
        "'id=host:port', several separated by commas",
    ),
    (
        "writer_endpoints",
        ("a b", "db:0x1", "db:70000", "http://db", "db:", *NO_LIST),
        "host names, each with or without ':port', separated by commas",
    ),
    (
        "single_endpoints",
        ("a b", "db:0x1", "db:70000", "http://db", "db:", *NO_LIST),
        "host names, each with or without ':port', separated by commas",
    ),
    (
        "members",
        ("a b", "db:0x1", "db:70000", "http://db", "db:", *NO_LIST),
        (
            "host names, each with or without ':port', separated by commas; "
            "one cluster's are parted from the next one's by ';'"
        ),
    ),
    (
        "cluster_id",
        ("a b", "a/b", "x" * 129, "a,b", "h=a,h=b", "=a", "h:5432=a", "h h=a", "h=", *NO_LIST),
        "a name of up to 128 letters, digits, '.', '_' and '-', or 'host=name', …",
    ),
    ("rds_api", ("yes", "", None, 1), "'auto' or 'on' or 'off'"),
    ("straight_connects", ("auto", "", "yes", None, 1), "'on' or 'off'"),
    ("kill_switch", ("observe", "./observe", "~/x", "/a\0b", 1, []), "the absolute path of a file"),
    ("query_spans", ("on", "", "Sum", None, 0), "'off' or 'summary' or 'text'"),
]
WRONG = [(name, value, allowed) for name, values, allowed in INVALID for value in values]
# A blank variable counts as none.
WRONG_TEXTS = [case for case in WRONG if isinstance(case[1], str) and case[1].strip()]


# What counts where the mode cannot be understood.
OBSERVING = Settings(mode=Mode.OBSERVE)


@pytest.fixture
def errors(caplog):
    caplog.set_level(logging.DEBUG, "aurora_otel")
    return lambda: [
        record.getMessage() for record in caplog.records if record.name.startswith("aurora_otel")
    ]


def variable(name):
    return PREFIX + name.upper()


@pytest.mark.parametrize(("name", "value", "expected"), VALID)
def test_a_setting_is_an_argument_or_a_variable(name, value, expected, errors):
    assert getattr(Settings.resolve({name: value}, {}), name) == expected
    assert getattr(Settings.resolve({}, {variable(name): value}), name) == expected
    assert errors() == []


@pytest.mark.parametrize(("name", "value", "expected"), VALID)
def test_the_argument_wins(name, value, expected):
    for other in (v for n, v, e in VALID if n == name and e != expected):
        found = Settings.resolve({name: value}, {variable(name): other})
        assert getattr(found, name) == expected


def test_an_argument_that_is_the_default_wins_too():
    found = Settings.resolve({"mode": "cleanup"}, {"AURORA_OTEL_MODE": "observe"})
    assert found.mode is Mode.CLEANUP


def test_every_setting_is_tried_here():
    assert {name for name, *_ in VALID} == {name for name, *_ in INVALID} == set(NAMES)


def test_without_any_the_defaults_count():
    found = Settings.resolve({}, {})
    assert found == Settings()
    assert (found.mode, found.drivers, found.query_spans) == (Mode.CLEANUP, None, QuerySpans.OFF)
    numbers = (
        found.prune_interval,
        found.refresh_window,
        found.refresh_interval,
        found.refresh_timeout,
        found.identify_timeout,
        found.stuck_after,
    )
    assert numbers == (30, 180, 1, 1, 0.5, 10)


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_argument_raises_an_error_that_says_what_is_allowed(name, value, allowed):
    with pytest.raises(ValueError, match=name) as error:
        Settings.resolve({name: value}, {})
    assert repr(value) in str(error.value)
    assert allowed in str(error.value)


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG_TEXTS)
def test_a_wrong_variable_is_logged_and_the_default_is_used(name, value, allowed, errors):
    found = Settings.resolve({}, {variable(name): value})
    assert found == (OBSERVING if name == "mode" else Settings())
    (message,) = errors()
    assert variable(name) in message
    assert repr(value) in message
    assert allowed in message


def test_a_wrong_variable_is_logged_even_if_an_argument_wins(errors):
    found = Settings.resolve({"mode": "observe"}, {"AURORA_OTEL_MODE": "nonsense"})
    assert found.mode is Mode.OBSERVE
    assert len(errors()) == 1


def test_a_wrong_variable_spoils_no_other():
    environ = {"AURORA_OTEL_MODE": "observe", "AURORA_OTEL_STUCK_AFTER": "never"}
    found = Settings.resolve({}, environ)
    assert (found.mode, found.stuck_after) == (Mode.OBSERVE, 10)


def test_a_mode_under_a_misspelt_name_is_in_doubt_unless_the_mode_is_set_too(errors):
    misspelt = {"AURORA_OTEL_MODES": "observe"}
    assert Settings.resolve({}, misspelt) == OBSERVING
    assert "did you mean AURORA_OTEL_MODE?" in errors()[0]
    for environ in ({**misspelt, MODE: "cleanup"}, {MODE: "cleanup", **misspelt}):
        assert Settings.resolve({}, environ).mode is Mode.CLEANUP


def test_yaml_reads_on_and_off_as_true_and_false():
    found = Settings.resolve({"mode": False, "rds_api": True, "query_spans": False}, {})
    assert (found.mode, found.rds_api, found.query_spans) == (
        Mode.OFF,
        RdsApiUse.ON,
        QuerySpans.OFF,
    )


def test_where_each_setting_was_set_is_known():
    environ = {MODE: " Observe ", "AURORA_OTEL_STUCK_AFTER": "5", "AURORA_OTEL_DRIVERS": "psycopg"}
    found = resolve({"stuck_after": 7, "rds_api": RdsApiUse.ON}, environ)
    argument = "an argument of instrument()"
    assert found.origins == {
        "mode": Origin(MODE, " Observe "),
        "drivers": Origin("AURORA_OTEL_DRIVERS", "psycopg"),
        "stuck_after": Origin(argument, "7"),
        "rds_api": Origin(argument, "on"),
    }
    assert resolve({}, {MODE: "x"}).origins == {
        "mode": Origin(f"{MODE}, which is not valid", "observe")
    }


def test_a_wrong_variable_is_seen_on_stderr_where_no_log_goes_there(capsys, monkeypatch):
    environ = {"AURORA_OTEL_STUCK_AFTER": "never"}
    # As with a handler that exports to OTLP: this one keeps what it is given.
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    Settings.resolve({}, environ)
    assert capsys.readouterr().err.count("AURORA_OTEL_STUCK_AFTER='never' is not valid") == 1
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(sys.stderr)])
    Settings.resolve({}, environ)
    assert capsys.readouterr().err.count("AURORA_OTEL_STUCK_AFTER='never' is not valid") == 1
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    Settings.resolve({}, environ)
    assert capsys.readouterr().err.count("AURORA_OTEL_STUCK_AFTER='never' is not valid") == 1
    logging.getLogger("aurora_otel.settings").setLevel(logging.CRITICAL)
    try:
        Settings.resolve({}, environ)
    finally:
        logging.getLogger("aurora_otel.settings").setLevel(logging.NOTSET)
    assert capsys.readouterr().err.count("AURORA_OTEL_STUCK_AFTER='never' is not valid") == 1


def test_a_configuration_file_that_cannot_be_read_may_say_observe(errors, tmp_path):
    environ = {"OTEL_CONFIG_FILE": str(tmp_path / "none.yaml"), MODE: "cleanup"}
    found = resolve({}, environ)
    assert found.settings == OBSERVING
    assert found.origins["mode"].source == "OTEL_CONFIG_FILE, which is not valid"
    assert Settings.resolve({"mode": "cleanup"}, environ) == Settings()
    assert "OTEL_CONFIG_FILE" in errors()[0]


def test_a_blank_variable_is_none(errors):
    assert Settings.resolve({}, dict.fromkeys(VARIABLES, "  ")) == Settings()
    assert errors() == []


def test_an_unknown_argument_raises_and_says_which_there_are():
    with pytest.raises(ValueError, match="'refresh_windows'") as error:
        Settings.resolve({"refresh_windows": 1}, {})
    assert all(name in str(error.value) for name in NAMES)


def test_an_unknown_variable_is_logged_with_a_guess(errors):
    environ = {"AURORA_OTEL_REFRESH_WINDOWS": "1", "AURORA_OTEL_": "1", "OTEL_MODE": "1"}
    assert Settings.resolve({}, environ) == Settings()
    assert len(errors()) == 2
    assert "did you mean AURORA_OTEL_REFRESH_WINDOW?" in errors()[0]


def test_a_variable_of_the_lab_is_ignored_elsewhere(errors):
    assert Settings.resolve({}, {PROGRAMS: "/usr/lib/postgresql/15/bin"}) == Settings()
    assert errors() == []


def test_arguments_may_be_of_their_own_types():
    found = Settings.resolve(
        {
            "mode": Mode.OBSERVE,
            "drivers": ["psycopg"],
            "prune_interval": 1,
            "instance_endpoints": {"lab-1": "127.0.0.11:5432"},
            "writer_endpoints": ("db.example.com",),
            "cluster_id": {"db.example.com": "orders"},
            "instance_host_template": None,
        },
        {},
    )
    assert found.mode is Mode.OBSERVE
    assert found.drivers == {"psycopg"}
    assert found.instance_endpoints == {"lab-1": LAB_1}
    assert found.cluster_id.of("db.example.com") == "orders"
    assert found.cluster_id.of("other.example.com") is None


def test_the_settings_explain_host_names_together():
    known = Settings.resolve(
        {
            "instance_endpoints": "lab-1=127.0.0.11:5432",
            "writer_endpoints": "db.example.com",
            "instance_host_template": "?.db.example.com",
        },
        {},
    ).endpoints
    assert known.classify("127.0.0.11", 5432).instance == "lab-1"
    assert known.classify("db.example.com", 1).type is EndpointType.WRITER
    assert known.classify("lab-2.db.example.com", 1).instance == "lab-2"


@given(st.dictionaries(st.sampled_from(VARIABLES) | st.text().map(PREFIX.__add__), st.text()))
def test_no_environment_raises(environ):
    logging.disable()
    try:
        assert isinstance(Settings.resolve({}, environ), Settings)
    finally:
        logging.disable(logging.NOTSET)


@given(
    st.sampled_from(NAMES),
    st.text("0123456789:.,=?[]-+eE xnafiµ²٣\x00\n\ud800/_") | st.floats() | st.integers(),
)
def test_an_argument_is_valid_or_a_value_error(name, value):
    try:
        found = Settings.resolve({name: value}, {})
    except ValueError as error:
        assert name in str(error)  # noqa: PT017 - whether it raises is what hypothesis chooses
        return
    assert getattr(found, name) is not None or name in (
        "instance_host_template",
        "drivers",
        "kill_switch",
    )
