"""Flask and SQLAlchemy's pool, served by gunicorn's threads."""

import os

import psycopg
import sqlalchemy
from flask import Flask

engine = sqlalchemy.create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(os.environ["DATABASE_URL"])
)
application = Flask(__name__)


@application.post("/writes")
def write() -> str:
    """Write a row."""
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO writes (x) VALUES ('flask')"))
    return "written\n"
