"""Checks that the configured service answers: python -m service.health, for containers.

It gives an exit code and one line. It checks no certificate and sends no token: /healthz needs none
and tells no secrets.
"""

import http.client
import ssl
import sys
from http import HTTPStatus

from index.base.errors import PersonCountError
from index.base.settings import Settings, load_settings

SECONDS = 5.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - values of the setting host


def check(settings: Settings) -> str | None:
    """A sentence that says what is wrong, or None."""
    host = EVERYWHERE.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=SECONDS)
    if settings.tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            host, settings.port, timeout=SECONDS, context=context
        )
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from {host} port {settings.port}: {error}"
    finally:
        connection.close()
    return None if status == HTTPStatus.OK else f"the answer is {status}"


def main() -> int:
    """Check, print the result, and return the exit code."""
    try:
        wrong = check(load_settings())
    except PersonCountError as error:
        wrong = str(error)
    print(wrong or "healthy")  # noqa: T201 - docker inspect shows it
    return int(wrong is not None)


if __name__ == "__main__":
    sys.exit(main())
