"""Embeds labelled photos (in folders named by person) through the normal index."""

import threading
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from index.base.choices import FaceChoice
from index.base.errors import ConfigError
from index.base.progress import Progress
from index.base.settings import Settings, refuse_watched_data
from index.counting.key_faces import why_left_out
from index.database.engine import Database
from index.database.queries import embeddings, generations
from index.database.queries.faces import faces_of
from index.database.queries.files import rows_of, signatures_below
from index.evaluation.measures import LabelledFaces
from index.upkeep.evaluation_database import evaluation_folder, prepare_evaluation
from index.vectors.space import Profile
from ingest.jobs.drain import Drain


def load_labelled(
    folder: Path,
    settings: Settings,
    progress: Progress,
    stop: threading.Event,
    *,
    without: frozenset[str] = frozenset(),
    model_id: str | None = None,
) -> LabelledFaces | None:
    """Embed the photos below *folder* and read their faces.

    They go into a separate library below the data folder. So they never mix with the main library,
    and a second run embeds nothing.

    Args:
        without: names of photos to leave out, such as mislabelled ones.
        model_id: the model that must have embedded them; None means any.

    Returns: None when stopped; what was embedded is kept.

    Raises:
        ConfigError: there are fewer than two people, the data folder lies in *folder*, or another
            model has embedded photos before.
        StoreError: see prepare_evaluation().
    """
    own = settings.with_networks(settings.networks_folder).model_copy(
        update={
            "data": evaluation_folder(settings.data),
            "inbox": folder.resolve(),
            "roots": (),
            "retention_days": None,  # the main library expires photos; both share the erasure log
        }
    )
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    refuse_watched_data(own)
    with Database(prepare_evaluation(settings.data)) as database:
        _refuse_other_model(database, own, model_id)
        summary = Drain(database, own, stop).catch_up(progress)
        if stop.is_set():
            return None
        _refuse_other_model(database, own, model_id)
        found = _read(database, own.inbox, without)
    if len(set(found.people)) < 2:  # noqa: PLR2004 - one person has no strangers
        raise ConfigError(f"{folder} needs folders of at least two people with faces in them")
    return replace(found, unreadable=len(summary.failed))


def _refuse_other_model(database: Database, own: Settings, model_id: str | None) -> None:
    """Raise ConfigError if another model embedded photos here: its distances mean others."""
    with database.read() as connection:
        generation = generations.active(connection)
    if generation is not None and model_id is not None and generation.model_id != model_id:
        raise ConfigError(
            f"photos were embedded with {generation.model_id} here before, but the library uses "
            f"{model_id}; delete the folder {own.data} and start again"
        )


def _read(database: Database, folder: Path, without: frozenset[str]) -> LabelledFaces:
    with database.read() as connection:
        generation = generations.active(connection)
        if generation is None:
            raise ConfigError(f"there are no images below {folder}")
        folders: dict[int, set[str]] = defaultdict(set)
        paths = sorted(signatures_below(connection, str(folder)))
        rows = rows_of(connection, paths)
        for path in paths:
            parts, row = Path(path).relative_to(folder).parts, rows[path]
            if len(parts) > 1 and row.image_id is not None and parts[-1] not in without:
                folders[row.image_id].add(parts[0])
        labels = {image: min(names) for image, names in folders.items() if len(names) == 1}
        faces = faces_of(connection, generation.id, sorted(labels))
        left_out = why_left_out(faces, FaceChoice.ONE)  # others in the photo are not the person
        kept = [face for face in faces if face.id not in left_out]
        _, raw = embeddings.embeddings_of(connection, generation.id, [face.id for face in kept])
    return LabelledFaces(
        raw,
        [labels[face.image_id] for face in kept],
        np.array([face.image_id for face in kept], np.int64),
        generation.model_id,
        Profile.from_json(generation.profile),
        len(set(labels) - {face.image_id for face in faces}),
        unreadable=0,
        ambiguous=len(folders) - len(labels),
    )
