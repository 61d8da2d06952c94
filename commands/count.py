"""ingest, count, reindex, status, verify and migrate."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import INTERRUPTED, Config, errors, progress_bar, stop_on_signals
from index.base.errors import RequestError
from index.base.lock import exclusive
from index.base.logs import configure_logging
from index.base.settings import FaceChoice, Linkage, load_settings
from index.counting.documents import count_document, error_document, explanation_document
from index.counting.explanation import Explanation, explanation_lines
from index.counting.question import build_question
from index.database.engine import Database
from index.database.migration import migrate
from index.library.ingest_report import stored_report
from index.library.status import library_status
from index.upkeep.verify import verify as verify_database
from index.vectors.space import DEFAULT_THRESHOLD

if TYPE_CHECKING:
    from ingest.jobs.drain import Summary


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders below the drop folder.")],
    config: Config = None,
) -> None:
    """Index these files or folders now and wait until it is done.

    Example: person-count ingest inbox/holiday
    """
    from ingest.jobs.drain import Drain

    settings = load_settings(config)
    configure_logging(verbose=False)
    stop = stop_on_signals()
    with Database(settings.database_path) as database, progress_bar("indexing") as progress:
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


def count(
    files: Annotated[list[str], typer.Argument(help="Image files, anywhere on this machine.")],
    threshold: Annotated[
        str, typer.Option(help="How far apart faces of one person may be.")
    ] = DEFAULT_THRESHOLD,
    faces: Annotated[FaceChoice | None, typer.Option(help="Which faces of a photo count.")] = None,
    linkage: Annotated[Linkage | None, typer.Option(help="How links become persons.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what makes up each person, and how sure it is.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The service's document.")] = False,
    config: Config = None,
) -> None:
    """Count the persons in these files, without a server.

    Nothing is stored.

    Example: person-count count a.jpg b.jpg --threshold 0.25 --explain
    """
    from ingest.jobs.direct_count import DirectCount

    settings = load_settings(config)
    configure_logging(verbose=False)
    given = {"filepath": files, "threshold": [threshold]}
    given |= {"faces": [faces.value]} if faces else {}
    given |= {"linkage": [linkage.value]} if linkage else {}
    try:
        question = build_question(given, settings)
        database = Database(settings.database_path) if settings.database_path.exists() else None
        with progress_bar("reading") as progress:
            counter = DirectCount(settings, database)
            result = counter.answer(question, progress)
    except RequestError as error:
        if as_json:
            print(json.dumps(error_document(error.status, str(error)), ensure_ascii=False))
        raise
    document = count_document(question, result.answer.person_num)
    if explain:
        told = Explanation(question, result.answer, result.vectors, counter.space)
        document |= explanation_document(question, told, result.answer, counter.space, result.names)
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    elif explain:
        for line in explanation_lines(document):
            print(line)
    else:
        print(result.answer.person_num)


def reindex(
    weights: Annotated[
        str | None, typer.Option(help="casia-webface, vggface2 or a file; as configured if unset.")
    ] = None,
    missing_only: Annotated[
        bool, typer.Option("--missing-only", help="Only what is missing, failed or damaged.")
    ] = False,
    config: Config = None,
) -> None:
    """Embed every image again beside the present index, then switch.

    Interrupt it at will: started again, it goes on where it was.

    Example: person-count reindex --weights casia-webface
    """
    from ingest.jobs.drain import Drain
    from ingest.jobs.reindex import Reindexer

    settings = load_settings(config)
    configure_logging(verbose=False)
    stop = stop_on_signals()
    with Database(settings.database_path) as database:
        if missing_only:
            with progress_bar("indexing") as progress:
                summary = Drain(database, settings, stop).catch_up(progress)
            _report(summary)
            return
        with exclusive(settings.data, "reindex"), progress_bar("re-indexing") as progress:
            outcome = Reindexer(database, settings, weights or settings.weights, stop).run(progress)
    if outcome is None:
        errors.print("interrupted; start it again to go on, nothing has changed yet")
        raise typer.Exit(INTERRUPTED)
    before = f" ({outcome.already_done} done earlier)" if outcome.already_done else ""
    print(f"{outcome.images} images{before}, {outcome.faces} faces, now with {outcome.model_id}")


def status(config: Config = None) -> None:
    """Print what the library holds, as JSON.

    Example: person-count status
    """
    settings = load_settings(config)
    with Database(settings.database_path) as database:
        document = library_status(database)
        if ingest := stored_report(database, time.time()):
            document["ingest"] = ingest
        print(json.dumps(document, indent=2))


def verify(config: Config = None) -> None:
    """Check rows, checksums, index ids and snapshots.

    Exit code 1 if anything is wrong.

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


def migrate_command(config: Config = None) -> None:
    """Create the database, or bring it to this program's version.

    Example: person-count migrate
    """
    settings = load_settings(config)
    before, after = migrate(settings.database_path)
    print(f"{settings.database_path}: revision {before or 'none'} -> {after}")
