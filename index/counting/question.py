"""Checks a caller's question: the files, the threshold, the faces that count, the linkage."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from index.base.choices import DEFAULT_THRESHOLD, FaceChoice, Linkage, Unreadable
from index.base.errors import RequestError, bad_request
from index.base.parameters import Kind, Parameter, check_known, choice, parse_all, whole_number
from index.base.paths import MAX_NAME_BYTES

if TYPE_CHECKING:
    from index.base.settings import Settings  # the command line's --help does not wait for it

DECIMAL = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_DECIMAL = re.compile(DECIMAL, re.ASCII)
_NOT_ZERO = re.compile(r"[+-]?[0.]*[1-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


MOST_PHOTOS = 1_000_000  # that a person may have to be in
FILEPATH = "filepath"  # the only parameter that is repeated, and required
# The others. To add one, add it here and its value to Question: parsing, /openapi.json, /docs in
# both languages, explained answers and person-count count take it from here.
PARAMETERS = (
    Parameter(
        "threshold",
        Kind(
            {"type": "string", "pattern": f"^({DECIMAL})$"},
            lambda _, text: parse_threshold(text),
            is_number=True,
        ),
        english="How far apart two faces of one person may be; a larger one counts fewer persons.",
        chinese="同一个人的两张人脸最多相差多远；阈值越大，人数越少。",
        default=DEFAULT_THRESHOLD,
    ),
    Parameter(
        "faces",
        choice(FaceChoice),
        english="Which faces count: key faces, all, or only the most prominent one of each photo.",
        chinese="哪些人脸参与计数：key 为关键人脸，all 为全部，one 为每张照片中最突出的一张。",
        setting="counted_faces",
    ),
    Parameter(
        "linkage",
        choice(Linkage),
        english="The rule that puts similar faces together as one person.",
        chinese="相似的人脸以何种方式归为同一个人。",
        setting="linkage",
    ),
    Parameter(
        "min_photos",
        whole_number(1, MOST_PHOTOS),
        english="Count only persons who appear in at least so many different photos.",
        chinese="只计至少出现在这么多张不同照片中的人。",
        default="1",
    ),
    Parameter(
        "unreadable",
        choice(Unreadable),
        english="What to do if files in folders cannot be read: refuse the question, or skip them.",
        chinese="文件夹中有文件无法读取时：refuse 拒绝回答，skip 跳过这些文件。",
        default=Unreadable.REFUSE,
    ),
)
_NAMES = (FILEPATH, *(parameter.name for parameter in PARAMETERS))
# those that explained answers repeat; every answer repeats the threshold, as the caller wrote it
OPTIONS = tuple(parameter for parameter in PARAMETERS if parameter.name != "threshold")


@dataclass(frozen=True, slots=True)
class Question:
    """How many different persons appear in exactly these files?

    Attributes:
        filepaths: files and folders as the caller gave them, order and duplicates kept.
        threshold_text: as the caller gave it.
        threshold: its value, finite, at least 0; this and the rest are the values of PARAMETERS.
    """

    filepaths: tuple[str, ...]
    threshold_text: str
    threshold: float
    faces: FaceChoice
    linkage: Linkage
    min_photos: int = 1
    unreadable: Unreadable = Unreadable.REFUSE

    @property
    def names(self) -> list[str]:
        """The file paths without duplicates, in order."""
        return list(dict.fromkeys(self.filepaths))

    @property
    def options(self) -> dict[str, Any]:
        """The values of OPTIONS by name."""
        return {parameter.name: getattr(self, parameter.name) for parameter in OPTIONS}


def parse_threshold(text: str) -> float:
    """The value of a threshold.

    Raises:
        RequestError: 400, it is empty, no decimal number, not finite, or negative.
    """
    if not _DECIMAL.fullmatch(text):
        raise bad_request(f"threshold must be a number such as 0.2, not {text[:40]!r}")
    value = float(text)
    # take the sign from the text: as a float, "-1e-400" becomes -0.0
    is_negative = text.startswith("-") and _NOT_ZERO.match(text)
    if not math.isfinite(value) or is_negative:
        raise bad_request(f"threshold must be a finite number of at least 0, not {text[:40]}")
    return value


def decode_text(raw: bytes, name: str) -> str:
    """A parameter's bytes as text.

    Raises:
        RequestError: 400, the bytes are not UTF-8.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_request(f"{name} is not valid UTF-8") from error


def check_filepath(name: str, *, in_json: bool = False) -> str:
    """Return *name* if it can be a file's path.

    Args:
        in_json: it may have line breaks and tabs, which are a mistake more often than a name in a
            URL.

    Raises:
        RequestError: 400, it cannot.
    """
    if not name:
        raise bad_request("filepath is empty")
    if name.isascii() and name.isprintable() and len(name) <= MAX_NAME_BYTES:
        return name  # as most are: none of the rest can be true
    if "\0" in name:
        raise bad_request("filepath contains a control character")
    if not in_json and _CONTROL.search(name):
        raise bad_request("filepath contains a control character; a JSON body may name such a file")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise bad_request("filepath is not valid Unicode") from error
    if size > MAX_NAME_BYTES:
        raise bad_request(f"filepath is longer than {MAX_NAME_BYTES} bytes")
    return name


def build_question(
    given: Mapping[str, Sequence[str]],
    settings: "Settings",
    *,
    in_json: bool = False,
    beside: Sequence[Parameter] = (),
) -> Question:
    """Check a request's parameters, each with all its values in order.

    Args:
        in_json: they come from a JSON body; see check_filepath().
        beside: parameters that the request may have beside those of a question.

    Raises:
        RequestError: 400 or 413; its text names the mistake.
    """
    check_known(given, (*_NAMES, *(parameter.name for parameter in beside)) if beside else _NAMES)
    names = given.get(FILEPATH, ())
    if not names:
        raise bad_request("filepath is missing; give it once for each image")
    if len(names) > settings.max_request_files:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{len(names)} files are more than the {settings.max_request_files} allowed",
        )
    filepaths = tuple(check_filepath(name, in_json=in_json) for name in names)
    values = parse_all(PARAMETERS, given, settings)
    return Question(filepaths, given.get("threshold", [DEFAULT_THRESHOLD])[0], **values)
