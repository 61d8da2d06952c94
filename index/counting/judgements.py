"""What people said about faces, taken together: who is whom, and what contradicts it. Pure.

A judgement knows a face by its content: the SHA-256 of the image and the box. A generation's face
is the judged one if their boxes overlap enough, so judgements hold for every copy of a photo,
wherever it moves, and for every model. Judgements that were undone are as if they had never been.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from index.counting.partition import Partition
from index.database.queries.judgements import Box, JudgedFace, JudgementRow, NewJudgement
from index.database.states import Verdict

LEAST_OVERLAP = 0.5  # of two boxes' union, from which on they hold the same face


def overlap(one: Box, other: Box) -> float:
    """The area that two boxes share, as a share of their union, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(one) + _area(other) - shared)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def match(boxes: Sequence[Box], others: Sequence[Box]) -> dict[int, int]:
    """Which of *others* holds the same face as each of *boxes*, by their places.

    The best overlap comes first, and each box is matched once; the order of the boxes changes
    nothing.
    """
    pairs = sorted(
        (-overlap(one, other), one, other, row, column)
        for row, one in enumerate(boxes)
        for column, other in enumerate(others)
    )
    found: dict[int, int] = {}
    for shared, _, _, row, column in pairs:
        if -shared < LEAST_OVERLAP:
            break
        if row not in found and column not in found.values():
            found[row] = column
    return found


def that_hold(rows: Iterable[JudgementRow]) -> list[JudgementRow]:
    """The judgements in *rows* that were not undone, in order."""
    rows = list(rows)
    undone = {row.undoes for row in rows}
    return [row for row in rows if row.verdict is not Verdict.UNDO and row.id not in undone]


@dataclass(slots=True)
class Judgements:
    """All judgements that hold.

    Attributes:
        rows: by id, in order.
        of_face: the ids of those on each face.
        of_image: the faces judged in each image, by SHA-256.
    """

    rows: dict[int, JudgementRow] = field(default_factory=dict)
    of_face: dict[JudgedFace, list[int]] = field(default_factory=lambda: defaultdict(list))
    of_image: dict[bytes, list[JudgedFace]] = field(default_factory=lambda: defaultdict(list))
    _number: dict[JudgedFace, int] = field(default_factory=dict)
    _sets: Partition = field(default_factory=Partition)

    @classmethod
    def of(cls, rows: Iterable[JudgementRow]) -> "Judgements":
        """Those of *rows* that hold; they contradict each other nowhere."""
        found = cls()
        for row in that_hold(rows):
            found.take(row)
        return found

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.rows)

    def take(self, row: JudgementRow) -> None:
        """Add a judgement that contradicts none of the others."""
        for face in row.faces:
            if face not in self._number:
                self._number[face] = self._sets.add()
                self.of_image[face.sha256].append(face)
            self.of_face[face].append(row.id)
        self.rows[row.id] = row
        numbers = [self._number[face] for face in row.faces]
        if row.verdict is Verdict.SAME:
            self._sets.join(*numbers)
        elif row.verdict is Verdict.DIFFERENT:
            self._sets.keep_apart(*numbers)

    def person(self, face: JudgedFace) -> int:
        """A number that stands for all faces judged to be the same person as a judged one."""
        return self._sets.root(self._number[face])

    def are_apart(self, one: int, other: int) -> bool:
        """Whether two persons, see person(), are different."""
        return not self._sets.may_join(one, other)

    def apart(self) -> list[tuple[int, int]]:
        """The pairs of persons that are different."""
        return self._sets.apart()

    def no_persons(self, judged: Mapping[int, JudgedFace]) -> frozenset[int]:
        """The ids, in *judged*, of faces that are a statue, a poster, a pattern."""
        return frozenset(n for n, face in judged.items() if self._no_person(face) is not None)

    def _no_person(self, face: JudgedFace) -> int | None:
        for number in self.of_face.get(face, ()):
            if self.rows[number].verdict is Verdict.NOT_A_PERSON:
                return number
        return None

    def known(self, face: JudgedFace) -> JudgedFace:
        """The judged face that is the same as *face*, or *face* itself if none was judged yet."""
        there = self.of_image.get(face.sha256, [])
        found = match([face.box], [other.box for other in there])
        return there[found[0]] if found else face

    def on_faces(self, sha256: bytes, boxes: Mapping[int, Box]) -> dict[int, JudgedFace]:
        """Which of a generation's faces of one image were judged: judged faces by face id."""
        judged = self.of_image.get(sha256, [])
        if not judged:
            return {}
        ids = list(boxes)
        found = match([boxes[number] for number in ids], [face.box for face in judged])
        return {ids[row]: judged[place] for row, place in found.items()}

    def equal_to(self, new: NewJudgement) -> JudgementRow | None:
        """A judgement that says the same of the same faces."""
        for number in self.of_face.get(new.faces[0], ()):
            row = self.rows[number]
            if row.verdict is new.verdict and set(row.faces) == set(new.faces):
                return row
        return None

    def contradiction(self, new: NewJudgement) -> list[int]:
        """The ids of the judgements that together contradict *new*; none: it may be added."""
        first, second = new.faces[0], new.faces[-1]
        if new.verdict is Verdict.NOT_A_PERSON:
            return [n for n in self.of_face.get(first, ()) if self._is(n, Verdict.SAME)][:1]
        if new.verdict is Verdict.DIFFERENT:
            return self._chain(first, second) or []
        no_person = [self._no_person(face) for face in new.faces]
        if any(no_person):
            return [number for number in no_person if number is not None]
        return self._why_apart(first, second)

    def _is(self, number: int, verdict: Verdict) -> bool:
        return self.rows[number].verdict is verdict

    def _why_apart(self, one: JudgedFace, other: JudgedFace) -> list[int]:
        """The judgements that make two faces different persons; none: they may be one."""
        if one not in self._number or other not in self._number:
            return []
        if not self.are_apart(self.person(one), self.person(other)):
            return []
        ours, theirs = self._reached(one), self._reached(other)
        chains = []
        for row in self.rows.values():
            if row.verdict is Verdict.DIFFERENT:
                for near, far in (row.faces, row.faces[::-1]):
                    if near in ours and far in theirs:
                        chains.append(
                            [*self._path(ours, near), row.id, *self._path(theirs, far)[::-1]]
                        )
        return min(chains, key=lambda chain: (len(chain), chain))

    def _chain(self, one: JudgedFace, other: JudgedFace) -> list[int] | None:
        """The judgements that make two faces one person, the shortest chain; None: nothing does."""
        reached = self._reached(one)
        return self._path(reached, other) if other in reached else None

    def _reached(self, start: JudgedFace) -> dict[JudgedFace, tuple[JudgedFace, int] | None]:
        """Every face judged to be the same person as *start*: how the shortest way gets there."""
        reached: dict[JudgedFace, tuple[JudgedFace, int] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            face = waiting.popleft()
            for number in self.of_face.get(face, ()):
                if self._is(number, Verdict.SAME):
                    for other in self.rows[number].faces:
                        if other not in reached:
                            reached[other] = face, number
                            waiting.append(other)
        return reached

    @staticmethod
    def _path(
        reached: Mapping[JudgedFace, tuple[JudgedFace, int] | None], face: JudgedFace
    ) -> list[int]:
        numbers: list[int] = []
        while (step := reached[face]) is not None:
            face, number = step
            numbers.append(number)
        return numbers[::-1]
