"""Our own connections log in as the application does, or with another password."""

from __future__ import annotations

from aurora_otel.drivers.connects import LoginFailure
from aurora_otel.model.endpoints import Address
from tests.support.sql import attempt

# As long as an RDS IAM token, and with all that can stand in one.
TOKEN = "lab.c0ffee.eu-west-1.rds.amazonaws.com:5432/?Action=connect&X=a%2F'b\\ " + "x" * 1000


def test_a_login_is_given_another_password_and_keeps_the_rest(agent, cluster, connect):
    connection = connect("writer")
    (monitor,) = (each.monitor for each in agent.internals.clusters)
    driver, login = monitor.access.driver, monitor.access.login
    instance = Address(*cluster.address(cluster.writer))
    assert driver.password(login) == cluster.password

    signed = driver.with_password(login, TOKEN)
    assert driver.password(signed) == TOKEN
    refusal = attempt(lambda: driver.monitor(signed, instance, 5))
    assert refusal is not None
    assert driver.login_failure(refusal) is LoginFailure.REFUSED

    driver.monitor(driver.with_password(signed, cluster.password), instance, 5).close()
    assert driver.password(login) == cluster.password
    connection.close()


def test_a_login_is_kept_once_however_often_the_application_connects(agent, connect):
    connections = [connect("writer") for _ in range(3)]
    (monitor,) = (each.monitor for each in agent.internals.clusters)
    assert len(monitor.logins) == 1
    for connection in connections:
        connection.close()
