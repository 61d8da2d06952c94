"""Numbers of things in messages, so that none says "1 faces"."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """The number with the noun in the form that goes with it: "1 face", "2 faces", "0 faces".

    Args:
        one: the noun for one thing, and whatever has to agree with it, as in "file is".
        many: the same for every other number; None adds an s to *one*.
    """
    return f"{number} {one if number == 1 else many or one + 's'}"
