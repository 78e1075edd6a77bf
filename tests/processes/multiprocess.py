"""A program that starts processes with `multiprocessing`, in the way that its argument names."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys

import psycopg

import aurora_otel
from aurora_otel.instrumentor import running_agent

DSN = os.environ["PROCESS_DSN"]
# At import: a spawned process imports its parent's main module again, and a forkserver's does, too.
aurora_otel.AuroraInstrumentor().instrument()


def tracked():
    return sum(cluster.connections for cluster in aurora_otel.snapshot().clusters)


def opens():
    return sum(running_agent().observations().get("aurora.connection.opens", {}).values())


def child(answers):
    before = tracked()
    with psycopg.connect(DSN) as connection:
        connection.execute("SELECT 1")
        answers.put({"before": before, "after": tracked(), "opens": opens()})


def main(method):
    held = psycopg.connect(DSN, autocommit=True)
    context = multiprocessing.get_context(method)
    answers = context.SimpleQueue()
    processes = [context.Process(target=child, args=(answers,)) for _ in range(3)]
    for process in processes:
        process.start()
    answered = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    works = held.execute("SELECT 1").fetchone() == (1,)
    parent = {"tracked": tracked(), "opens": opens(), "works": works}
    sys.stdout.write(json.dumps({"children": answered, "parent": parent}))


if __name__ == "__main__":
    main(sys.argv[1])
