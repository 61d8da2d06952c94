"""The command line; the only place that builds objects and passes them on."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from index.database import Database, exclusive, migrate
from index.documents import count_document, error_document
from index.errors import ConfigError, PersonCountError, RequestError
from index.logs import configure_logging
from index.question import build_question
from index.settings import FaceChoice, Linkage, Settings, load_settings
from index.space import DEFAULT_THRESHOLD
from index.status import library_status
from index.verify import verify as verify_database

if TYPE_CHECKING:
    import ssl

    from ingest.drain import Summary

# The models (torch, OpenVINO) take seconds to import, so each command imports what it needs.

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Count how many different key persons appear in exactly the photos you name.",
)
errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
PARENT_POLL_SECONDS = 0.5
INTERRUPTED = 130  # what shells report of a program that Ctrl-C ended

Config = Annotated[
    Path | None, typer.Option("--config", help="YAML file with settings.", show_default=False)
]


def main() -> None:
    """Run the command line; every foreseen failure is one line and exit code 1."""
    try:
        app()
    except PersonCountError as error:
        errors.print(f"person-count: {error}")
        sys.exit(1)


def _stop_on_signals() -> threading.Event:
    """An event that Ctrl-C or SIGTERM sets; a second Ctrl-C ends at once."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(INTERRUPTED)
        stop.set()
        if number == signal.SIGINT and sys.stderr.isatty():
            errors.print("finishing what is in hand; press Ctrl-C again to end at once")

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    return stop


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A function that shows how many are done of how many; a bar only on a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=None, rate="")

        def show(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:.1f}/s" if speed else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield show


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    http: Annotated[bool, typer.Option("--http", help="Without TLS: only behind a proxy.")] = False,
    no_ingest: Annotated[
        bool, typer.Option("--no-ingest", help="Only answer; person-count watch runs elsewhere.")
    ] = False,
) -> None:
    """Watch the drop folder and answer questions over HTTPS.

    Example: person-count serve --port 8443
    """
    from service.keeper import Keeper
    from service.server import serve as serve_forever

    tls = False if http else None
    settings = load_settings(config, host=host, port=port, tls=tls)
    configure_logging(verbose=True)
    context, lines = _tls(settings)
    command = [sys.executable, "-m", "person_count", "watch", "--parent", str(os.getpid())]
    command += ["--config", str(config)] if config else []
    keeper = None if no_ingest else Keeper(command)

    def announce(bound_port: int) -> None:
        scheme = "https" if context else "http"
        host_text = f"[{settings.host}]" if ":" in settings.host else settings.host
        errors.print(f"answering at {scheme}://{host_text}:{bound_port}/person_count")
        for line in (*lines, f"drop folder {settings.inbox}"):
            errors.print(line)

    settings.inbox.mkdir(parents=True, exist_ok=True)
    with Database(settings.database_path) as database:
        asyncio.run(serve_forever(settings, context, database, keeper, announce))


def _tls(settings: Settings) -> tuple["ssl.SSLContext | None", list[str]]:
    """The TLS context, or None without TLS, and what to tell the operator of it."""
    from service.tls import fingerprint, self_signed, server_context

    if not settings.tls:
        return None, ["without TLS: let only a proxy on this machine reach it"]
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        certificate, key = self_signed(settings.data, settings.host)
    if certificate is None or key is None:
        raise ConfigError("set both tls_certificate and tls_key, or neither")
    context = server_context(certificate, key)
    return context, [f"certificate SHA-256 {fingerprint(certificate)}"]


@app.command()
def watch(
    config: Config = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Only ingest: watch the folders and index what arrives.

    Example: person-count watch --config config.yaml
    """
    from ingest.process import run_ingest

    settings = load_settings(config)
    configure_logging(verbose=True)
    stop = _stop_on_signals()
    if parent is not None:
        threading.Thread(target=_follow_parent, args=(parent, stop), daemon=True).start()
    run_ingest(settings, stop)


def _follow_parent(parent: int, stop: threading.Event) -> None:
    """Set *stop* when the process that started us has died without saying so."""
    while os.getppid() == parent and not stop.is_set():
        stop.wait(PARENT_POLL_SECONDS)
    stop.set()


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders below the drop folder.")],
    config: Config = None,
) -> None:
    """Index these files or folders now and wait until it is done.

    Example: person-count ingest inbox/holiday
    """
    from ingest.drain import Drain

    settings = load_settings(config)
    configure_logging(verbose=False)
    stop = _stop_on_signals()
    with Database(settings.database_path) as database, _progress("indexing") as progress:
        summary = Drain(database, settings, stop).ingest(paths, progress)
    _report(summary)


def _report(summary: "Summary") -> None:
    for path, reason in summary.failed:
        errors.print(f"failed: {path}: {reason}")
    print(
        f"{summary.indexed} indexed, {summary.no_face} without a face, "
        f"{len(summary.failed)} failed"
        + (f", {summary.pending} still queued" if summary.pending else "")
    )
    if summary.pending:
        raise typer.Exit(INTERRUPTED)
    if summary.failed:
        raise typer.Exit(1)


@app.command()
def count(
    files: Annotated[list[str], typer.Argument(help="Image files, anywhere on this machine.")],
    threshold: Annotated[
        str, typer.Option(help="How far apart faces of one person may be.")
    ] = DEFAULT_THRESHOLD,
    faces: Annotated[FaceChoice | None, typer.Option(help="Which faces of a photo count.")] = None,
    linkage: Annotated[Linkage | None, typer.Option(help="How links become persons.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The service's document.")] = False,
    config: Config = None,
) -> None:
    """Count the persons in these files without a server; nothing is stored.

    Example: person-count count a.jpg b.jpg --threshold 0.25
    """
    from ingest.direct import DirectCount

    settings = load_settings(config)
    configure_logging(verbose=False)
    given = {"filepath": files, "threshold": [threshold]}
    given |= {"faces": [faces.value]} if faces else {}
    given |= {"linkage": [linkage.value]} if linkage else {}
    try:
        question = build_question(given, settings)
        database = Database(settings.database_path) if settings.database_path.exists() else None
        with _progress("reading") as progress:
            answer, _ = DirectCount(settings, database).answer(question, progress)
    except RequestError as error:
        if as_json:
            print(json.dumps(error_document(error.status, str(error)), ensure_ascii=False))
        raise
    if as_json:
        print(json.dumps(count_document(question, answer.person_num), ensure_ascii=False))
    else:
        print(answer.person_num)


@app.command()
def reindex(
    weights: Annotated[
        str | None, typer.Option(help="casia-webface, vggface2 or a file; as configured if unset.")
    ] = None,
    missing_only: Annotated[
        bool, typer.Option("--missing-only", help="Only what is missing, failed or damaged.")
    ] = False,
    config: Config = None,
) -> None:
    """Embed every image anew beside the present index, then switch over at once.

    Interrupt it at will: started again, it goes on where it was.

    Example: person-count reindex --weights casia-webface
    """
    from ingest.drain import Drain
    from ingest.reindex import Reindexer

    settings = load_settings(config)
    configure_logging(verbose=False)
    stop = _stop_on_signals()
    with Database(settings.database_path) as database:
        if missing_only:
            with _progress("indexing") as progress:
                summary = Drain(database, settings, stop).catch_up(progress)
            _report(summary)
            return
        with exclusive(settings.data, "reindex"), _progress("re-indexing") as progress:
            outcome = Reindexer(database, settings, weights or settings.weights, stop).run(progress)
    if outcome is None:
        errors.print("interrupted; start it again to go on, nothing has changed yet")
        raise typer.Exit(INTERRUPTED)
    before = f" ({outcome.already_done} done earlier)" if outcome.already_done else ""
    print(f"{outcome.images} images{before}, {outcome.faces} faces, now with {outcome.model_id}")


@app.command()
def status(config: Config = None) -> None:
    """Print what the library holds, as JSON.

    Example: person-count status
    """
    settings = load_settings(config)
    with Database(settings.database_path) as database:
        print(json.dumps(library_status(database), indent=2))


@app.command()
def verify(config: Config = None) -> None:
    """Check rows, checksums, index ids and snapshots; exit 1 if anything is wrong.

    Example: person-count verify
    """
    settings = load_settings(config)
    with Database(settings.database_path) as database:
        findings = verify_database(database)
    for problem in findings.problems:
        errors.print(f"wrong: {problem}")
    if findings.problems:
        errors.print("cure: person-count reindex --missing-only")
        raise typer.Exit(1)
    print(f"all is well: {findings.faces} faces")


@app.command(name="migrate")
def migrate_command(config: Config = None) -> None:
    """Create the database, or bring it to this program's version.

    Example: person-count migrate
    """
    settings = load_settings(config)
    before, after = migrate(settings.database_path)
    print(f"{settings.database_path}: revision {before or 'none'} -> {after}")


if __name__ == "__main__":
    main()
