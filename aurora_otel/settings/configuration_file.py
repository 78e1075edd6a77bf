"""What OpenTelemetry's configuration file says of this instrumentation.

The file (`OTEL_CONFIG_FILE`) is read by the package opentelemetry-configuration, which calls
`instrument()` with what stands under `instrumentation/development.python.aurora`. That call may be
neither the first nor the last, and does not take place where the file says `enabled: false`: so the
file is read here as well.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import Any

FILE = "OTEL_CONFIG_FILE"
ENABLED = "enabled"
# The entry point in the group `opentelemetry_instrumentor`.
_NAME = "aurora"
_READER = "opentelemetry.configuration"


class UnreadableError(Exception):
    """The file cannot be read; the message says what is needed.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: str, needed: str) -> None:
        super().__init__(needed)
        self.path = path


def options(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what the file of `environ` says of this instrumentation; nothing if there is none.

    Raises:
        UnreadableError: there is one, and it cannot be read.
    """
    path = environ.get(FILE, "").strip()
    return _read(path) if path else {}


# Once for each file: what it says counts from the start of the process to its end.
@functools.lru_cache(maxsize=8)
def _read(path: str) -> Mapping[str, Any]:
    try:
        reader = importlib.import_module(_READER)
    except ImportError:
        needed = "what the package opentelemetry-configuration reads, which is not installed"
        raise UnreadableError(path, needed) from None
    try:
        section = reader.load_config_file(path).instrumentation_development
        python = getattr(section, "python", None) or {}
        return dict(python.get(_NAME) or {})
    except Exception:  # noqa: BLE001 - of its kinds of errors none is promised, and texts may quote
        raise UnreadableError(path, "a file of OpenTelemetry's configuration schema") from None
