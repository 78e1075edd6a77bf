"""The questions, each in a file of its own with its targets."""

from __future__ import annotations

from benchmarks.questions import (
    calls,
    checkouts,
    connects,
    failover,
    fleet,
    footprint,
    growth,
    idle,
    idle_cleanup,
    late_dns,
    loops,
    memory,
    profiles,
    scrape,
    startup,
    stuck,
    threads,
    tracking,
)

# In the order of the report.
QUESTIONS = {
    "calls": calls,
    "loops": loops,
    "connect": connects,
    "checkout": checkouts,
    "profile": profiles,
    "memory": memory,
    "tracked": tracking,
    "threads": threads,
    "growth": growth,
    "invalidating": idle_cleanup,
    "stuck": stuck,
    "failover": failover,
    "late-dns": late_dns,
    "fleet": fleet,
    "scrape": scrape,
    "startup": startup,
    "footprint": footprint,
    "idle": idle,
}
