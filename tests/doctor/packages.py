"""Packages that are installed for one process alone, by its PYTHONPATH."""

from __future__ import annotations

from pathlib import Path


def package(place: Path, name: str, source: str, *, instrumentor: str | None = None) -> None:
    """Put a package, and if wanted an OpenTelemetry instrumentor of it, into `place`."""
    (place / f"{name}.py").write_text(source)
    information = place / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if instrumentor is not None:
        (information / "entry_points.txt").write_text(
            f"[opentelemetry_instrumentor]\n{name} = {instrumentor}\n"
        )
