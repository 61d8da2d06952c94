"""Names that tell that a file is no photo."""

import pytest

from index.base.image_formats import ENDINGS
from index.base.other_files import KINDS, has_image_ending, passed_over


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("/in/IMG_0001.MOV", "by its ending .mov it is a video"),
        ("/in/IMG_0001.AAE", "by its ending .aae it is a side-car file"),
        ("/in/IMG_0001.HEIC.xmp", "a side-car file"),
        ("/in/IMG_0001.jpg.json", "a side-car file"),
        ("/in/Thumbs.db", "a system file"),
        ("/in/desktop.ini", "a system file"),
        ("/in/Icon\r", "by its name it is a system file"),
        ("/in/Voice 1.m4a", "a sound"),
        ("/in/readme.txt", "a document"),
        ("/in/all.zip", "an archive"),
        ("/in/all.tar.gz", "an archive"),
    ],
)
def test_a_known_name_says_what_the_file_is(name: str, kind: str) -> None:
    reason = passed_over(name)
    assert reason is not None
    assert kind in reason
    assert reason.endswith(", not a photo")


@pytest.mark.parametrize(
    "name",
    [
        "/in/a.jpg",
        "/in/IMG_0001",
        "/in.mov/a.jpg",
        "/in/a.jpg_large",
        "/in/mov",
        "/in/.mov",
        "/in/a.mov.jpg",
        "/in/a.CR2",
        "/in/a.psd",
    ],
)
def test_any_other_file_is_read(name: str) -> None:
    assert passed_over(name) is None


def test_no_ending_of_a_photo_is_passed_over() -> None:
    others = {ending for kind in KINDS for ending in kind.endings}
    assert others.isdisjoint(ENDINGS)
    assert all(has_image_ending(f"/in/A{ending.upper()}") for ending in ENDINGS)
    assert not has_image_ending("/in/jpg")


def test_each_ending_is_of_one_kind() -> None:
    endings = [ending for kind in KINDS for ending in kind.endings]
    assert len(endings) == len(set(endings))
