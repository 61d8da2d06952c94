"""Names in bytes that are no UTF-8: which one to rename, and what it may have been."""

import os
import re

_IN_A_ROW = re.compile(rb"[\x80-\xff]{2}")


def what_to_rename(path: str) -> str:
    """The reason why a file is not read of whose *path* some part is no UTF-8."""
    parts = path.split("/")
    odd = next(number for number, part in enumerate(parts) if not _is_utf8(part))
    name = os.fsencode(parts[odd])
    is_file = odd == len(parts) - 1
    subject = "its name" if is_file else f"the name of its folder {_shown(name)}"
    better = _guess(name)
    cure = f", perhaps to {better}" if better else ""
    return f"{subject} is not valid UTF-8; rename {'it' if is_file else 'that'}{cure}"


def _is_utf8(text: str) -> bool:
    return all(not "\ud800" <= char <= "\udfff" for char in text)


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _guess(name: bytes) -> str | None:
    """The text that *name* most likely was, in the code of Chinese or of Western systems."""
    encodings = ("gb18030", "cp1252") if _IN_A_ROW.search(name) else ("cp1252",)
    for encoding in encodings:
        try:
            text = name.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.isprintable():
            return text
    return None
