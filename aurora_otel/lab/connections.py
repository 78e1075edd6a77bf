"""TCP connections as the kernel sees them, for servers that cannot be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import LabError

if TYPE_CHECKING:
    from collections.abc import Collection

try:
    import psutil
except ImportError as error:
    raise LabError("the lab needs psutil: pip install 'aurora-otel[demo]'") from error


def established(address: tuple[str, int], *, but_from: Collection[int] = ()) -> int:
    """Counts the server's side of established connections to `address`.

    Args:
        address: IP address and port of the server.
        but_from: processes whose connections do not count: the other servers of the lab.
    """
    found = [
        item
        for item in psutil.net_connections("tcp4")
        if item.status == psutil.CONN_ESTABLISHED and item.laddr and item.raddr
    ]
    ours = {tuple(item.laddr) for item in found if item.pid in but_from}
    return sum(
        1 for item in found if tuple(item.laddr) == address and tuple(item.raddr) not in ours
    )
