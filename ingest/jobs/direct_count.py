"""Answers a question about files anywhere on this machine, without a server."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_dir

from index.base.arrays import FloatMatrix, length
from index.base.choices import Unreadable
from index.base.errors import RequestError, UnreadableImageError
from index.base.other_files import has_image_ending
from index.base.paths import on_one_line
from index.base.progress import Progress
from index.base.settings import Settings
from index.counting.answer import Answer, answer_question, join_faces
from index.counting.effort import Effort
from index.counting.judgements import Judgements
from index.counting.question import Question
from index.database.engine import Database
from index.database.queries import generations, stored_images
from index.database.queries.faces import FaceRow, stored_faces
from index.database.queries.judgements import Box
from index.database.queries.stored_images import NewFace
from index.library.judged_faces import (
    JudgedImage,
    judged_ids,
    judged_question,
    no_persons,
    split_judged,
)
from index.library.judgements import judgements_of
from index.library.profile_fit import stored_fit
from index.vectors.space import Profile, Space, shipped_profile
from ingest.jobs.given_files import find_given, unreadable
from ingest.networks.models import Models, load_generation, load_models

NAMED = 3  # folders in a message


@dataclass(frozen=True, slots=True)
class DirectAnswer:
    """An answer, with the vectors and names for an explanation.

    Attributes:
        vectors: (n, d) unit vectors of the answer's faces, in order.
        names: the names of the files that hold each image, by image.
        folders: the names of the files in each folder of the question.
        judgements: the ids of those on each face that has any, by face id.
    """

    answer: Answer
    vectors: FloatMatrix
    names: dict[int, list[str]]
    folders: dict[str, list[str]]
    judgements: dict[int, list[int]]


class DirectCount:
    """Reads files as the calling user; takes faces that the library has already from there.

    It stores nothing: photos outside the drop folder leave no trace.

    Attributes:
        notes: by file name, what is wrong with files that were read all the same.
        no_photos: by file name, why files were passed over.
        fit: how well the profile fits the library, as ingest found; None if not known.
        skipped: sentences about files in folders that could not be read and may be skipped.
    """

    def __init__(self, settings: Settings, database: Database | None) -> None:
        self._settings = settings
        self._database = database
        self._generation = None
        self._held = Judgements()
        self.fit: dict[str, Any] | None = None
        self.notes: dict[str, str] = {}
        self.no_photos: dict[str, str] = {}
        self.skipped: list[str] = []
        if database is not None:
            with database.read() as connection:
                self._generation = generations.active(connection)
                self._held = judgements_of(connection)
                if self._generation is not None:
                    self.fit = stored_fit(connection, self.space)

    @cached_property
    def space(self) -> Space:
        """The vectors' space: the library's, or the configured model's."""
        if self._generation is not None:
            profile = Profile.from_json(self._generation.profile)
        else:
            profile = shipped_profile(self._settings.model, self._models.encoder.dim)
        return Space(profile, self._settings.distance)

    @cached_property
    def _models(self) -> Models:
        if self._generation is not None:
            return load_generation(self._settings, self._generation)
        settings = self._settings.with_networks(self._networks_folder())
        return load_models(settings, settings.model)

    def _networks_folder(self) -> Path:
        """Without a library the user's cache: photos' folders shall stay as they are."""
        usual = self._settings.networks_folder
        if self._database is not None or usual.is_dir():
            return usual
        return Path(user_cache_dir("person-count")) / "weights"

    def answer(self, question: Question, progress: Progress) -> DirectAnswer:
        """Count the persons in the question's files, and in the photos in its folders.

        What is no photo is passed over.

        Raises:
            RequestError: a file is missing (404), unreadable (422), or there are too many faces.
                No photo is among the files (422).
            ConfigError, ModelUnavailableError: the model cannot be loaded.
        """
        given = find_given(question.names, self._settings)
        self.no_photos = given.no_photos
        for error in given.errors:
            if question.unreadable is not Unreadable.SKIP:
                raise error
            self.skipped.append(str(error))
        names: dict[bytes, list[str]] = {}
        faces: list[FaceRow] = []
        vectors: list[FloatMatrix] = []
        for done, name in enumerate(given.photos):
            progress(done, len(given.photos))
            try:
                data = self._read(name)
                digest = hashlib.sha256(data).digest()
                found = [] if digest in names else self._faces(name, digest, data)
            except RequestError as error:
                if question.unreadable is not Unreadable.SKIP or name in question.names:
                    raise
                self.skipped.append(str(error))
                continue
            if found is None:
                continue
            for face, size in found:
                # numbers serve as ids, since the database gives none here
                faces.append(_row(face, len(faces), len(names), size))
                vectors.append(face.embedding)
            names.setdefault(digest, []).append(name)
        progress(len(given.photos), len(given.photos))
        if not names:
            raise _no_photo(question.names, self.no_photos)
        images = self._judged(list(names), faces)
        chosen = split_judged(faces, no_persons(images), question.faces)
        counted, left_out = join_faces([chosen], self._settings.max_request_faces)
        raw = [vectors[face.id] for face in counted]
        unit = self.space.unit(np.stack(raw)) if raw else np.empty((0, self.space.dim), np.float32)
        judged = judged_question(self._held, images, counted)
        effort = Effort(self._settings.max_request_seconds)
        answer = answer_question(question, counted, left_out, unit, self.space, judged, effort)
        said = judged_ids(self._held, images.values())
        return DirectAnswer(answer, unit, dict(enumerate(names.values())), given.folders, said)

    def _judged(self, digests: Sequence[bytes], faces: Sequence[FaceRow]) -> dict[int, JudgedImage]:
        """The images with the faces in them that people judged, by image number."""
        boxes: list[dict[int, Box]] = [{} for _ in digests]
        for face in faces:
            boxes[face.image_id][face.id] = face.box
        return {
            number: JudgedImage.of(self._held, sha256, boxes[number])
            for number, sha256 in enumerate(digests)
        }

    def _read(self, name: str) -> bytes:
        path, limit = Path(name), self._settings.max_file_bytes
        if not path.is_file():
            raise RequestError(HTTPStatus.NOT_FOUND, f"there is no file {on_one_line(name)}")
        try:
            with path.open("rb") as stream:
                data = stream.read(limit + 1)
        except OSError as error:
            raise unreadable(name, f"it cannot be read ({error.strerror})") from error
        if len(data) > limit:
            raise unreadable(
                name, f"it is larger than the {self._settings.max_file_mib} MiB allowed"
            )
        return data

    def _faces(
        self, name: str, digest: bytes, data: bytes
    ) -> list[tuple[NewFace, tuple[int, int]]] | None:
        """The faces of an image and its size, from the library or found now; None: no photo."""
        if self._database is not None and self._generation is not None:
            with self._database.read() as connection:
                known = stored_faces(connection, self._generation.id, digest)
                images = stored_images.image_ids(connection, [digest])
                for note in stored_images.notes_of(connection, list(images.values())).values():
                    self.notes[name] = note
            if known is not None:
                return known
        (image,) = self._models.analyse([(digest, data)], self._settings.max_megapixels)
        if isinstance(image, UnreadableImageError):
            if image.no_photo and not has_image_ending(name):
                self.no_photos[name] = str(image)
                return None
            raise unreadable(name, str(image)) from image
        if image.note:
            self.notes[name] = image.note
        return [(face, image.size) for face in image.faces]


def _no_photo(given: Sequence[str], no_photos: Mapping[str, str]) -> RequestError:
    if not no_photos:
        named = ", ".join(map(on_one_line, given[:NAMED]))
        return RequestError(HTTPStatus.UNPROCESSABLE_ENTITY, f"there is no photo in {named}")
    name, reason = next(iter(no_photos.items()))
    if len(no_photos) == 1:
        return unreadable(name, reason)
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"none of these {len(no_photos)} files is a photo; of {on_one_line(name)}: {reason}",
    )


def _row(face: NewFace, number: int, image: int, size: tuple[int, int]) -> FaceRow:
    return FaceRow(
        number,
        image,
        face.box,
        face.probability,
        face.landmarks,
        face.sharpness,
        size,
        length(face.embedding),
    )
