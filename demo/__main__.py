"""make demo: draw 12 portraits of 4 people, drop them in, ask how many there are, over HTTPS.

make demo STAY=1 goes on after that, so that people can look at the page.
"""

import argparse
import json
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.portraits import DEMO_IDENTITIES, draw_identity, draw_portrait
from index.vectors.space import Space, shipped_profile

PEOPLE = 4
PHOTOS = 3
# Drawn faces resemble each other more than photographed ones: the demo's four people are at least
# 0.26 apart in cosine distance, strangers on photos about 1.0.
DRAWN_DISTANCE = 0.15
START_SECONDS = 60.0
STOP_SECONDS = 20.0


def draw(folder: Path) -> list[str]:
    """Draw the portraits into *folder*. Returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for person, seed in enumerate(DEMO_IDENTITIES[:PEOPLE]):
        identity = draw_identity(seed)
        for photo in range(PHOTOS):
            name = f"person-{person + 1}-photo-{photo + 1}.png"
            partial = folder / f"{name}.tmp"  # the watcher ignores it until it has its name
            draw_portrait(identity, photo).save(partial, format="PNG")
            partial.rename(folder / name)
            names.append(name)
    return names


@contextmanager
def service(folder: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """Run the service in *folder*. Yields its base URL and a context that trusts it."""
    config = folder / "config.yaml"
    config.write_text(f"inbox: {folder / 'inbox'}\ndata: {folder / 'data'}\n", encoding="utf-8")
    log = folder / "serve.log"
    with log.open("wb") as stream:
        command = [sys.executable, "-m", "person_count", "serve", "--port", "0"]
        command += ["--config", str(config)]
        process = subprocess.Popen(command, stderr=stream)
        try:
            url = _address(log, process)
            yield url, ssl.create_default_context(cafile=folder / "data" / "tls.crt")
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r'"url": "([^"]+)"', log.read_text(encoding="utf-8"))
        if found:
            return found[1]
        time.sleep(0.1)
    sys.exit(f"the service did not start:\n{log.read_text(encoding='utf-8')}")


def ask(url: str, context: ssl.SSLContext) -> str:
    """GET *url* until the files are indexed. Returns the answer's text."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, context=context) as answer:
                return str(answer.read(), "utf-8")
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
            if error.code != 503 or time.monotonic() > deadline:  # noqa: PLR2004 - still indexing
                return text


def demo_threshold() -> str:
    """The threshold that tells drawn people apart."""
    space = Space.calibrated(shipped_profile("facenet", 512))
    return f"{space.threshold(DRAWN_DISTANCE):.3f}"


def page(url: str, names: list[str], threshold: str) -> str:
    """The address of the page that asks the same; *url* is that of the question."""
    asked = urllib.parse.urlencode([("t", threshold), *(("f", name) for name in names)])
    return f"{url.removesuffix('/person_count')}/#{asked}"


def stay() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    asked = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, asked)
    signal.sigwait(asked)
    print("stopping")


def main(*, staying: bool) -> None:
    """Run the demonstration."""
    threshold = demo_threshold()
    with tempfile.TemporaryDirectory(prefix="person-count-demo-") as name:
        folder = Path(name).resolve()
        with service(folder) as (url, context):
            print(f"drawing {PEOPLE * PHOTOS} portraits of {PEOPLE} people into the drop folder")
            names = draw(folder / "inbox")
            query = urllib.parse.urlencode(
                [*(("filepath", path) for path in names), ("threshold", threshold)]
            )
            print(f"threshold {threshold} instead of 0.2: drawn faces resemble each other")
            print(f"GET {url}?{query}\n")
            answer = ask(f"{url}?{query}", context)
            print(answer)
            if json.loads(answer).get("person_num") != PEOPLE:
                sys.exit(f"expected {PEOPLE} persons")
            if staying:
                print(f"\nlook at the page: {page(url, names, threshold)}")
                print("the browser warns of the certificate, which the demo made; Ctrl-C ends it")
                sys.stdout.flush()
                stay()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--stay", action="store_true", help="go on, to look at the page")
    main(staying=parser.parse_args().stay)
