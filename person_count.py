"""The command line: puts the commands together. Each command imports its modules when it runs."""

import signal
import sys
from typing import Annotated

# while modules are imported, Ctrl-C ends the program at once and silently
interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)

from index.base.one_thread import keep_to_one_thread

keep_to_one_thread()  # before numpy and FAISS are imported

import typer

from commands.backup import backup
from commands.calibrate import calibrate
from commands.compare import TwoLists, compare
from commands.config import config
from commands.console import said_by_system, tell
from commands.count import count
from commands.evaluate import evaluate
from commands.forget import forget
from commands.ingest import ingest
from commands.judgements import app as judgements_app
from commands.migrate import migrate
from commands.model import app as model_app
from commands.move_database import move_database
from commands.pictures import pictures
from commands.reindex import reindex
from commands.removals import removals
from commands.restore import restore
from commands.scan import scan
from commands.serve import serve
from commands.similar import similar
from commands.status import status
from commands.token import app as token_app
from commands.verify import verify
from commands.watch import watch
from commands.work import work
from index.base.errors import PersonCountError
from index.base.kernel import guard_process
from index.base.logs import exceptions_are_logged

signal.signal(signal.SIGINT, interrupt)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Count how many different key persons appear in exactly the photos you name.",
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        print(f"person-count {metadata.version('person-count')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


for command in (
    serve,
    watch,
    work,
    scan,
    ingest,
    count,
    similar,
    reindex,
    status,
    verify,
    backup,
    restore,
    forget,
    removals,
    evaluate,
    calibrate,
    config,
    migrate,
    move_database,
):
    app.command()(command)
app.command(cls=TwoLists)(compare)
app.command(hidden=True)(pictures)
app.add_typer(model_app, name="model")
app.add_typer(judgements_app, name="judgements")
app.add_typer(token_app, name="token")


def main() -> None:
    """Run the command line; every foreseen failure is one line and exit code 1."""
    guard_process()
    try:
        app()
    except PersonCountError as error:
        tell(f"person-count: {error}")
        sys.exit(1)
    except OSError as error:  # from a folder or disk, in a place that does not handle it
        if exceptions_are_logged():
            raise  # it may name a photo; serve and watch log it without names
        tell(f"person-count: {said_by_system(error)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
