"""OpenTelemetry observability and failover clean-up for Python applications on Amazon Aurora."""

from aurora_otel.version import __version__

__all__ = ["__version__"]
