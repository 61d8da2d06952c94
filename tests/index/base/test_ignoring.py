"""Files and folders that are left alone by their names."""

import pytest
from pathspec import GitIgnoreSpec

from index.base.ignoring import DEFAULT_PATTERNS, Ignored

SHIPPED = Ignored()
LEFT_ALONE = [
    "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
    "holiday/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
    "#recycle/a.jpg",
    "@Recycle/a.jpg",
    "$RECYCLE.BIN/S-1-5-21/$R1.jpg",
    "$Recycle.Bin/S-1-5-21/$R1.jpg",
    ".Trash-1000/files/a.jpg",
    ".Trashes/501/a.jpg",
    ".stversions/a~20240101-120000.jpg",
    "__MACOSX/._a.jpg",
    "System Volume Information/a.jpg",
    ".hidden.jpg",
    "a/.thumbnails/a.jpg",
    "a.jpg.tmp",
    "a.jpg.part",
    "a.jpg.partial",
    "a.jpg.filepart",
    "a.jpg.crdownload",
    "a.jpg.aria2",
    "a.jpg.download/a.jpg",
    "a.jpg~",
    "~$a.jpg",
]
READ = [
    "a.jpg",
    "eaDir/a.jpg",
    "recycle/a.jpg",
    "#recycled/a.jpg",
    "my #recycle/a.jpg",
    "tmp",
    "part/a.jpg",
    "a.tmp.jpg",
    "~a.jpg",
    "a.TMP",
    "__MACOSX.jpg",
]


@pytest.mark.parametrize("below", LEFT_ALONE)
def test_by_default_trash_thumbnails_and_unfinished_files_are_left_alone(below: str) -> None:
    assert SHIPPED.path(below)


@pytest.mark.parametrize("below", READ)
def test_ordinary_names_are_not(below: str) -> None:
    assert not SHIPPED.path(below)


@pytest.mark.parametrize("below", [*LEFT_ALONE, *READ])
def test_names_are_matched_as_git_would(below: str) -> None:
    """All patterns of names are made one expression, and tried on each part of a path."""
    escaped = [pattern.replace("#", "\\#", 1) for pattern in DEFAULT_PATTERNS]
    expected = GitIgnoreSpec.from_lines([".*", *escaped]).match_file(below)
    assert SHIPPED.path(below) == expected


@pytest.mark.parametrize(
    ("patterns", "ignored", "read"),
    [
        ([], [".a.jpg"], ["a.jpg.tmp", "@eaDir/a.jpg"]),
        (["raw/"], ["raw/a.jpg", "a/raw/b.jpg"], ["raw", "a/raw", "raw.jpg"]),
        (["/raw"], ["raw", "raw/a.jpg"], ["a/raw"]),
        (["a/raw"], ["a/raw/b.jpg"], ["b/a/raw/b.jpg", "raw"]),
        (["**/raw/*.jpg"], ["raw/a.jpg", "b/raw/a.jpg"], ["raw/a.png"]),
        (["*.jpg", "!keep.jpg"], ["a.jpg"], ["keep.jpg", "b/keep.jpg"]),
        (["out", "!out/keep.jpg"], ["out/keep.jpg"], ["keep.jpg"]),
        (["IMG_[0-9].jpg"], ["IMG_1.jpg"], ["IMG_a.jpg"]),
        (["#private"], ["#private/a.jpg"], ["private/a.jpg"]),
        (["!.hidden.jpg"], [".hidden.jpg"], []),
    ],
)
def test_patterns_are_those_of_a_gitignore(
    patterns: list[str], ignored: list[str], read: list[str]
) -> None:
    found = Ignored(patterns)
    assert [below for below in (*ignored, *read) if found.path(below)] == ignored


def test_a_pattern_for_folders_spares_files_of_that_name() -> None:
    found = Ignored(["raw/"])
    assert found.entry("raw", is_folder=True)
    assert not found.entry("raw")
