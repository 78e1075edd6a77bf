def pytest_configure(config):
    config.addinivalue_line("markers", "demo: runs the whole demo, which takes about half a minute")
