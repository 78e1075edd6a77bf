"""The drivers of the MySQL family: each is one description, and runs through what is common."""

from tests.behaviour.mysql_drivers.description import Driver
from tests.behaviour.mysql_drivers.mariadb import MARIADB
from tests.behaviour.mysql_drivers.mysql_connector import PURE, C
from tests.behaviour.mysql_drivers.mysqlclient import MYSQLCLIENT
from tests.behaviour.mysql_drivers.pymysql import PYMYSQL

DRIVERS = (PYMYSQL, MYSQLCLIENT, PURE, C, MARIADB)

__all__ = ["DRIVERS", "MARIADB", "MYSQLCLIENT", "PURE", "PYMYSQL", "C", "Driver"]
