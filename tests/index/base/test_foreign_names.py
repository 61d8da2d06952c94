"""Names in other encodings, and what to rename them to."""

import os

import pytest

from index.base.foreign_names import what_to_rename


@pytest.mark.parametrize(
    ("raw", "better"),
    [
        ("全家福 2019.jpg".encode("gbk"), "全家福 2019.jpg"),
        ("張三與李四.jpg".encode("gb18030"), "張三與李四.jpg"),
        ("été à Nîmes.jpg".encode("latin-1"), "été à Nîmes.jpg"),
        (b"caf\xe9.png", "café.png"),
    ],
)
def test_a_name_is_guessed_where_that_is_likely(raw: bytes, better: str) -> None:
    assert what_to_rename(f"/in/照片/{os.fsdecode(raw)}") == (
        f"its name is not valid UTF-8; rename it, perhaps to {better}"
    )


def test_no_guess_is_better_than_a_name_that_nobody_can_read() -> None:
    reason = what_to_rename(os.fsdecode(b"/in/a\x81.jpg"))
    assert reason == "its name is not valid UTF-8; rename it"


def test_a_folder_is_named_as_it_is_shown() -> None:
    path = os.fsdecode(b"/in/" + "合影".encode("gbk") + b"/\xff.jpg")
    assert what_to_rename(path) == (
        r"the name of its folder \xba\xcfӰ is not valid UTF-8; rename that, perhaps to 合影"
    )
