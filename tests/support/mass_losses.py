"""What the agent takes its doubts for."""

from aurora_otel.model.pace import LoginPace


def doubts_of(monkeypatch):
    """Return a list: of each doubt, whether it is for a mass loss, and of how many processes."""
    doubts, doubt = [], LoginPace.doubt

    def note(pace, now, *, is_mass, processes):
        if not pace.goes_on(now):
            doubts.append((is_mass, processes))
        doubt(pace, now, is_mass=is_mass, processes=processes)

    monkeypatch.setattr(LoginPace, "doubt", note)
    return doubts
