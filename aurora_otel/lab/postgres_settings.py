"""The configuration of the lab's PostgreSQL servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Durability is worth nothing here and speed is; a lab runs on a laptop beside its other work.
_SETTINGS = {
    "client_min_messages": "warning",
    "dynamic_shared_memory_type": "mmap",  # killed servers leave no segment in /dev/shm
    "fsync": "off",
    "full_page_writes": "on",  # pg_rewind needs it, as wal_log_hints
    "hot_standby_feedback": "on",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "max_connections": "300",
    "max_wal_senders": "10",
    "max_wal_size": "256MB",
    "password_encryption": "scram-sha-256",
    "recovery_target_timeline": "latest",
    "shared_buffers": "16MB",
    "timezone": "UTC",
    "unix_socket_directories": "",  # two servers with one port number would share it
    "wal_keep_size": "128MB",
    "wal_level": "replica",
    "wal_log_hints": "on",
    "wal_retrieve_retry_interval": "100ms",
    "wal_sender_timeout": "10s",
    "wal_receiver_timeout": "10s",
}


def render(settings: Mapping[str, str]) -> str:
    """Return a configuration file: what all servers have in common, and these settings."""
    both = {**_SETTINGS, **settings}
    return "".join(f"{name} = '{_quoted(value)}'\n" for name, value in both.items())


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
