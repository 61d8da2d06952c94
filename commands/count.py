"""count: counts the persons in files, without a server."""

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, progress_bar, tell
from commands.question_options import with_question_options
from index.base.errors import RequestError

if TYPE_CHECKING:
    from ingest.jobs.direct_count import DirectCount


@with_question_options
def count(
    files: Annotated[
        list[str], typer.Argument(help="Photos, or folders of photos, anywhere on this machine.")
    ],
    given: dict[str, list[str]],
    explain: Annotated[
        bool, typer.Option("--explain", help="Print each person's faces, and how sure they are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The service's document.")] = False,
    config: Config = None,
) -> None:
    """Count the persons in these photos, without a server.

    A folder stands for every photo below it. What is no photo is passed over. Nothing is stored.

    Example: person-count count a.jpg holiday --threshold 0.25 --explain
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.counting.documents import count_document, error_document, explanation_document
    from index.counting.explanation import Explanation, explanation_lines
    from index.counting.question import build_question
    from index.database.engine import Database
    from index.database.whereabouts import exists
    from index.library.profile_fit import profile_members
    from ingest.jobs.direct_count import DirectCount

    settings = load_settings(config)
    configure_logging(verbose=False)
    try:
        question = build_question({"filepath": files, **given}, settings, in_json=True)
        address = settings.database_address
        library = Database(address) if exists(address) else nullcontext()
        with library as database, progress_bar("reading") as progress:
            counter = DirectCount(settings, database)
            result = counter.answer(question, progress)
    except RequestError as error:
        if as_json:
            print(json.dumps(error_document(error.status, str(error)), ensure_ascii=False))
        raise
    tell_what_was_left(counter)
    document = count_document(question, result.answer.person_num)
    if explain:
        told = Explanation(question, result.answer, result.vectors, counter.space)
        document |= profile_members(counter.fit, counter.space) | explanation_document(
            question, told, result.answer, counter.space, result.names, result.judgements
        )
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    elif explain:
        for line in explanation_lines(document):
            print(line)
    else:
        print(result.answer.person_num)


def tell_what_was_left(counter: "DirectCount") -> None:
    """Tell which files were not read, or only in part."""
    from index.base.paths import on_one_line

    for name, note in counter.notes.items():
        tell(f"read, but {on_one_line(name)}: {note}")
    for sentence in counter.skipped:
        tell(f"skipped: {sentence}")
    if counter.no_photos:
        tell(_passed_over(counter.no_photos))


def _passed_over(reasons: dict[str, str]) -> str:
    from index.base.paths import on_one_line
    from index.base.plurals import counted

    name, reason = next(iter(reasons.items()))
    such_as = "" if len(reasons) == 1 else "such as "
    return f"passed over: {counted(len(reasons), 'file')}, {such_as}{on_one_line(name)}: {reason}"
