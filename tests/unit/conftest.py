"""Tests of the pure core: no server, no network, no waiting."""

from hypothesis import settings

# The machine decides how long an example takes; the core's promises are not about that.
settings.register_profile("core", deadline=None)
settings.load_profile("core")
