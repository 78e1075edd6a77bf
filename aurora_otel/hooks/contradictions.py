"""Does what a connection's instance said go with what is known of its cluster?"""

from __future__ import annotations

from aurora_otel.discovery.source import hears_all
from aurora_otel.hooks.identification import Identity
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Role
from aurora_otel.monitoring.requests import Heard
from aurora_otel.runtime.effects import Steps
from aurora_otel.tracking.cluster import Cluster


def check_answer(
    cluster: Cluster, identity: Identity, began: float, *, is_reported: bool = False
) -> Steps[None]:
    """Refresh, if what an instance said is not what is known; wait for the answer.

    Args:
        cluster: of the connection.
        identity: where it landed.
        began: when it was opened or asked, in seconds of the monotonic clock.
        is_reported: whether a symptom of it was reported already.
    """
    answer, monitor = identity.answer, cluster.monitor
    if answer is None:
        return
    if cluster.detector.writer is None:
        monitor.find_writer()
    if answer.role is Role.READER:
        cluster.detector.note_answers((answer.instance,))
    heard = Heard(answer, began, identity.peer) if answer.is_writer and _settles(identity) else None
    contradicts = cluster.detector.contradicts(
        answer.instance, answer.role
    ) and not cluster.is_rival(answer.instance, began)
    if contradicts and not is_reported:
        hint = answer.instance if answer.is_writer and heard is None else None
        if answer.view and answer.role is Role.READER:
            hint = answer.view.writer
        suspect = answer.instance
        yield monitor.symptom(Symptom.TOPOLOGY, suspect=suspect, hint=hint, heard=heard)
    elif heard is not None and monitor.wants_to_hear:
        yield monitor.hear(heard)


def _settles(identity: Identity) -> bool:
    """Return whether one instance's claim is enough, where no other one can be asked."""
    return identity.source is not None and not hears_all(identity.source)
