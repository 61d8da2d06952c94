"""The one list of formats is what the documentation, the page and uploads go by."""

from pathlib import Path

import pytest

from index.base.image_formats import ENDINGS, FORMATS, MEDIA_TYPES, named
from index.base.other_files import KINDS
from index.base.settings import Settings
from ingest.decoding.sizes import file_megapixels
from service.handlers.assets import assets
from service.uploading.drop_folder import check_name

PROJECT = Path(__file__).resolve().parents[2]


def text_of(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def rows() -> list[str]:
    """The lines of the table that docs/photos.md has to have."""
    most = Settings.model_fields["max_megapixels"].default
    return [
        f"| {kind.name} | {' '.join(f'`{ending}`' for ending in kind.endings)} "
        f"| {kind.shown or 'the picture'} | {file_megapixels(kind, most)} |"
        for kind in FORMATS
    ]


def test_docs_photos_has_the_table_of_all_formats_and_no_other() -> None:
    lines = text_of("docs/photos.md").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| format |")) + 2
    assert lines[start : start + len(FORMATS)] == rows()
    assert lines[start + len(FORMATS)] == ""


def test_docs_photos_has_the_table_of_what_is_known_by_its_name() -> None:
    rows = [
        f"| {kind.name} | {' '.join(f'`{ending}`' for ending in kind.endings)} |" for kind in KINDS
    ]
    assert "\n".join(["| kind | names end in |", "|---|---|", *rows, ""]) in text_of(
        "docs/photos.md"
    )


def test_the_readme_names_all_formats() -> None:
    assert f"Photos may be {named('or')} files" in text_of("README.md")
    names = [kind.name for kind in FORMATS]
    chinese = f"照片可以是 {'、'.join(names[:-1])} 或 {names[-1]} 文件"
    assert chinese in text_of("README.zh-CN.md")


@pytest.mark.parametrize("ending", ENDINGS)
def test_uploads_take_every_format(ending: str) -> None:
    assert check_name(f"photo{ending}") == f"photo{ending}"
    assert check_name(f"IMG_0001{ending.upper()}") == f"IMG_0001{ending.upper()}"


def test_the_pages_file_dialog_offers_every_format() -> None:
    offered = ",".join((*MEDIA_TYPES, *ENDINGS))
    assert f' accept="{offered}"'.encode() in assets()["index.html"].data
