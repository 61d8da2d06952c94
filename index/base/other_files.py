"""Knows by their names files that are no photos: videos, side-cars, documents and the like.

A phone's export or a folder on a network disk is full of them. They are passed over unread. Files
with other names are read, and their bytes decide.
"""

import os
from typing import NamedTuple

from index.base.image_formats import ENDINGS


class Kind(NamedTuple):
    """A kind of files that are no photos.

    Attributes:
        name: with its article, for sentences.
        endings: of its files' names, in lower case.
        whole_names: of files that always have the same name, in lower case.
    """

    name: str
    endings: tuple[str, ...]
    whole_names: tuple[str, ...]


def _kind(name: str, endings: str, *whole_names: str) -> Kind:
    return Kind(name, tuple(f".{ending}" for ending in endings.split()), whole_names)


KINDS = (
    _kind(
        "a side-car file",
        "aae xmp json xml csv pp3 dop cos on1 nksc exif gpx kml lrtemplate modd moff",
    ),
    _kind(
        "a video",
        "mov mp4 m4v avi mkv webm 3gp 3g2 mpg mpeg mts m2ts wmv flv vob ogv lrv insv asf",
    ),
    _kind("a sound", "mp3 m4a aac wav ogg oga opus flac wma amr aif aiff caf mid"),
    _kind(
        "a document",
        "txt md log rtf pdf doc docx odt xls xlsx ods ppt pptx odp htm html css js vcf ics eml srt "
        "vtt epub url webloc torrent nfo",
    ),
    _kind("an archive", "zip rar 7z tar gz tgz bz2 xz zst iso dmg"),
    _kind("a program", "exe msi dll bat cmd ps1 sh py apk so"),
    _kind(
        "a system file",
        "db db-wal db-shm db-journal sqlite ini cfg conf lnk plist lrcat lrdata info sys lock ctg "
        "md5 sha1 sha256",
        "icon\r",
        "md5sums",
        "sha256sums",
    ),
)
_OF_ENDING = {ending: kind.name for kind in KINDS for ending in kind.endings}
_OF_NAME = {name: kind.name for kind in KINDS for name in kind.whole_names}


def passed_over(path: str) -> str | None:
    """The reason why a file of this name is no photo, or None if the name does not tell."""
    name = path.rpartition("/")[2].lower()
    if name in _OF_NAME:
        return f"by its name it is {_OF_NAME[name]}, not a photo"
    ending = os.path.splitext(name)[1]
    if ending in _OF_ENDING:
        return f"by its ending {ending} it is {_OF_ENDING[ending]}, not a photo"
    return None


def has_image_ending(path: str) -> bool:
    """Whether a file's name ends like that of a photo."""
    return os.path.splitext(path.lower())[1] in ENDINGS
