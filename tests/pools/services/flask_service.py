"""A Flask service on an engine of SQLAlchemy's, as gunicorn serves it."""

import json
import os

import sqlalchemy
from flask import Flask

place = json.loads(os.environ["SERVICE_DATABASE"])
url = sqlalchemy.URL.create(
    "postgresql+psycopg",
    username=place["user"],
    password=place["password"],
    host=place["host"],
    port=place["port"],
    database=place["database"],
    query={"hostaddr": place["ip"], "sslmode": "disable", "connect_timeout": "2"},
)
engine = sqlalchemy.create_engine(url)
application = Flask(__name__)


@application.get("/write")
def write():
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO writes (x) VALUES ('flask')"))
    return "written"
