"""make screenshots: the pictures of the page in the READMEs, of drawn people, for light and dark.

It needs playwright and the system's chromium, like the tests of the page.
"""

import shutil
import ssl
import sys
import tempfile
import urllib.parse
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from demo.__main__ import ask, demo_threshold, draw, service

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
LANGUAGES = ("en", "zh")
SCHEMES = ("light", "dark")
WIDTH_PX, HEIGHT_PX = 1180, 1320  # tall enough for three people
COLOURS = 192  # of a palette: the file is a fifth as large, and looks the same


def main() -> None:
    """Take them all."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("there is no chromium; apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="person-count-demo-") as name:
        folder = Path(name).resolve()
        with service(folder) as (url, context), sync_playwright() as playwright:
            question = _question(folder, url, context)
            browser = playwright.chromium.launch(executable_path=chromium)
            for language in LANGUAGES:
                for scheme in SCHEMES:
                    address = f"{url.removesuffix('/person_count')}/#{question}&lang={language}"
                    _take(browser, address, scheme, IMAGES / f"page-{language}-{scheme}.png")
            browser.close()


def _question(folder: Path, url: str, context: ssl.SSLContext) -> str:
    """Draw the portraits and have them indexed. Returns the fragment that asks about them."""
    names = draw(folder / "inbox")
    files = urllib.parse.urlencode([("filepath", name) for name in names])
    ask(f"{url}?{files}", context)
    return urllib.parse.urlencode([("t", demo_threshold()), *(("f", name) for name in names)])


def _take(browser: Browser, address: str, scheme: str, path: Path) -> None:
    context = browser.new_context(
        viewport={"width": WIDTH_PX, "height": HEIGHT_PX},
        color_scheme="dark" if scheme == "dark" else "light",
        ignore_https_errors=True,  # the certificate is the demo's own
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    page.locator("#people[aria-busy=false] .person").first.wait_for()
    page.wait_for_load_state("networkidle")  # the pictures of the faces
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    context.close()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
