"""What a call does first, while its cluster's state is in doubt."""

from __future__ import annotations

from aurora_otel.hooks.reidentification import Reidentification
from aurora_otel.runtime.effects import Steps
from aurora_otel.tracking.track import Track


class BeforeCalls:
    """Has calls wait for a refresh that is due.

    Args:
        reidentification: asks connections whose instance is unknown.
    """

    def __init__(self, reidentification: Reidentification) -> None:
        self._reidentification = reidentification

    def prepare(self, track: Track) -> Steps[None]:
        """Identify the connection, if its instance is unknown; refresh, if that is due."""
        yield from self._reidentification.identify(track)
        if refreshed := track.cluster.monitor.refresh_if_due(wait=True):
            yield refreshed
