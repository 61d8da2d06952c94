"""watch: ingests without serving."""

import os
import threading
from typing import Annotated

import typer

from commands.console import Config, stop_on_signals

PARENT_POLL_SECONDS = 0.5


def watch(
    config: Config = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Only ingest: watch the folders and index what arrives.

    Example: person-count watch --config config.yaml
    """
    from index.base.logs import configure_logging, log_the_rest
    from index.base.settings import load_settings
    from ingest.jobs.process import run_ingest

    settings = load_settings(config)
    configure_logging(verbose=True)
    log_the_rest()
    stop = stop_on_signals()
    if parent is not None:
        threading.Thread(target=_follow_parent, args=(parent, stop), daemon=True).start()
    run_ingest(settings, stop)


def _follow_parent(parent: int, stop: threading.Event) -> None:
    """Set *stop* when the process that started us has died without stopping us."""
    while os.getppid() == parent and not stop.is_set():
        stop.wait(PARENT_POLL_SECONDS)
    stop.set()
