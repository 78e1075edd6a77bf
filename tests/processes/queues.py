"""Where Celery's messages are, instead of a broker: a worker and its client are to agree."""

from __future__ import annotations


def folders(queue):
    """The options of a transport whose messages are files below `queue`."""
    return {
        "data_folder_in": f"{queue}/messages",
        "data_folder_out": f"{queue}/messages",
        "control_folder": f"{queue}/control",
    }
