"""A Celery worker: each of its processes keeps a connection from task to task."""

import os

import psycopg
from celery import Celery

# The broker and the place of the results: CELERY_BROKER_URL, CELERY_RESULT_BACKEND.
application = Celery("celery_tasks")
connections: list[psycopg.Connection] = []


@application.task(name="write")
def write() -> str:
    """Write a row; forget a connection that is lost, so that the next task opens another."""
    if not connections:
        connections.append(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True))
    try:
        connections[0].execute("INSERT INTO writes (x) VALUES ('celery')")
    except psycopg.OperationalError:
        connections.clear()
        raise
    return "written"
