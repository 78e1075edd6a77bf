# ruff: noqa: INP001 - on the path alone: the suites have a package `tests` of their own
"""Settings for Django's own tests."""

import os
import sys

if os.environ["COMPAT_DRIVER"] == "psycopg2":
    # Django prefers psycopg 3 where it is installed.
    sys.modules["psycopg"] = None

DATABASES = {
    alias: {
        "ENGINE": os.environ["COMPAT_ENGINE"],
        "HOST": os.environ["COMPAT_HOST"],
        "PORT": os.environ["COMPAT_PORT"],
        "USER": os.environ["COMPAT_USER"],
        "PASSWORD": os.environ["COMPAT_PASSWORD"],
        "NAME": f"django_{alias}",
    }
    for alias in ("default", "other")
}
SECRET_KEY = "of no use"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "compat_django_runner.Runner"
