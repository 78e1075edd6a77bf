"""A Celery application whose parent has connected before its workers are forked."""

from __future__ import annotations

import os
import time

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

from tests.processes import service
from tests.processes.queues import folders

QUEUE = os.environ["PROCESS_QUEUE"]
app = Celery(
    "tests.processes.celery_tasks", broker="filesystem://", backend=f"file://{QUEUE}/results"
)
app.conf.update(broker_transport_options=folders(QUEUE), worker_hijack_root_logger=False)


@app.task
def carry_out(request):
    return service.carry_out(request)


@app.task(soft_time_limit=1)
def write_until_the_limit():
    """Have the limit strike in the middle of whatever the agent does."""
    try:
        while True:
            service.connect()
            service.own.pop().close()
    except SoftTimeLimitExceeded:
        time.sleep(0)
        return {**service.carry_out("connect"), "limit": True}
