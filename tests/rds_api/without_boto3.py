"""An application that lives through a failover; prints which AWS modules it has then, as JSON.

Run by the tests in a process of its own: `python without_boto3.py DSN`. A line on standard input
says that the cluster has failed over.
"""

from __future__ import annotations

import json
import sys
import time

import psycopg

import aurora_otel


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


aurora_otel.AuroraInstrumentor().instrument()
connection = psycopg.connect(sys.argv[1], autocommit=True)
connection.execute("INSERT INTO writes (x) VALUES ('before')")
write("ready")
sys.stdin.readline()
try:
    connection.execute("INSERT INTO writes (x) VALUES ('after')")
except psycopg.Error as error:
    write(type(error).__name__)
time.sleep(0.2)
(cluster,) = aurora_otel.snapshot().clusters
modules = sorted({"boto3", "botocore"} & set(sys.modules))
write(json.dumps({"failovers": cluster.failovers, "modules": modules}))
