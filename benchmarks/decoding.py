"""Measure what decoding takes in the confined process: time and memory, by format and size.

usage: python benchmarks/decoding.py [--formats JPEG,HEIC] [--sizes 12,50,108] [--photo FILE]

Each picture is made first, of the photo enlarged or of smooth noise, written in each format, and
decoded in a decoder of its own: as far as detection needs, then once more for a face.

How to read the JSON: one object a file. megapixels and size are the file's, kept is what came
back. first_s and face_s are seconds of the decoder's processor. peak_mib is the most memory that
was ever in use there (VmHWM), above_idle_mib without what an idle decoder takes, bytes_per_pixel
that for each pixel of the file. allowed_mib is the limit. The memory that both processes map is in
it, so the file and the pixels that come back count as well.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

# a script's own folder is searched first, where this very file would be taken for the package
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]

from index.base.errors import UnreadableImageError  # noqa: E402
from index.base.settings import Settings  # noqa: E402
from ingest.decoding.decoder_pool import Decoder, Decoders  # noqa: E402
from ingest.decoding.sandbox import BYTES_PER_FILE_BYTE, LEAST_FILE_BYTES  # noqa: E402
from ingest.decoding.sizes import BYTES_PER_PIXEL, MEGA  # noqa: E402
from ingest.interfaces import STANDARD, DetectedFace  # noqa: E402
from ingest.networks.photos import DECODE_EDGE_PX  # noqa: E402

MAX_MEGAPIXELS = 50
ASPECT = 4 / 3
PANORAMAS = ((16_382, 3_842), (21_694, 1_200))
GRID_PX = 512  # tiles of a phone's HEIC


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of file is written."""

    decoder: str
    options: dict[str, Any]
    mode: str = "RGB"


KINDS = {
    "JPEG": Kind("JPEG", {"quality": 85}),
    "progressive JPEG": Kind("JPEG", {"quality": 85, "progressive": True, "subsampling": 0}),
    "PNG": Kind("PNG", {"compress_level": 6}),
    "PNG with alpha": Kind("PNG", {"compress_level": 6}, "RGBA"),
    "WebP": Kind("WEBP", {"method": 0}),
    "lossless WebP": Kind("WEBP", {"method": 0, "lossless": True, "quality": 0}, "RGBA"),
    "HEIC": Kind("HEIF", {"tile_size": GRID_PX}),
    "HEIC with alpha": Kind("HEIF", {"chroma": 444}, "RGBA"),
    "AVIF": Kind("AVIF", {"speed": 10}),
    "AVIF with alpha": Kind("AVIF", {"speed": 10, "subsampling": "4:4:4"}, "RGBA"),
    "TIFF": Kind("TIFF", {"compression": "tiff_lzw"}),
    "GIF": Kind("GIF", {}, "P"),
    "JPEG 2000": Kind("JPEG2000", {"irreversible": True, "quality_layers": [20]}),
    "BMP": Kind("BMP", {}),
}


def picture(size: tuple[int, int], photo: Path | None) -> Image.Image:
    """A picture of that size: *photo* enlarged, or smooth noise."""
    if photo is not None:
        with Image.open(photo) as image:
            return image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (size[1] // 64 + 1, size[0] // 64 + 1, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def written(image: Image.Image, kind: Kind) -> bytes:
    """The bytes of a file of that kind."""
    stream = BytesIO()
    image = image.quantize(64) if kind.mode == "P" else image.convert(kind.mode)
    image.save(stream, kind.decoder, **kind.options)
    return stream.getvalue()


def status(decoder: Decoder, word: str) -> int:
    """A figure that the kernel has of the decoder's memory, in KiB."""
    assert decoder.sandbox is not None
    text = Path(f"/proc/{decoder.sandbox._process.pid}/status").read_text()  # noqa: SLF001
    return int(text.partition(word + ":")[2].split()[0])


def seconds(decoder: Decoder, work: Callable[[], object]) -> float:
    """The processor seconds that the decoder took for *work*."""
    assert decoder.sandbox is not None
    stat = Path(f"/proc/{decoder.sandbox._process.pid}/stat")  # noqa: SLF001

    def used() -> int:
        words = stat.read_text().rpartition(")")[2].split()
        return int(words[11]) + int(words[12])

    before = used()
    work()
    return (used() - before) / os.sysconf("SC_CLK_TCK")


def measured(data: bytes, small: bytes) -> dict[str, Any]:
    """What decoding *data* takes in a new process that has decoded *small* before."""
    if len(data) > Settings().max_file_bytes:
        return {"refused": "its file is larger than max_file_mib"}
    decoders = Decoders()
    try:
        with decoders.decoder(MAX_MEGAPIXELS) as decoder:
            decoder.decode(small, DECODE_EDGE_PX)
            idle = status(decoder, "VmHWM")
            found: list[Any] = []
            first = seconds(decoder, lambda: found.extend(decoder.decode(data, DECODE_EDGE_PX)[:2]))
            width, height = found[1]
            box = (width / 3, height / 3, width / 3 + 200, height / 3 + 200)
            at = DetectedFace(box, 1.0, ((width / 3, height / 3),) * 5)
            face = seconds(decoder, lambda: decoder.crops(data, [at], STANDARD))
            peak = status(decoder, "VmHWM")
    except UnreadableImageError as error:
        return {"refused": str(error)}
    finally:
        decoders.close()
    file_bytes = max(len(data), LEAST_FILE_BYTES)
    limit = BYTES_PER_PIXEL * MEGA * MAX_MEGAPIXELS + BYTES_PER_FILE_BYTE * file_bytes
    return {
        "size": found[1],
        "kept": found[0].shape[1::-1],
        "first_s": round(first, 2),
        "face_s": round(face, 2),
        "peak_mib": peak >> 10,
        "above_idle_mib": (peak - idle) >> 10,
        "bytes_per_pixel": round((peak - idle) * 1024 / (width * height), 1),
        "allowed_mib": limit >> 20,
    }


def sizes_of(megapixels: list[float]) -> Iterator[tuple[int, int]]:
    """Widths and heights of 4:3, then those of two panoramas that phones wrote."""
    for millions in megapixels:
        width = math.sqrt(millions * MEGA * ASPECT)
        yield int(width) // 16 * 16, int(width / ASPECT) // 16 * 16
    yield from PANORAMAS


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--formats", default=",".join(KINDS), help=", ".join(KINDS))
    parser.add_argument("--sizes", default="12,50.2,108", help="millions of pixels")
    parser.add_argument("--photo", type=Path, help="a photo to enlarge")
    chosen = parser.parse_args()
    pillow_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = None
    small = written(picture((64, 48), None), KINDS["PNG"])
    for size in sizes_of([float(word) for word in chosen.sizes.split(",")]):
        image = picture(size, chosen.photo)
        for name in chosen.formats.split(","):
            about = {"format": name, "megapixels": round(size[0] * size[1] / MEGA, 1)}
            try:
                data = written(image, KINDS[name])
            except (OSError, ValueError, RuntimeError, MemoryError) as error:
                about["not_written"] = str(error)
            else:
                about |= {"file_mib": len(data) >> 20, **measured(data, small)}
            print(json.dumps(about), flush=True)


if __name__ == "__main__":
    main()
