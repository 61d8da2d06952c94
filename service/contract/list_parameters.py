"""The parameters of lists and of the search for faces; see index.base.parameters."""

from index.base.errors import bad_request
from index.base.parameters import MAX_DIGITS, Kind, Parameter, choice, whole_number
from index.base.paths import MAX_NAME_BYTES
from index.counting.question import FILEPATH, PARAMETERS, check_filepath
from index.database.states import FileState
from index.library.listed_judgements import JudgementState

DEFAULT_LIMIT = 50  # files on a page
MAX_LIMIT = 200
MAX_SEARCH = 200  # characters
MAX_JUDGEMENTS = 1000  # in one request


def _part_of_a_name(name: str, text: str) -> str:
    if len(text) > MAX_SEARCH:
        raise bad_request(f"{name} is longer than {MAX_SEARCH} characters")
    if "\0" in text:  # to SQLite the text would end here
        raise bad_request(f"{name} contains a character that no name has")
    return text


def _limit(english: str, chinese: str) -> Parameter:
    return Parameter(
        "limit",
        whole_number(1, MAX_LIMIT),
        english=english,
        chinese=chinese,
        default=str(DEFAULT_LIMIT),
    )


_AFTER = Parameter(
    "after",
    # a string, since its numbers are too large for JavaScript
    Kind(
        {"type": "string", "pattern": f"^[1-9][0-9]{{0,{MAX_DIGITS - 1}}}$"},
        whole_number(1, 10**MAX_DIGITS - 1).parse,
    ),
    english="`next` of the page before",
    chinese="上一页的 `next`",
)

LIST_PARAMETERS = (
    Parameter(
        "search",
        Kind({"type": "string", "maxLength": MAX_SEARCH}, _part_of_a_name),
        english="part of a name",
        chinese="名称的一部分",
    ),
    Parameter(
        "state",
        choice(FileState),
        english="Only files in this state; without it, all but those that are no photos.",
        chinese="只列出处于此状态的文件；不给出时列出除“不是照片”之外的所有文件。",
    ),
    _limit("Files on a page of the list.", "每页的文件数。"),
    _AFTER,
)

_OF_QUESTIONS = {parameter.name: parameter for parameter in PARAMETERS}
SIMILAR_LIMIT = _limit(
    "The most faces to list, the nearest first.", "最多列出多少张人脸，最近的在前。"
)
# of the search for faces near one, and near those of a photo
SIMILAR_PARAMETERS = (_OF_QUESTIONS["threshold"], SIMILAR_LIMIT)
PHOTO_PARAMETERS = (_OF_QUESTIONS["threshold"], _OF_QUESTIONS["faces"], SIMILAR_LIMIT)

JUDGEMENT_PARAMETERS = (
    Parameter(
        FILEPATH,
        Kind(
            {"type": "string", "minLength": 1, "maxLength": MAX_NAME_BYTES},
            lambda _, text: check_filepath(text),
        ),
        english="Only judgements on the photo in this file.",
        chinese="只列出针对此文件中照片的判断。",
    ),
    Parameter(
        "state",
        choice(JudgementState),
        english="Only judgements in this state; without it, those that hold, lost or not.",
        chinese="只列出处于此状态的判断；不给出时列出所有有效的判断，包括找不到人脸的。",
    ),
    _limit("Judgements on a page of the list.", "每页的判断数。"),
    _AFTER,
)

MAX_PERSONS = 10_000  # on a page of /persons
MAX_OFFSET = 10_000_000

# of /persons
PAGE_PARAMETERS = (
    Parameter(
        "limit",
        whole_number(1, MAX_PERSONS),
        english="The most persons, files and left-out faces to list; without it, all.",
        chinese="人员、文件和未计入的人脸各最多列出多少；不给出时全部列出。",
    ),
    Parameter(
        "offset",
        whole_number(0, MAX_OFFSET),
        english="How many of each to pass over: `next` of the page before.",
        chinese="各跳过多少：上一页的 `next`。",
        default="0",
    ),
)

# of the library's people
PEOPLE_PARAMETERS = (
    _limit("Persons on a page, the most photographed first.", "每页的人数，照片最多的在前。"),
    Parameter(
        "offset",
        whole_number(0, MAX_OFFSET),
        english="How many persons to pass over: `next` of the page before.",
        chinese="跳过多少人：上一页的 `next`。",
        default="0",
    ),
)
