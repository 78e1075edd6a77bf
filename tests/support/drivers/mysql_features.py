"""What applications do with each driver of the MySQL family."""

from tests.support.drivers.features import Features
from tests.support.drivers.mariadb_features import MARIADB
from tests.support.drivers.mysql_connector_features import PURE, C
from tests.support.drivers.mysqlclient_features import MYSQLCLIENT
from tests.support.drivers.pymysql_features import PYMYSQL

DRIVERS = (PYMYSQL, MYSQLCLIENT, PURE, C, MARIADB)

__all__ = ["DRIVERS", "MARIADB", "MYSQLCLIENT", "PURE", "PYMYSQL", "C", "Features"]
