"""When the end of a session has come through to its client.

The lab's endpoints are behind a proxy. A call that is sent after the server has ended the session,
and before the proxy passes that on, is answered by a reset: another error than that of a session
which was seen to end.
"""

from __future__ import annotations

from typing import Any

from aurora_otel.drivers.marks import track_of
from aurora_otel.runtime import sockets
from tests.support.waiting import eventually


def await_hang_up(connection: Any) -> None:
    """Wait until the socket of a tracked connection, whose session was ended, shows that.

    Rows that are not read keep the proxy from passing it on.
    """
    track = track_of(getattr(connection, "plain", connection))
    sock = track.socket if track else None
    if sock is not None:
        # An event loop closes it as soon as it sees that.
        eventually(lambda: sockets.is_gone(sock) or sockets.has_hung_up(sock))
