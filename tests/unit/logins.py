"""Logins of one cluster, by a driver that fails as a test says."""

import contextlib

from aurora_otel.discovery.source import LoginNotAllowedError
from aurora_otel.discovery.targets import Target
from aurora_otel.drivers.connects import Login, LoginFailure
from aurora_otel.model.endpoints import Address, EndpointMap
from aurora_otel.model.pace import LoginPace
from aurora_otel.monitoring.access import Access, ClusterAccess

A, B, C = (Target(name, Address(name, 5432)) for name in "abc")
ENDPOINT = EndpointMap().classify("db", 5432)


class LoginError(Exception):
    """A connect that failed at the login, in one way or another."""


class FakeDriver:
    """Its logins are (database, password); what each leads to is written down beforehand."""

    def __init__(self):
        self.attempts = []
        self.failures = {}  # by login, or by login and address

    def monitor(self, login, address, timeout):
        assert timeout > 0
        self.attempts.append((login.parameters, address and address.host))
        failure = self.failures.get(login.parameters)
        failure = self.failures.get((*login.parameters, address), failure)
        if isinstance(failure, LoginFailure):
            raise LoginError(failure)
        if failure:
            raise failure
        return login.parameters

    def login_failure(self, error):
        return error.args[0] if isinstance(error, LoginError) else None

    def password(self, login):
        return login.parameters[1]

    def with_password(self, login, password):
        return Login((login.parameters[0], password))


class Logins:
    """The logins of one cluster, and the attempts to log in."""

    def __init__(self):
        self.driver = FakeDriver()
        self.now = 100.0
        self.signed = []
        self.access = ClusterAccess(self.sign, lambda: self.now, LoginPace(lambda: 0.5))

    def sign(self, token, signing_target):
        self.signed.append(signing_target)

    def works(self, database, password="secret", endpoint=ENDPOINT):
        """Note that the application has connected by this login."""
        self.access.note(Access(self.driver, Login((database, password)), endpoint))

    def fails(self, failure, database, password="secret", at=None):
        key = (database, password)
        self.driver.failures[(*key, at.address) if at else key] = failure

    def connect(self, target=A):
        return self.access.connect(target, 1.0)

    def attempts(self, target=A):
        """Return the logins that one connect tries."""
        self.driver.attempts.clear()
        with contextlib.suppress(LoginError, LoginNotAllowedError):
            self.connect(target)
        return [login for login, _ in self.driver.attempts]
