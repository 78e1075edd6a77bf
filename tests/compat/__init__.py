"""The drivers' and frameworks' own test suites, without us and with us: `make compat`."""
