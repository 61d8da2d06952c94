"""Counts the persons in a sample of folders, to show the effect of a change of the model."""

import os
import random
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from index.base.errors import StoreError
from index.base.progress import Progress
from index.base.settings import Settings
from index.counting import grouping
from index.counting.judged import judged_persons
from index.database.engine import Database
from index.database.queries import embeddings, files, generations
from index.database.queries.faces import faces_of
from index.library.judged_faces import judged_images, judged_question, split_judged
from index.library.judgements import judgements_of
from index.vectors.space import OPERATING_THRESHOLD, Profile, Space

MOST_FOLDERS = 200
MOST_PHOTOS = 500  # of a folder

Folders = dict[str, list[int]]  # the images in each


@dataclass(frozen=True, slots=True)
class FolderCounts:
    """The persons in each folder, by one model."""

    model_id: str
    persons: dict[str, int]

    @property
    def total(self) -> int:
        """The sum over the folders; a person in several folders counts in each."""
        return sum(self.persons.values())


def sample_folders(database: Database) -> Folders:
    """Up to MOST_FOLDERS folders with indexed photos; the same while the library is the same."""
    found: Folders = {}
    with database.read() as connection:
        for path, image in files.indexed_images(connection):
            images = found.setdefault(os.path.dirname(path), [])
            if len(images) < MOST_PHOTOS:
                images.append(image)
    chosen = random.Random(0).sample(sorted(found), min(MOST_FOLDERS, len(found)))  # noqa: S311
    return {folder: found[folder] for folder in sorted(chosen)}


def count_in_folders(
    database: Database,
    settings: Settings,
    folders: Folders,
    progress: Progress,
    profile: Profile | None = None,
) -> FolderCounts | None:
    """Count the persons in each of *folders* at the default threshold; None in an empty library.

    Folders with damaged rows are left out, since a re-index may be the cure and must go on. Each
    folder is read by itself: one long transaction would keep SQLite from emptying its log.

    Args:
        progress: is told of each folder before it is counted, and of the end.
        profile: to count with; None means that in use.
    """
    with database.read() as connection:
        generation = generations.active(connection)
    if generation is None:
        return None
    space = Space.calibrated(profile or Profile.from_json(generation.profile))
    persons = {}
    for done, (folder, images) in enumerate(folders.items()):
        progress(done, len(folders))
        with suppress(StoreError), database.read() as connection:
            persons[folder] = _persons(connection, generation.id, space, settings, images)
    progress(len(folders), len(folders))
    return FolderCounts(generation.model_id, persons)


def _persons(
    connection: Connection, generation_id: int, space: Space, settings: Settings, images: list[int]
) -> int:
    faces = faces_of(connection, generation_id, sorted(set(images)))
    held = judgements_of(connection)
    judged_in = judged_images(connection, held, faces)
    no_person = {number for image in judged_in.values() for number in image.no_person}
    counted, _ = split_judged(faces, no_person, settings.counted_faces)
    if not counted:
        return 0
    _, raw = embeddings.embeddings_of(connection, generation_id, [face.id for face in counted])
    photos = np.array([face.image_id for face in counted], np.int64)
    cut, scatter = space.cut(OPERATING_THRESHOLD), space.profile.scatter
    judged = judged_question(held, judged_in, counted)
    arguments = space.unit(raw), cut, settings.linkage, photos, scatter
    labels = grouping.persons(*arguments) if judged is None else judged_persons(*arguments, judged)
    return int(labels.max()) + 1
