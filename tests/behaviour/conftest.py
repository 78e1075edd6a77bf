"""What the tests of behaviour share."""

from __future__ import annotations

import psycopg
import psycopg2
import pytest


@pytest.fixture
def module(driver: str):
    """The driver's module."""
    return {"psycopg": psycopg, "psycopg2": psycopg2}[driver]
