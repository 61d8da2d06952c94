"""similar: finds the persons of a photo in the library, without a server."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console import Config, progress_bar, tell
from commands.count import tell_what_was_left
from index.base.choices import DEFAULT_THRESHOLD
from index.base.errors import ConfigError, RequestError, bad_request

if TYPE_CHECKING:
    from index.base.settings import Settings
    from index.counting.question import Question

MOST = 200  # faces to print for each face of the photo


def similar(
    photo: Annotated[str, typer.Argument(help="A photo anywhere on this machine.")],
    threshold: Annotated[
        str, typer.Option(help="How far apart two faces of one person may be.")
    ] = DEFAULT_THRESHOLD,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST, help="The most faces to list for each of the photo's.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="The service's document.")] = False,
    config: Config = None,
) -> None:
    """Find the persons of a photo in the whole library.

    The nearest faces come first. The photo need not be in the library, and nothing of it is stored.

    Example: person-count similar new.jpg --limit 5
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.counting.documents import error_document
    from index.counting.question import build_question

    settings = load_settings(config)
    configure_logging(verbose=False)
    try:
        if Path(photo).is_dir():
            raise bad_request(f"{photo} is a folder; name one photo")
        given = {"filepath": [photo], "threshold": [threshold]}
        document = _search(settings, build_question(given, settings, in_json=True), limit)
    except RequestError as error:
        if as_json:
            print(json.dumps(error_document(error.status, str(error)), ensure_ascii=False))
        raise
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    for number, one in enumerate(document["faces"], start=1):
        _print(number, one, threshold)
    if not document["faces"]:
        tell("no face that counts was found in the photo")


def _search(settings: "Settings", question: "Question", limit: int) -> dict[str, Any]:
    import numpy as np

    from index.counting.documents import face_document
    from index.database.engine import Database
    from index.database.queries import generations
    from index.library.similar_faces import FaceNames, similar_documents
    from index.vectors.vector_index import VectorIndex
    from ingest.jobs.direct_count import DirectCount

    found = []
    roots = settings.resolve_roots()
    with Database(settings.database_address) as database:
        with progress_bar("reading") as progress:
            counter = DirectCount(settings, database)
            result = counter.answer(question, progress)
        tell_what_was_left(counter)
        with database.read() as connection:
            generation = generations.active(connection)
            if generation is None:
                raise ConfigError("the library is empty: person-count serve or ingest fills it")
            index = VectorIndex(generation.id, counter.space)
            index.open(connection)
            names = FaceNames(connection, roots)
            cut = max(counter.space.cut(question.threshold), -2.0)
            for row, face in enumerate(result.answer.faces):
                ids, similarity = index.near(np.ascontiguousarray(result.vectors[[row]]), cut)
                near = ids, np.maximum(1.0 - similarity, 0.0)
                similar = similar_documents(
                    connection, generation.id, names, counter.space, near, limit
                )
                own = face_document(face, result.names[face.image_id])
                found.append({"face": own, "found": len(ids), "similar": similar})
    return {
        "filepath": question.filepaths[0],
        "threshold": question.threshold_text,
        "faces": found,
    }


def _print(number: int, found: dict[str, Any], threshold: str) -> None:
    from index.base.paths import on_one_line
    from index.base.plurals import counted
    from index.counting.explanation import link_text

    box = ", ".join(f"{edge:.0f}" for edge in found["face"]["box"])
    faces = counted(found["found"], "face")
    print(f"face {number} at {box}: {faces} of the library below threshold {threshold}")
    for face in found["similar"]:
        print(f"    {link_text(face)}  {', '.join(map(on_one_line, face['filepaths']))}")
