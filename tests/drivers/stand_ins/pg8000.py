"""pg8000's DB-API."""

from pg8000.dbapi import Error, connect

__all__ = ["Error", "connect"]
