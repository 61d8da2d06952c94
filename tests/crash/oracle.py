"""What the folder holds, and so what every answer must be, by brute force."""

import hashlib
import random
import shutil
from http import HTTPStatus
from itertools import combinations
from pathlib import Path

import numpy as np

from index.base.paths import Signature, signature_of
from index.database.queries.stored_images import NewImage
from index.vectors.space import Profile
from tests.crash import launcher
from tests.fakes import save_picture

PEOPLE = 40
NAMES = [f"{folder}{number:02}.png" for folder in ("", "in/", "张 三/") for number in range(20)]


class Folder:
    """A drop folder that is changed at random by one thread, which therefore knows it."""

    def __init__(self, inbox: Path, moments: random.Random, model: str) -> None:
        self.inbox = inbox
        self._random = moments
        self._models = launcher.models_of(model)
        self._faces: dict[bytes, list[np.ndarray] | None] = {}  # by content; None: no image
        self._seed = 0
        self.changes = 0
        for name in NAMES:
            (inbox / name).parent.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """The files that are there now."""
        return [name for name in NAMES if (self.inbox / name).exists()]

    def signatures(self) -> dict[str, Signature]:
        """What lstat says of them."""
        return {name: signature_of((self.inbox / name).lstat()) for name in self.names()}

    def change(self) -> None:
        """Drop, overwrite, rename, copy, truncate or delete a file."""
        there = self.names()
        verbs = [self._drop] * 4 + [self._rename, self._copy, self._truncate, self._delete]
        verb = self._random.choice(verbs) if there else self._drop
        verb(self._random.choice(there or NAMES), self._random.choice(NAMES))
        self.changes += 1

    def _drop(self, _: str, name: str) -> None:
        """Put a new picture there, at once or in place."""
        self._seed += 1
        people = self._random.sample(range(PEOPLE), self._random.randrange(4))
        made = save_picture(self.inbox / ".made.png", *people, seed=self._seed)
        if self._random.random() < 0.5:
            made.replace(self.inbox / name)
        else:
            (self.inbox / name).write_bytes(made.read_bytes())

    def _rename(self, name: str, onto: str) -> None:
        (self.inbox / name).replace(self.inbox / onto)

    def _copy(self, name: str, onto: str) -> None:
        if name != onto:
            shutil.copy(self.inbox / name, self.inbox / onto)

    def _truncate(self, name: str, _: str) -> None:
        with open(self.inbox / name, "r+b") as stream:
            stream.truncate(50)

    def _delete(self, name: str, _: str) -> None:
        (self.inbox / name).unlink()

    def content(self, name: str) -> tuple[bytes, list[np.ndarray] | None]:
        """The SHA-256 of a file, and the raw vectors of its faces; None when it is no image."""
        data = (self.inbox / name).read_bytes()
        digest = hashlib.sha256(data).digest()
        if digest not in self._faces:
            [found] = self._models.analyse([(digest, data)], 50)
            is_image = isinstance(found, NewImage)
            self._faces[digest] = [face.embedding for face in found.faces] if is_image else None
        return digest, self._faces[digest]

    def expected(self, names: list[str], profile: Profile) -> tuple[int, int | None]:
        """The status and count of a question with linkage=single at the default threshold."""
        vectors = []
        statuses = {HTTPStatus.OK}
        for name in names:
            if not (self.inbox / name).exists():
                statuses.add(HTTPStatus.NOT_FOUND)
                continue
            _, faces = self.content(name)
            if faces is None:
                statuses.add(HTTPStatus.UNPROCESSABLE_ENTITY)
            vectors += faces or []
        for status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
            if status in statuses:
                return status, None
        return HTTPStatus.OK, components(vectors, profile)


def components(vectors: list[np.ndarray], profile: Profile) -> int:
    """How many groups of vectors are linked, pair by pair, in float64."""
    centred = [vector.astype(np.float64) - np.asarray(profile.centre) for vector in vectors]
    unit = [vector / np.linalg.norm(vector) for vector in centred]
    group = list(range(len(unit)))
    for a, b in combinations(range(len(unit)), 2):
        if 1 - unit[a] @ unit[b] < profile.operating_distance and group[a] != group[b]:
            group = [group[a] if other == group[b] else other for other in group]
    return len(set(group))
