"""The parameters of the list of files and of the search for faces; see index.base.parameters."""

from index.base.errors import bad_request
from index.base.parameters import MAX_DIGITS, Kind, Parameter, choice, whole_number
from index.counting.question import PARAMETERS
from index.database.states import FileState

DEFAULT_LIMIT = 50  # files on a page
MAX_LIMIT = 200
MAX_SEARCH = 200  # characters


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
    Parameter(
        "after",
        # a string, since its numbers are too large for JavaScript
        Kind(
            {"type": "string", "pattern": f"^[1-9][0-9]{{0,{MAX_DIGITS - 1}}}$"},
            whole_number(1, 10**MAX_DIGITS - 1).parse,
        ),
        english="`next` of the page before",
        chinese="上一页的 `next`",
    ),
)

# of the search for faces near one
SIMILAR_PARAMETERS = (
    next(parameter for parameter in PARAMETERS if parameter.name == "threshold"),
    _limit("The most faces to list, the nearest first.", "最多列出多少张人脸，最近的在前。"),
)
