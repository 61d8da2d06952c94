"""The two networks of a generation, loaded; and the first generation of an empty database."""

import ctypes
import gc
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from index.base.arrays import FloatMatrix
from index.base.errors import ModelUnavailableError, UnreadableImageError
from index.base.kernel import check_confinement
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations
from index.database.queries.generations import GenerationRow
from index.database.queries.stored_images import NewFace, NewImage
from index.database.states import GenerationState
from index.vectors.space import shipped_profile, usable
from ingest.decoding.crops import FaceCrops, joined
from ingest.decoding.decoder_pool import Decoder, Decoders
from ingest.interfaces import DetectedFace, Detector, Encoder
from ingest.networks.detector import MtcnnDetector
from ingest.networks.encoder import NetworkEncoder
from ingest.networks.photos import Photo, in_file_pixels, open_photo, sharp_crops
from ingest.networks.recogniser import describe, stored_name
from ingest.networks.runtime import core, cores
from ingest.networks.sharpness import sharpness
from ingest.networks.stage_clock import StageClock

log = logging.getLogger(__name__)

BATCH_PIXELS = 48_000_000  # decoded and in memory together, besides one more image

CUT_OFF_NOTE = "its end is missing; nearly all of the picture is there"

Outcome = NewImage | UnreadableImageError
Outcomes = dict[int, Outcome]  # by a file's number among the contents


@dataclass(frozen=True, slots=True)
class Models:
    """A detector and an encoder that belong together. Safe to call from several threads."""

    detector: Detector
    encoder: Encoder
    decoders: Decoders = field(default_factory=Decoders)
    stages: StageClock = field(default_factory=StageClock)

    def analyse(
        self, contents: Sequence[tuple[bytes, bytes]], max_megapixels: int
    ) -> list[Outcome]:
        """Decode images, find their faces and embed them, in batches of BATCH_PIXELS.

        Args:
            contents: SHA-256 and bytes of each file; all are in memory together.

        Returns: for each file the image with its faces, or the reason why it has none.

        Raises:
            DecoderUnavailableError: no process can be started to decode in.
        """
        outcomes: Outcomes = {}
        with self.decoders.decoder(max_megapixels) as decoder:
            for photos in self._opened([data for _, data in contents], decoder, outcomes):
                for number, faces in self._faces(photos, decoder, outcomes):
                    photo = photos[number]
                    note = CUT_OFF_NOTE if photo.is_cut_off else None
                    outcomes[number] = NewImage(contents[number][0], photo.full_size, faces, note)
                photos.clear()  # before the next ones are decoded
        return [outcomes[number] for number in range(len(contents))]

    def _opened(
        self, contents: Sequence[bytes], decoder: Decoder, outcomes: Outcomes
    ) -> Iterator[dict[int, Photo]]:
        """Photos by number, in batches; errors of files that cannot be read go to *outcomes*."""
        photos: dict[int, Photo] = {}
        pixels = 0
        for number, data in enumerate(contents):
            try:
                with self.stages.stage("decode"):
                    photo = open_photo(data, decoder)
            except UnreadableImageError as error:
                outcomes[number] = error.bare()
                continue
            size = photo.pixels.size // 3
            if photos and pixels + size > BATCH_PIXELS:
                yield photos
                photos, pixels = {}, 0
            photos[number] = photo
            pixels += size
        yield photos

    def _faces(
        self, photos: dict[int, Photo], decoder: Decoder, outcomes: Outcomes
    ) -> Iterator[tuple[int, list[NewFace]]]:
        """The faces of each photo; errors of decoding one in full go to *outcomes*."""
        with self.stages.stage("detect"):
            images = [photo.pixels for photo in photos.values()]
            found = dict(zip(photos, self.detector.detect(images), strict=True))
        with self.stages.stage("crop"):
            framing = self.encoder.framing
            crops: dict[int, FaceCrops] = {}
            for number, photo in photos.items():
                try:
                    crops[number] = sharp_crops(photo, found[number], framing, decoder)
                except UnreadableImageError as error:
                    outcomes[number] = error.bare()
            if not crops:
                return
            together = joined(list(crops.values()))
            sharp = sharpness(together.standard)
        with self.stages.stage("embed"):
            rows = iter(zip(self.encoder.encode(together.framed), sharp, strict=True))
        for number in crops:
            faces = [in_file_pixels(face, photos[number]) for face in found[number]]
            yield number, [_new_face(face, *next(rows)) for face in faces]


def _new_face(face: DetectedFace, raw: FloatMatrix, sharp: float) -> NewFace:
    if not usable(raw):
        raise ModelUnavailableError("the encoder gave an embedding that is not finite")
    points = np.array(face.landmarks, np.float32)
    return NewFace(face.box, face.probability, points, float(sharp), raw)


def torch_device(setting: str) -> str:
    """Torch's name for the device that the setting means.

    Raises:
        ModelUnavailableError: it means a GPU, and there is none that torch can use.
    """
    usable = setting != "cpu" and _has_driver() and _torch_finds_gpu()
    if setting == "cuda" and not usable:
        raise ModelUnavailableError("setting device: torch finds no GPU to use; set auto or cpu")
    return "cuda" if usable else "cpu"


def _has_driver() -> bool:
    """Whether NVIDIA's driver is there; without it, importing torch would be useless."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _torch_finds_gpu() -> bool:
    from ingest.networks.torch_nets import finds_gpu  # noqa: PLC0415 - takes seconds

    return finds_gpu()


def load_models(settings: Settings, model: str) -> Models:
    """Load the detector, and the recogniser that the setting *model* means.

    Raises:
        ConfigError: there is no such model.
        ModelUnavailableError: its network cannot be loaded.
        DecoderUnavailableError: no process can be started to decode in.
        ConfigError: setting confinement requires what the kernel lacks.
    """
    check_confinement(settings.confinement)
    decoders = Decoders()
    decoders.prepare(cores(), settings.max_megapixels)  # they get ready while networks are read
    device = torch_device(settings.device)
    folder = settings.networks_folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        core()  # before there are two threads to make it
        with ThreadPoolExecutor(1) as pool:  # compiling takes half a second, most of it the encoder
            detector = pool.submit(MtcnnDetector, folder, device=device)
            encoder = NetworkEncoder(describe(model), folder, device=device)
            models = Models(detector.result(), encoder, decoders)
    except OSError as error:  # for example a folder that another user made
        said = f"{error.strerror}: {error.filename or folder}"
        raise ModelUnavailableError(f"the networks cannot be read or kept: {said}") from error
    # the imported modules stay for good: freeze them, or each collection spends 0.15 s on them
    gc.collect()
    gc.freeze()
    return models


def load_encoder(settings: Settings, model: str) -> Encoder:
    """Load only the recogniser that the setting *model* means.

    Raises:
        ConfigError: there is no such model.
        ModelUnavailableError: its network cannot be loaded.
    """
    device = torch_device(settings.device)
    return NetworkEncoder(describe(model), settings.networks_folder, device=device)


def with_encoder_of(settings: Settings, models: Models, generation: GenerationRow) -> Models:
    """*models* with the recogniser that a second generation was made with.

    Raises:
        ConfigError, ModelUnavailableError: it cannot be loaded, or is no longer the same.
    """
    if models.encoder.model_id == generation.model_id:
        return models
    encoder = load_encoder(settings, generation.model)
    if encoder.model_id != generation.model_id:
        raise ModelUnavailableError(
            f"{generation.model} is now {encoder.model_id}; run the re-index again"
        )
    return replace(models, encoder=encoder)


def load_generation(settings: Settings, generation: GenerationRow) -> Models:
    """Load the models that a generation was made with.

    Raises:
        ConfigError, ModelUnavailableError: they cannot be loaded, or are no longer the same.
    """
    models = load_models(settings, generation.model)
    if models.encoder.model_id != generation.model_id:
        raise ModelUnavailableError(
            f"the library was indexed with {generation.model_id}, but {generation.model} is now "
            f"{models.encoder.model_id}; run: person-count reindex"
        )
    return models


def open_generation(database: Database, settings: Settings) -> tuple[GenerationRow, Models]:
    """The active generation with its models; the first one is made from the settings.

    Raises:
        ModelUnavailableError: see load_generation.
    """
    with database.read() as connection:
        generation = generations.active(connection)
    configured = stored_name(settings.model)
    if generation is not None:
        if stored_name(generation.model) != configured:
            log.warning(
                "model.differs configured=%s used=%s; person-count reindex changes the library's",
                configured,
                generation.model,
            )
        return generation, load_generation(settings, generation)
    models = load_models(settings, configured)
    with database.write() as connection:
        generation = generations.active(connection) or generations.create(
            connection,
            model_id=models.encoder.model_id,
            model=configured,
            profile=shipped_profile(configured, models.encoder.dim).to_json(),
            state=GenerationState.ACTIVE,
            now=time.time(),
        )
    return generation, models
