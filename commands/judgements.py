"""judgements: lists, exports, imports and undoes what people said about faces."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.console import Config, naming_folders, tell
from index.base.plurals import counted

app = typer.Typer(
    no_args_is_help=True,
    help="What people said about faces.",
)

File = Annotated[Path, typer.Argument(help="A file of JSON lines.")]


@app.command(name="list")
def list_judgements(config: Config = None) -> None:
    """Print each judgement that holds: its id, what it says, when, by whom, and on which photos.

    One that no longer finds its face is marked: its photo is not in the library, or the present
    model's detector does not find the face. It is kept.

    Example: person-count judgements list
    """
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.library.judgements import judgements_of
    from index.library.listed_judgements import lost

    with (
        Database(load_settings(config).database_address) as database,
        database.read() as connection,
    ):
        held = judgements_of(connection)
        gone = set(lost(connection, held))
    for row in held.rows.values():
        when = datetime.fromtimestamp(row.at).astimezone().isoformat(timespec="seconds")
        photos = " ".join(face.sha256.hex()[:12] for face in row.faces)
        mark = "  (finds no face)" if row.id in gone else ""
        print(f"{row.id}  {row.verdict}  {when}  {row.author}  {photos}{mark}")
    tell(f"{counted(len(held.rows), 'judgement')}, {len(gone)} without their face")


@app.command()
def export(file: File, config: Config = None) -> None:
    """Write the judgements that hold to a file of JSON lines, by content.

    Example: person-count judgements export corrections.jsonl
    """
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.library.judgement_lines import line_of
    from index.library.judgements import judgements_of

    with (
        Database(load_settings(config).database_address) as database,
        database.read() as connection,
    ):
        held = judgements_of(connection)
    text = "".join(f"{line_of(row)}\n" for row in held.rows.values())
    with naming_folders():
        file.write_text(text, encoding="utf-8")
    tell(f"{counted(len(held.rows), 'judgement')} written to {file}")


@app.command(name="import")
def import_file(file: File, config: Config = None) -> None:
    """Add the judgements in a file of JSON lines; what contradicts yours is named and not taken.

    Those on photos that are not in the library yet are kept until the photos come.

    Example: person-count judgements import corrections.jsonl
    """
    import time

    from index.base.errors import ConfigError
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.library.judgement_lines import import_judgements, parse_lines
    from index.library.judgements import judgements_of
    from index.library.listed_judgements import lost
    from index.upkeep.erasure_log import ErasureLog

    settings = load_settings(config)
    with naming_folders():
        try:
            new = list(parse_lines(file.read_text(encoding="utf-8").splitlines()))
        except UnicodeDecodeError as error:
            raise ConfigError(f"{file} is no UTF-8 text") from error
    named = {face.sha256 for one in new for face in one.faces}
    with Database(settings.database_address) as database:
        with database.write() as connection:
            suppressed = ErasureLog(settings.data).suppressed(connection, named)
            done = import_judgements(connection, new, suppressed, time.time())
        with database.read() as connection:
            gone = set(lost(connection, judgements_of(connection)))
    waiting = sum(row.id in gone for row in done.added)
    print(
        f"{counted(len(done.added), 'judgement')} added, {waiting} of them without their face "
        f"here; {done.known} known already"
    )
    if done.forgotten:
        print(f"{done.forgotten} not taken: their photo was forgotten on request")
    for sentence in done.contradictions:
        tell(f"not taken: {sentence}")
    if done.contradictions:
        raise typer.Exit(1)


@app.command()
def undo(
    number: Annotated[int, typer.Argument(metavar="ID", help="The id that list shows.")],
    config: Config = None,
) -> None:
    """Take a judgement back.

    Example: person-count judgements undo 12
    """
    import time

    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.library.judgement_lines import AUTHOR
    from index.library.judgements import undo as take_back

    with (
        Database(load_settings(config).database_address) as database,
        database.write() as connection,
    ):
        take_back(connection, number, time.time(), AUTHOR)
    tell(f"judgement {number} no longer holds")
