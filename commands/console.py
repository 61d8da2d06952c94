"""The common parts of the commands: messages, progress bars, interruption.

Each command's module imports at its top only what its options need, so that the help appears at
once. The command imports the rest when it runs.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from index.base.errors import ConfigError
from index.base.progress import Progress

INTERRUPTED = 130  # the exit code that shells report for a program ended by Ctrl-C

Config = Annotated[
    Path | None, typer.Option("--config", help="YAML file with settings.", show_default=False)
]


def tell(text: str) -> None:
    """Print a message for people to standard error; standard output is for results."""
    print(text, file=sys.stderr)


def said_by_system(error: OSError) -> str:
    """The system's message, with the file or folder if it names one."""
    said = error.strerror or type(error).__name__
    return said if error.filename is None else f"{said}: {error.filename}"


@contextmanager
def naming_folders() -> Iterator[None]:
    """Turn an OSError about one of the operator's files into a ConfigError that names it."""
    try:
        yield
    except OSError as error:
        raise ConfigError(said_by_system(error)) from error


def stop_on_signals() -> threading.Event:
    """An event that Ctrl-C or SIGTERM sets; a second Ctrl-C ends at once."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(INTERRUPTED)
        stop.set()
        if number == signal.SIGINT and sys.stderr.isatty():
            tell("finishing what is in hand; press Ctrl-C again to end at once")

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    return stop


def interrupted(said: str) -> typer.Exit:
    """Print that the command was interrupted, and return the exception to raise."""
    tell(f"interrupted; {said}")
    return typer.Exit(INTERRUPTED)


def interruptible(
    progress: Progress, stop: threading.Event, said: str = "start it again"
) -> Progress:
    """*progress*, but once *stop* is set it ends the command with the message *said*."""

    def show(done: int, total: int) -> None:
        if stop.is_set():
            raise interrupted(said)
        progress(done, total)

    return show


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A function that shows how many are done, of how many; the bar appears only on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, rate="")

        def show(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:.1f}/s" if speed else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield show
