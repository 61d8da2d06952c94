"""Descriptions of recognisers: how to run a network that turns faces into vectors.

A description is a TOML file of a few fields (docs/models.md). The network's own file lies beside
it, or with the other networks below the data folder. Three descriptions are shipped.
"""

import hashlib
import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from index.base.errors import ConfigError
from ingest.interfaces import CROP_MARGIN_PX, CROP_PX, Framing

SHIPPED = ("facenet", "facenet-vggface2", "mobilefacenet")
STATE_DICTS = (".pt", ".safetensors")
FOLDER = files("ingest.networks") / "recognisers"
MOST_BYTES = 64 << 10  # of a description

Positive = Annotated[float, Field(gt=0)]


class Source(BaseModel):
    """The source of a network's file; without any of these, the file is in its place already.

    Attributes:
        package: the Python package that ships it.
        url: https, for a download.
        npm, member: a package of the npm registry, and the file's path in it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    package: str | None = None
    url: str | None = Field(None, pattern="^https://")
    npm: str | None = Field(
        None, pattern=r"^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@[0-9][0-9A-Za-z.+-]*$"
    )
    member: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if [self.package, self.url, self.npm].count(None) < 2:  # noqa: PLR2004 - of three
            raise ValueError("name one of package, url and npm")
        if (self.npm is None) != (self.member is None):
            raise ValueError("npm and member belong together")
        return self


class Recogniser(BaseModel):
    """A description.

    Attributes:
        sha256: of the file, 64 hex digits; another file is not loaded.
        architecture: None for a network that OpenVINO reads by itself (ONNX, TFLite, its own IR, a
            frozen TensorFlow graph); inception-resnet-v1 for weights of FaceNet.
        input_px: the edge of the square input.
        channels: the order of the colours in it.
        mean, scale: pixels 0 to 255 go in as (pixel − mean) / scale; one number or one each.
        crop: box: the detector's box with a margin; or landmarks: aligned by the five landmarks.
        margin_px: of a box, in pixels of the input, both sides together.
        licence: the source's words about it, for people.
        folder: the description's folder; None if it is shipped.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern="^[a-z0-9][a-z0-9._-]{0,59}$")
    file: str = Field(pattern=r"^[^/\\\x00]+$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    architecture: Literal["inception-resnet-v1"] | None = None
    input_px: int = Field(ge=16, le=1024)
    channels: Literal["RGB", "BGR"]
    mean: float | tuple[float, float, float]
    scale: Positive | tuple[Positive, Positive, Positive]
    crop: Literal["box", "landmarks"]
    margin_px: int = Field(0, ge=0)
    licence: str = ""
    source: Source = Source()
    folder: Path | None = Field(None, exclude=True)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.crop == "landmarks" and self.margin_px:
            raise ValueError('margin_px belongs to crop = "box"')
        if self.margin_px >= self.input_px:
            raise ValueError("margin_px must be smaller than input_px")
        if self.architecture is not None:
            usual = (CROP_PX, "RGB", 127.5, 128.0, "box", CROP_MARGIN_PX)
            if self._recipe() != usual:
                raise ValueError(f"{self.architecture} takes its input as facenet.toml says")
        return self

    def _recipe(self) -> tuple[object, ...]:
        """The steps from a face to the network's input."""
        return self.input_px, self.channels, self.mean, self.scale, self.crop, self.margin_px

    @property
    def model_id(self) -> str:
        """Name and 16 hex digits of everything that vectors depend on; equal ids are comparable.

        FaceNet's input is always made in the same way, so its vectors depend on the file alone.
        """
        if self.architecture is not None:
            return f"{self.name}-{self.sha256[:16]}"
        recipe = json.dumps([self.sha256, *self._recipe()])
        return f"{self.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"

    @property
    def framing(self) -> Framing:
        """The crops that it needs."""
        return Framing(self.input_px, None if self.crop == "landmarks" else self.margin_px)


def describe(model: str) -> Recogniser:
    """The description that the setting *model* means.

    The path of a state_dict of FaceNet (.pt, .safetensors) stands for a description of it.

    Raises:
        ConfigError: there is none, or it is malformed; the text names the cure.
    """
    if model in SHIPPED:
        return _parsed((FOLDER / f"{model}.toml").read_text("utf-8"), None)
    path = _file(model)
    if path is None:
        raise ConfigError(
            f"model {model!r} is neither {', '.join(SHIPPED)} nor the path of a description"
        )
    try:
        if path.suffix in STATE_DICTS:
            return _of_state_dict(path)
        with path.open("rb") as stream:
            text = stream.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ConfigError(f"{path} is too large for a description")
        return _parsed(text.decode("utf-8"), path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no description: it is not UTF-8") from error


def stored_name(model: str) -> str:
    """The setting *model* as a library keeps it, since the next command may run in another folder.

    A path becomes absolute; a name stays.
    """
    path = None if model in SHIPPED else _file(model)
    return model if path is None else str(path)


def _file(model: str) -> Path | None:
    try:
        path = Path(model).expanduser()
    except RuntimeError:  # the home of a user who does not exist
        return None
    return path.absolute() if path.is_file() else None


def _parsed(text: str, path: Path | None) -> Recogniser:
    try:
        given = tomllib.loads(text)
        return Recogniser(**given | {"folder": path.parent if path else None})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no description: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: {field + ': ' if field else ''}{said}") from error


def _of_state_dict(path: Path) -> Recogniser:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    facenet = describe(SHIPPED[0])
    # not validated: libraries from before descriptions may hold other names
    return facenet.model_copy(
        update={
            "name": path.stem, "file": path.name, "sha256": digest, "licence": "",
            "source": Source(), "folder": path.parent,
        }
    )  # fmt: skip
