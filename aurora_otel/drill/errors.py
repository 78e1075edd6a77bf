"""What ends a drill."""

from __future__ import annotations


class RefusedError(Exception):
    """The drill does not fail the cluster over; the message says why and what to do."""


class NoFailoverError(Exception):
    """The failover was asked for and did not take place in time; the message says what is known."""
