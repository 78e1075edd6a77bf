"""The mark on a connection: by it the hooks find its track."""

from __future__ import annotations

import weakref
from typing import Any

from aurora_otel.tracking.track import Track

# The attribute of a connection object that holds its track.
ATTRIBUTE = "_aurora_otel"


def track_of(connection: Any) -> Track | None:
    """Return the track that a driver's file has put on `connection`."""
    track = getattr(connection, ATTRIBUTE, None)
    if isinstance(track, Track):
        return track
    # A C type may take no attribute; but a track is a weak reference to its connection.
    found = (each for each in weakref.getweakrefs(connection) if isinstance(each, Track))
    return next(found, None)


def unmark(connection: Any) -> Track | None:
    """Make the hooks find no track on `connection` from here on; return the one that was there."""
    track: Track | None = vars(connection).pop(ATTRIBUTE, None)
    return track
