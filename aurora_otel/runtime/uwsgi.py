"""uWSGI's master, which forks its workers without asking the interpreter.

It does not hold the interpreter's lock (GIL) when it forks. A worker whose master had another
thread run Python code at that moment waits for ever: that thread, which had the lock, is not there.
"""

from __future__ import annotations

import sys


def is_master() -> bool:
    """Return whether this process is uWSGI's master, or is about to become it or a worker.

    No thread is to run in there that is not needed at once. Without a master, the process that
    loads the application is a worker itself after that, and forks the others before.
    """
    # uWSGI's own module, which it alone has; of the application's, anything is possible.
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None:
        return False
    try:
        return not (uwsgi.worker_id() or uwsgi.mule_id() or uwsgi.i_am_the_spooler())
    except Exception:  # noqa: BLE001 - as above
        return False
