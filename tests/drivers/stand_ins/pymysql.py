"""PyMySQL's DB-API."""

from pymysql import Error, connect

__all__ = ["Error", "connect"]
