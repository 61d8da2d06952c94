"""Finds the files of networks, and checks that they are the right ones."""

import hashlib
import importlib.util
from pathlib import Path

from index.base.errors import ModelUnavailableError
from ingest.networks.recogniser import SHIPPED, Recogniser

DETECTOR_PACKAGE = "facenet_pytorch"
DETECTOR_SHA256 = {  # of MTCNN's files in facenet-pytorch 2.5.3
    "pnet": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}


def network_file(recogniser: Recogniser, folder: Path) -> Path:
    """The recogniser's file, checked.

    Args:
        folder: keeps fetched networks.

    Raises:
        ModelUnavailableError: it is missing, or has another SHA-256; the text names the cure.
    """
    path = find_file(recogniser, folder)
    if path is None:
        raise ModelUnavailableError(_missing(recogniser, folder))
    cure = "reinstall it" if recogniser.source.package else "delete it and get it again"
    _check(path, sha256_of(path), recogniser.sha256, cure)
    return path


def detector_weights(name: str) -> bytes:
    """The checked bytes of one of MTCNN's files: a key of DETECTOR_SHA256.

    Raises:
        ModelUnavailableError: it is missing, or has another SHA-256; the text names the cure.
    """
    folders = _package_folders(DETECTOR_PACKAGE)
    path = next(
        (found for folder in folders if (found := folder / "data" / f"{name}.pt").is_file()), None
    )
    if path is None:
        raise ModelUnavailableError(
            f"MTCNN's file {name}.pt is not there: facenet-pytorch is not installed completely; "
            "reinstall it"
        )
    data = path.read_bytes()
    _check(
        path, hashlib.sha256(data).hexdigest(), DETECTOR_SHA256[name], "reinstall facenet-pytorch"
    )
    return data


def _check(path: Path, found: str, expected: str, cure: str) -> None:
    if found != expected:
        raise ModelUnavailableError(f"{path} has SHA-256 {found}, not {expected}; {cure}")


def find_file(recogniser: Recogniser, folder: Path) -> Path | None:
    """The file's path, unchecked: beside its description, in its package, or in *folder*."""
    if recogniser.source.package:
        places = _package_folders(recogniser.source.package)
    else:
        beside = [recogniser.folder] if recogniser.folder else []
        places = [*beside, folder]
    paths = [place / recogniser.file for place in places]
    return next((path for path in paths if path.is_file()), None)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _package_folders(package: str) -> list[Path]:
    """The folders of an installed package. Its code is not imported: it may need other packages."""
    found = importlib.util.find_spec(package)
    return [Path(place) for place in (found.submodule_search_locations or ())] if found else []


def _missing(recogniser: Recogniser, folder: Path) -> str:
    name, source = recogniser.name, recogniser.source
    if source.package:
        return f"the package that ships model {name} ({source.package}) is not installed completely"
    if name in SHIPPED:
        return f"the network of model {name} is not there; run: person-count model fetch {name}"
    return f"the network {recogniser.file} of model {name} is in neither its folder nor {folder}"
