"""Finds the file of a recogniser, and checks that it is the right one."""

import hashlib
import importlib.util
from pathlib import Path

from index.base.errors import ModelUnavailableError
from ingest.networks.recogniser import SHIPPED, Recogniser


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
    found = sha256_of(path)
    if found != recogniser.sha256:
        raise ModelUnavailableError(
            f"{path} has SHA-256 {found}, not {recogniser.sha256}; "
            + ("reinstall it" if recogniser.source.package else "delete it and get it again")
        )
    return path


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
