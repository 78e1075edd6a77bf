"""Every way of talking to a server that an application has, for each driver."""

import contextlib

import psycopg
import psycopg2.extras
from psycopg import sql
from psycopg2 import extensions
from psycopg2 import sql as sql2

INSERT = "INSERT INTO writes (x) VALUES (%s)"


class OurCursor(psycopg.Cursor):
    pass


class OurConnection(psycopg.Connection):
    pass


class OurConnection2(extensions.connection):
    pass


class OurCursor2(extensions.cursor):
    pass


def _execute(connection, statement="SELECT 1", *parameters):
    cursor = connection.cursor()
    cursor.execute(statement, *parameters)
    return cursor.fetchall() if cursor.description else None


def _fail(connection, error):
    with contextlib.suppress(error):
        _execute(connection, "SELECT 1/0")
    connection.rollback()


def _psycopg_calls(dsn):
    with psycopg.connect(dsn) as connection:
        _execute(connection)
        _execute(connection, "SELECT %s", (1,))
        _execute(connection, b"SELECT 1")
        _execute(connection, "/* why */ SELECT 1")
        _execute(connection, sql.SQL("SELECT {}").format(2))
        _execute(connection, INSERT, ("composition",))
        connection.commit()
        connection.cursor().executemany(INSERT, [("a",), ("b",)])
        _fail(connection, psycopg.Error)
        connection.execute("SELECT 3")
        with connection.transaction():
            _execute(connection, "SELECT 4")
        with connection.cursor("named") as named:
            named.execute("SELECT generate_series(1, 10)")
            named.fetchall()
        with connection.cursor(row_factory=psycopg.rows.dict_row) as rows:
            rows.execute("SELECT 5")
        with connection.cursor(binary=True) as cursor, cursor.copy("COPY writes TO STDOUT") as copy:
            list(copy)
        list(connection.cursor().stream("SELECT 6"))
    with psycopg.connect(dsn) as connection, connection.pipeline():
        _execute(connection, "SELECT 7")
    with psycopg.connect(dsn, cursor_factory=OurCursor, autocommit=True) as connection:
        assert isinstance(connection.cursor(), OurCursor)
        _execute(connection)
    with OurConnection.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
        # Upstream's wrapper of the class method forgets the subclass: it is none with it alone.
        _execute(connection)
    with psycopg.connect(dsn) as connection:
        connection.cursor_factory = psycopg.ClientCursor
        _execute(connection)


def _psycopg2_calls(dsn):
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection:
        _execute(connection)
        _execute(connection, "SELECT %s", (1,))
        _execute(connection, sql2.SQL("SELECT {}").format(sql2.Literal(2)))
        _execute(connection, INSERT, ("composition",))
        connection.commit()
        connection.cursor().executemany(INSERT, [("a",), ("b",)])
        connection.cursor().callproc("pg_backend_pid")
        _fail(connection, psycopg2.Error)
        with connection.cursor("named") as named:
            named.execute("SELECT generate_series(1, 10)")
            named.fetchall()
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute("SELECT 5")
        with connection.cursor() as cursor, open("/dev/null", "w") as sink:  # noqa: PTH123 - a file
            cursor.copy_expert("COPY writes TO STDOUT", sink)
            cursor.copy_to(sink, "writes")
        with connection.cursor() as cursor:
            insert = "INSERT INTO writes (x) VALUES %s"
            psycopg2.extras.execute_values(cursor, insert, [("v",)] * 250)
            psycopg2.extras.execute_batch(cursor, INSERT, [("b",)] * 250)
        psycopg2.extras.register_default_jsonb(connection)
        connection.commit()
        connection.set_session(readonly=False)
    for factories in (
        {"cursor_factory": OurCursor2},
        {"connection_factory": OurConnection2},
        {"connection_factory": psycopg2.extras.DictConnection},
        {"cursor_factory": psycopg2.extras.NamedTupleCursor, "connection_factory": OurConnection2},
    ):
        with contextlib.closing(psycopg2.connect(dsn, **factories)) as connection:
            connection.autocommit = True
            kind = factories.get("connection_factory", extensions.connection)
            assert isinstance(connection, kind)
            kind = factories.get("cursor_factory", extensions.cursor)
            assert isinstance(connection.cursor(), kind)
            _execute(connection)


CALLS = {"psycopg": _psycopg_calls, "psycopg2": _psycopg2_calls}
