"""compare: tells who is in both of two lists of photos, without a server."""

import json
from contextlib import nullcontext
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from commands.console import Config, progress_bar
from commands.count import tell_what_was_left
from commands.question_options import with_question_options
from index.base.errors import RequestError

BETWEEN = "--"


class TwoLists(TyperCommand):
    """A command whose arguments are two lists with BETWEEN between them; two names need none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's context
        """Take the second list out, since click would drop BETWEEN."""
        at = args.index(BETWEEN) if BETWEEN in args else len(args)
        ctx.meta[BETWEEN] = args[at + 1 :]
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - likewise
        """Show both lists."""
        return [*super().collect_usage_pieces(ctx), BETWEEN, "FILES..."]


@with_question_options
def compare(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(help="Photos or folders; the second list comes after --.")
    ],
    given: dict[str, list[str]],
    as_json: Annotated[bool, typer.Option("--json", help="The service's document.")] = False,
    config: Config = None,
) -> None:
    """Tell who is in both of two lists of photos.

    And who is only in one, without a server. Options come first, then the two lists with -- between
    them; two names need none.

    Example: person-count compare party wedding
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.counting.comparison import (
        build_comparison,
        comparison_document,
        comparison_lines,
    )
    from index.counting.documents import error_document
    from index.database.engine import Database
    from index.database.whereabouts import exists
    from ingest.jobs.direct_count import DirectCount

    a, b = two_lists(files, context.meta[BETWEEN])
    settings = load_settings(config)
    configure_logging(verbose=False)
    try:
        comparison = build_comparison(a, b, given, settings)
        address = settings.database_address
        library = Database(address) if exists(address) else nullcontext()
        with library as database, progress_bar("reading") as progress:
            counter = DirectCount(settings, database)
            result = counter.answer(comparison.question, progress)
    except RequestError as error:
        if as_json:
            print(json.dumps(error_document(error.status, str(error)), ensure_ascii=False))
        raise
    tell_what_was_left(counter)
    images = [(name, image) for image, names in result.names.items() for name in names]
    document: dict[str, Any] = comparison_document(
        comparison, result.answer, images, result.folders, result.judgements
    )
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        for line in comparison_lines(document):
            print(line)


def two_lists(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    """The two lists; of two names alone, one each. Raises BadParameter: there is one list only."""
    if after:
        return before, after
    if len(before) == 2:  # noqa: PLR2004 - two
        return before[:1], before[1:]
    raise typer.BadParameter("put -- between the two lists, as in compare a.jpg b.jpg -- c.jpg")
