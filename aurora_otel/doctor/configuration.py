"""The agent's settings in the environment: which of them count."""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.doctor.findings import Finding, Findings, failure, ok
from aurora_otel.settings import PREFIX, BadVariable, refused_variables


def findings(environ: Mapping[str, str]) -> Findings:
    """Check every variable `AURORA_OTEL_…`."""
    refused = {variable.name: variable for variable in refused_variables(environ)}
    given = [name for name, value in environ.items() if name.startswith(PREFIX) and value.strip()]
    if not given:
        yield ok("settings", "every setting has its default")
    for name in sorted(given):
        if bad := refused.get(name):
            yield _refused(bad)
        else:
            yield ok("settings", f"{name} = {environ[name]}")


def _refused(bad: BadVariable) -> Finding:
    # The value stays out: by mistake, a whole DSN may have been put into it.
    if bad.allowed is None:
        remedy = (
            f"Rename it to {bad.near}." if bad.near else "Take it out: no setting is called so."
        )
        return failure("settings", f"{bad.name} is no setting, and is ignored", remedy)
    return failure(
        "settings",
        f"{bad.name} has a value that is not allowed; the default is used: {bad.default}",
        f"Set it to {bad.allowed}.",
    )
