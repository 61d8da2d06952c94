"""What files are told to be: by their bytes, in words, with what to do."""

import gzip
import io
import tarfile
import zipfile

import pytest
from PIL import Image

from index.base.errors import UnreadableImageError
from ingest.decoding.file_kinds import format_of
from tests.ingest.decoded import refused
from tests.ingest.samples import SAMPLES, encoded, scene


def reason(data: bytes) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        format_of(data)
    assert not caught.value.maybe_partial
    return str(caught.value)


def box(kind: bytes, brand: bytes = b"", *others: bytes) -> bytes:
    body = brand + (bytes(4) + b"".join(others) if brand else b"")
    return (8 + len(body)).to_bytes(4) + kind + body + bytes(100)


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_sample_is_what_it_is(kind: str) -> None:
    names = {"mpo": "jpeg", "jpeg tiff": "tiff"}
    assert format_of(SAMPLES[kind]).name.lower() in names.get(kind, kind)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (box(b"ftyp", b"mif1", b"heic", b"miaf"), "HEIC"),
        (box(b"ftyp", b"mif1", b"avif", b"miaf"), "AVIF"),
        (box(b"ftyp", b"msf1", b"hevc"), "HEIC"),
        (box(b"ftyp", b"heix", b"mif1"), "HEIC"),
        (box(b"ftyp", b"avis", b"msf1"), "AVIF"),
    ],
)
def test_what_a_container_holds_is_told_by_its_brands(data: bytes, name: str) -> None:
    assert format_of(data).name == name


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\x0a" + bytes(50), "a JPEG XL image, which is not read: save it as JPEG or PNG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "a JPEG XL image, which is not read: save it as"),
        (b"8BPS\0\1" + bytes(50), "a Photoshop document (PSD), which is not read: save it as JPEG"),
        (
            b"II*\0\x10\0\0\0CR\2\0" + bytes(50),
            "a camera's raw file (CR2), which is not read: export",
        ),
        (box(b"ftyp", b"crx "), "a camera's raw file (CR3), which is not read: export a JPEG"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(50), "a camera's raw file (RAF)"),
        (b"IIRO\x08\0\0\0" + bytes(50), "a camera's raw file (ORF)"),
        (b"IIU\0\x18\0\0\0" + bytes(50), "a camera's raw file (RW2)"),
        (box(b"ftyp", b"qt  "), "a video, not a photo"),
        (box(b"ftyp", b"mp42", b"isom"), "a video, not a photo"),
        (box(b"moov"), "a video, not a photo"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(50), "a video, not a photo"),
        (b"\x1aE\xdf\xa3" + bytes(50), "a video, not a photo"),
        (b"%PDF-1.7\n" + bytes(50), "a PDF document, which is not read: save its pictures as"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<!DOCTYPE html><html>not found</html>", "a web page, not a photo"),
        (b"<?xml version='1.0'?><!DOCTYPE plist><plist/>", "a property list, not a photo"),
        (b"<?xpacket?><x:xmpmeta xmlns:x='adobe:ns:meta/'/>", "photo metadata (XMP), not a photo"),
        ("Lieber Leser, schöne Grüße".encode(), "a text, not a photo"),
        (b'{"title": "IMG_1.jpg"}', "a text, not a photo"),
        (gzip.compress(b"x", mtime=0), "compressed by gzip, which is not read: unpack it"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), "an OLE file, such as Thumbs.db, not a photo"),
        (bytes(5000), "holds nothing but zeros, as after a copy that failed"),
        (b"\x7fELF" + bytes(50), "a program, not a photo"),
        (
            b"\x01\x02\x03\x04" * 50,
            "is no JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, JPEG 2000 or BMP",
        ),
    ],
)
def test_other_files_are_called_by_their_names(data: bytes, words: str) -> None:
    assert words in reason(data)


def test_archives_are_told() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.jpg", b"x")
    assert reason(made.getvalue()) == "it is a ZIP archive, which is not read: unpack it"
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"))
    assert reason(made.getvalue()) == "it is a TAR archive, which is not read: unpack it"


RAW = "it is a camera's raw file, which is not read: export a JPEG from it"


@pytest.mark.parametrize(
    "tags",
    [
        {50706: b"\1\4\0\0"},  # DNG
        {254: 1},  # NEF, ARW, PEF: the first page is a thumbnail
    ],
)
def test_a_raw_file_that_is_a_tiff_is_not_taken_for_its_thumbnail(tags: dict[int, object]) -> None:
    assert str(refused(encoded(Image.fromarray(scene()), "TIFF", tiffinfo=tags))) == RAW


def test_a_raw_file_with_a_colour_mosaic_is_told() -> None:
    data = encoded(Image.fromarray(scene()), "TIFF")
    photometric = b"\x06\x01\x03\x00\x01\x00\x00\x00"
    assert photometric + b"\2\0" in data
    mosaic = data.replace(photometric + b"\2\0", photometric + b"\x23\x80")
    assert str(refused(mosaic)) == RAW
