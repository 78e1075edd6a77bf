"""Django with persistent connections, in one file."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from psycopg.conninfo import conninfo_to_dict

place = conninfo_to_dict(os.environ["DATABASE_URL"])
settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": place.pop("host"),
            "PORT": place.pop("port"),
            "NAME": place.pop("dbname"),
            "USER": place.pop("user"),
            "PASSWORD": place.pop("password"),
            "OPTIONS": place,
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": True,
        }
    },
)


def write(_: HttpRequest) -> HttpResponse:
    """Write a row."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO writes (x) VALUES ('django')")
    return HttpResponse("written\n")


urlpatterns = [path("writes", write)]
application = get_wsgi_application()
