"""What the commands share: where messages go, progress bars, interruption.

The top of each command's module imports only what its options need, so that the help of all
commands comes at once; a command imports what it works with when it runs.
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

INTERRUPTED = 130  # what shells report of a program that Ctrl-C ended

Config = Annotated[
    Path | None, typer.Option("--config", help="YAML file with settings.", show_default=False)
]


def tell(text: str) -> None:
    """Say something to the person at the terminal; standard output is for results."""
    print(text, file=sys.stderr)


def said_by_system(error: OSError) -> str:
    """What the system says is wrong, and with which file or folder, if it says so."""
    said = error.strerror or type(error).__name__
    return said if error.filename is None else f"{said}: {error.filename}"


@contextmanager
def naming_folders() -> Iterator[None]:
    """Turn trouble with a file or folder of the operator's into a ConfigError that names it."""
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
    """Say that the command was interrupted; what to raise then."""
    tell(f"interrupted; {said}")
    return typer.Exit(INTERRUPTED)


def interruptible(
    progress: Progress, stop: threading.Event, said: str = "start it again"
) -> Progress:
    """*progress*, but once *stop* is set it ends the command with the words *said*."""

    def show(done: int, total: int) -> None:
        if stop.is_set():
            raise interrupted(said)
        progress(done, total)

    return show


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A function that shows how many are done of how many; a bar only on a terminal."""
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
