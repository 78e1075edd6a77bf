"""The options of the lab's MariaDB servers."""

from __future__ import annotations

# Durability is worth nothing here and speed is; a lab runs on a laptop beside its other work.
_ALWAYS = {
    "aria-pagecache-buffer-size": "1M",
    "character-set-server": "utf8mb4",
    "default-time-zone": "+00:00",
    "innodb-buffer-pool-size": "16M",
    "innodb-doublewrite": "0",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-flush-method": "nosync",
    "innodb-log-file-size": "8M",
    "innodb-use-native-aio": "0",  # containers often forbid it
    "key-buffer-size": "64K",
    "skip-name-resolve": "1",
    "skip-ssl": "1",  # the gateway has to read what passes
}
# Of the performance schema, the sessions' attributes alone are wanted.
_PERFORMANCE_SCHEMA = {
    f"performance-schema-{name}": value
    for name, value in {
        "accounts-size": "0",
        "digests-size": "0",
        "events-statements-history-long-size": "0",
        "events-waits-history-long-size": "0",
        "hosts-size": "0",
        "max-cond-classes": "0",
        "max-file-classes": "0",
        "max-memory-classes": "0",
        "max-mutex-classes": "0",
        "max-rwlock-classes": "0",
        "max-socket-classes": "0",
        "max-stage-classes": "0",
        "max-statement-classes": "0",
        "max-table-instances": "0",
        "max-thread-instances": "400",
        "session-connect-attrs-size": "512",
        "users-size": "0",
    }.items()
}
_RUNNING = {
    **_PERFORMANCE_SCHEMA,
    "binlog-format": "ROW",
    "gtid-strict-mode": "1",
    "log-bin": "binlog",
    "log-slave-updates": "1",
    "max-connections": "300",
    "performance-schema": "1",
    "slave-net-timeout": "10",
    "socket": "",  # two servers with one port number would share it
    "sync-binlog": "0",
}


def bootstrap(data: str) -> list[str]:
    """Return the options that make a new data directory."""
    # A starting server removes what it takes for another's left-over temporary tables.
    return _options({**_ALWAYS, "datadir": data, "skip-log-bin": "1", "tmpdir": data})


def running(settings: dict[str, str]) -> list[str]:
    """Return a server's options: what all servers have in common, and these settings."""
    return _options({**_ALWAYS, **_RUNNING, **settings})


def _options(settings: dict[str, str]) -> list[str]:
    return ["--no-defaults", *(f"--{name}={value}" for name, value in settings.items())]
