"""Tracebacks for the log: the place and the kind of an error, without the names of files."""

import re
import traceback

# an apostrophe within a word is no quotation mark, except in b'bytes'
_QUOTED = re.compile(r"(?:(?<!\w)|(?<=\b[bBuU]))'((?:[^'\\]|\\.|'(?=\w))*)'|\"((?:[^\"\\]|\\.)*)\"")
_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"


def without_names(text: str, *, keeps_words: bool = True) -> str:
    """*text* without the parts in quotation marks.

    With *keeps_words* a single word stays: it may be a name in the program.
    """

    def shorten(found: re.Match[str]) -> str:
        quoted = found[1] or found[2] or ""
        is_word = quoted.isascii() and quoted.isidentifier()
        return found[0] if keeps_words and is_word else "'…'"

    return _QUOTED.sub(shorten, text)


def traceback_text(error: BaseException) -> str:
    """The traceback of *error* and of its causes.

    Python's own would show quoted texts: the path of a FileNotFoundError, the key of a KeyError.
    """
    parts: list[str] = []
    seen: set[int] = set()
    found: BaseException | None = error
    link = ""
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        frames = "".join(traceback.format_tb(found.__traceback__))
        said = "".join(traceback.format_exception_only(found))
        # a key may be anything, even one word of a person's name
        said = without_names(said, keeps_words=not isinstance(found, KeyError))
        parts.append(f"Traceback (most recent call last):\n{frames}{said}{link}")
        link = _CAUSED if found.__cause__ is not None else _DURING
        hidden = found.__suppress_context__
        found = found.__cause__ or (None if hidden else found.__context__)
    return "".join(reversed(parts))
