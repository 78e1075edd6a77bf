"""pandas on SQLAlchemy's pool: a frame is written for each line of input."""

import os
import sys

import pandas as pd
import psycopg
import sqlalchemy

engine = sqlalchemy.create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(os.environ["DATABASE_URL"])
)
frame = pd.DataFrame({"x": ["pandas", "pandas"]})

for _ in sys.stdin:
    try:
        with engine.begin() as connection:
            frame.to_sql("writes", connection, if_exists="append", index=False)
        answer = "written"
    except (pd.errors.DatabaseError, sqlalchemy.exc.DBAPIError) as error:
        answer = type(error).__name__
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()
