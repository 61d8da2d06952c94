"""pictures: the hidden command that makes pictures of faces for the service."""

import os
import signal
import sys


def pictures() -> None:
    """Make pictures of faces for the service that started this; it talks over pipes.

    Example: person-count pictures
    """
    from index.base.logs import configure_logging, log_the_rest
    from ingest.decoding.picture_process import serve_pictures

    configure_logging(verbose=False)
    log_the_rest()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the service, which ends us
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries' prints must not be answers
    serve_pictures(sys.stdin.buffer, answers)
