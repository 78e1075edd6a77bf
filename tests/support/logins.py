"""Logins, as the servers have logged them."""

from __future__ import annotations

from tests.support.labs import configure


class Logins:
    """What the servers have logged since the last `reset`."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._read = {}
        self.reset()

    def _lines(self, instance):
        return self._cluster.log(instance).read_text(errors="replace").splitlines()

    def reset(self):
        self._read = {name: len(self._lines(name)) for name in self._cluster.instances}

    def count(self, *words):
        """Return the number of lines with all of these words, by instance."""
        return {
            name: sum(all(word in line for word in words) for line in self._lines(name)[read:])
            for name, read in self._read.items()
        }

    def of_our_own(self):
        return self.count("connection authorized: user=app ", "application_name=aurora-otel")

    def of_the_application(self):
        every, ours = self.count("connection authorized: user=app "), self.of_our_own()
        return {name: every[name] - ours[name] for name in every}


def logged(cluster):
    """Have the servers log logins from now on; return what counts them."""
    configure(cluster, "ALTER SYSTEM SET log_connections = on", "log_connections", "on")
    return Logins(cluster)
