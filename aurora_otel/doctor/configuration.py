"""The agent's settings in the environment and the configuration file: which of them count."""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.doctor.findings import Finding, Findings, failure, ok
from aurora_otel.settings import PREFIX, BadSetting, resolve


def findings(environ: Mapping[str, str]) -> Findings:
    """Check every setting that is set outside the application, and report which source counts."""
    found = resolve({}, environ)
    if not found.origins and not found.bad:
        yield ok("settings", "every setting has its default")
    for bad in sorted(found.bad, key=lambda each: each.name):
        yield _bad(bad)
    for name, origin in sorted(found.origins.items()):
        yield ok("settings", _counts(name, origin.text, origin.source))


def _counts(name: str, text: str, source: str) -> str:
    variable = PREFIX + name.upper()
    if source == variable:
        return f"{variable} = {text}"
    return f"{name} = {text}, by {source}"


def _bad(bad: BadSetting) -> Finding:
    # The value stays out: by mistake, a whole DSN may have been put into it.
    if bad.allowed is None:
        remedy = (
            f"Rename it to {bad.near}." if bad.near else "Take it out: no setting is called so."
        )
        return failure("settings", f"{bad.name} is not a setting, and is ignored", remedy)
    return failure(
        "settings",
        f"{bad.name} has a value that is not allowed; {bad.consequence}",
        f"Set it to {bad.allowed}.",
    )
