"""A Django project with persistent connections, in one file, as gunicorn serves it."""

import json
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import path

place = json.loads(os.environ["SERVICE_DATABASE"])
settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    USE_TZ=False,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": place["host"],
            "PORT": place["port"],
            "NAME": place["database"],
            "USER": place["user"],
            "PASSWORD": place["password"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {"hostaddr": place["ip"], "sslmode": "disable", "connect_timeout": 2},
        }
    },
)


def write(_):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO writes (x) VALUES ('django')")
    return HttpResponse("written")


urlpatterns = [path("write", write)]
application = get_wsgi_application()
