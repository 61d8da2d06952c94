"""Counts the persons in a sample of folders, to show the effect of a change of the model."""

import os
import random
from contextlib import suppress
from dataclasses import dataclass

from index.base.errors import StoreError
from index.base.progress import Progress
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import files, generations
from index.library.row_grouping import group_rows
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
    how = OPERATING_THRESHOLD, settings.linkage, settings.counted_faces
    persons = {}
    for done, (folder, images) in enumerate(folders.items()):
        progress(done, len(folders))
        with suppress(StoreError), database.read() as connection:
            _, labels = group_rows(connection, generation.id, space, images, *how)
            persons[folder] = int(labels.max(initial=-1)) + 1
    progress(len(folders), len(folders))
    return FolderCounts(generation.model_id, persons)
