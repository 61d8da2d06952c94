"""Requests of drawn faces, to be answered and explained at any threshold."""

import math
from random import Random

import numpy as np
import pytest

from index.base.choices import FaceChoice, Linkage
from index.counting.answer import Answer, answer_question
from index.counting.documents import count_document, explanation_document
from index.counting.explanation import Explanation
from index.counting.judged import Judged
from index.counting.question import Question, parse_threshold
from index.database.queries.faces import FaceRow
from index.vectors.space import Profile, Space
from tests.index.builders import Matrix, face_row, unit

DIM = 64
SPACE = Space.calibrated(Profile((0.0,) * DIM, 0.46))


def pair_at(distance: float) -> Matrix:
    """Two unit vectors at a cosine distance."""
    rows = np.zeros((2, DIM))
    rows[0, 0] = 1
    rows[1, :2] = 1 - distance, math.sqrt(1 - (1 - distance) ** 2)
    return rows.astype(np.float32)


class Request:
    """Faces, and what is asked about them at any threshold."""

    def __init__(
        self,
        vectors: Matrix,
        images: list[int] | None = None,
        linkage: Linkage = Linkage.EVIDENCE,
        space: Space = SPACE,
    ) -> None:
        self.vectors, self.linkage, self.space = vectors, linkage, space
        images = list(range(1, len(vectors) + 1)) if images is None else images
        self.faces = [face_row(10 + n, image_id=image) for n, image in enumerate(images)]
        self.left_out: list[tuple[FaceRow, str]] = []
        self.judged: Judged | None = None

    def question(self, threshold: str) -> Question:
        value = parse_threshold(threshold)
        return Question(("a.jpg",), threshold, value, FaceChoice.KEY, self.linkage)

    def answer(self, threshold: str) -> Answer:
        asked = self.question(threshold)
        return answer_question(
            asked, self.faces, self.left_out, self.vectors, self.space, self.judged
        )

    def explain(self, threshold: str = "0.2") -> Explanation:
        answer = self.answer(threshold)
        return Explanation(self.question(threshold), answer, self.vectors, self.space)

    def document(self, threshold: str = "0.2") -> dict[str, object]:
        asked, answer = self.question(threshold), self.answer(threshold)
        shown = [*self.faces, *(face for face, _ in self.left_out)]
        names = {face.image_id: [f"{face.image_id}.jpg"] for face in shown}
        told = Explanation(asked, answer, self.vectors, self.space)
        document = explanation_document(asked, told, answer, self.space, names, {})
        return count_document(asked, answer.person_num) | document


def random_request(seed: int, linkage: Linkage) -> Request:
    random, rng = Random(seed), np.random.default_rng(seed)
    count, people = random.randint(2, 30), random.randint(1, 8)
    rows = rng.normal(size=(people, DIM))[rng.integers(people, size=count)]
    vectors = unit(rows + random.choice([0.3, 0.7, 1.0]) * rng.normal(size=rows.shape))
    images = np.sort(rng.integers(1, random.choice([5, 20, 200]), size=count)).tolist()
    operating = random.choice([0.3, 0.4712, 0.6])
    return Request(vectors, images, linkage, Space.calibrated(Profile((0.0,) * DIM, operating)))


def random_judgements(seed: int, count: int) -> Judged:
    """Judgements on *count* faces, such that none contradicts another."""
    random = Random(seed)
    true = [random.randrange(max(2, count // 3)) for _ in range(count)]
    group, apart = list(range(count)), set[tuple[int, int]]()
    for _ in range(random.randint(1, 6)):
        one, other = random.randrange(count), random.randrange(count)
        if true[one] == true[other]:
            kept, taken = group[one], group[other]
            group = [kept if number == taken else number for number in group]
            apart = {(kept if a == taken else a, kept if b == taken else b) for a, b in apart}
        else:
            apart.add((group[one], group[other]))
    rank = random.sample(range(count), count)
    return Judged(np.array(rank, np.int64), np.array(group, np.int64), tuple(sorted(apart)))


def judged_request(seed: int, linkage: Linkage) -> Request:
    """A random request on whose faces there are random judgements."""
    request = random_request(seed, linkage)
    request.judged = random_judgements(seed, len(request.faces))
    return request


requests = pytest.mark.parametrize("seed", range(4))
linkages = pytest.mark.parametrize("linkage", Linkage)
