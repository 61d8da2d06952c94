"""The one Settings object: command line > PERSON_COUNT_… > config.yaml > the defaults here."""

import os
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from index.base import setting_errors
from index.base.choices import Calibrate, Confinement, DistanceScale, FaceChoice, Linkage, WatchMode
from index.base.database_url import Address, DatabaseUrl
from index.base.errors import ConfigError
from index.base.ignoring import DEFAULT_PATTERNS, Ignored
from index.base.paths import Roots, is_in
from index.base.ray_cluster import checked_address
from index.base.web_addresses import check_networks, exact_origins, one_spelling

DEFAULT_CONFIG = Path("config.yaml")
DATABASE_NAME = "person_count.db"  # in the data folder


def _not_empty(given: object) -> object:
    if given == "":  # from an unset variable of a shell or compose file; Path("") is this folder
        raise ValueError("is empty; name a path, or write null for none")
    return given


def _absolute(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("holds a zero byte, which no path can")
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("names the home of a user who does not exist") from error


def _check_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        try:
            Ignored([pattern])
        except ValueError as error:
            raise ValueError(f"{pattern!r} is no pattern of a .gitignore") from error
    return patterns


AbsolutePath = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(_absolute)]


class Settings(BaseSettings):
    """All settings of an operator; their names hold the units."""

    model_config = SettingsConfigDict(
        env_prefix="PERSON_COUNT_",
        env_parse_none_str="null",  # as in YAML, so that the environment can unset a setting
        frozen=True,
        extra="forbid",
        validate_default=True,
    )

    inbox: AbsolutePath = Field(Path("inbox"), description="The drop folder.")
    data: AbsolutePath = Field(
        Path("data"), description="Folder of database, networks and certificate."
    )
    database_url: DatabaseUrl | None = Field(
        None, description="A PostgreSQL database for the library; without it, a file in data."
    )
    roots: tuple[AbsolutePath, ...] = Field(
        (), description="More folders to watch; requests may name their files."
    )
    ignore: Annotated[tuple[str, ...], AfterValidator(_check_patterns)] = Field(
        DEFAULT_PATTERNS,
        description="Names of files and folders to leave alone, as in a .gitignore.",
    )

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8022, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    tls: bool = Field(True, description="Set false only behind a proxy that does TLS.")
    tls_certificate: AbsolutePath | None = Field(
        None, description="PEM file of your own certificate chain."
    )
    tls_key: AbsolutePath | None = Field(None, description="PEM file of its key.")
    hostnames: tuple[str, ...] = Field(
        (), description="More names under which callers may address the service."
    )
    public_url: Annotated[str, AfterValidator(one_spelling)] | None = Field(
        None, description="The address that callers use, if a proxy stands in front."
    )
    proxies: Annotated[tuple[str, ...], AfterValidator(check_networks)] = Field(
        (), description="Addresses of proxies: each may hold any number of the connections."
    )
    cors_origins: Annotated[tuple[str, ...], AfterValidator(exact_origins)] = Field(
        (), description="Origins of other sites whose pages may use the service."
    )
    tokens: AbsolutePath | None = Field(
        None, description="File of bearer tokens; without it no caller needs a token."
    )
    allow_unauthenticated: bool = Field(
        False, description="Serve other machines even without tokens or TLS."
    )

    model: str = Field(
        "facenet",
        description="facenet, facenet-vggface2, mobilefacenet, or the path of a description.",
    )
    device: str = Field(
        "auto", pattern="^(auto|cpu|cuda)$", description="Where the models run: auto, cpu or cuda."
    )
    distance: DistanceScale = Field(
        DistanceScale.CALIBRATED, description="The threshold's scale: calibrated or cosine."
    )
    calibrate: Calibrate = Field(
        Calibrate.MANUAL,
        description="automatic: where the profile does not fit, calibrate without labels at 100, "
        "1,000 and 10,000 faces.",
    )
    linkage: Linkage = Field(
        Linkage.EVIDENCE, description="How faces become persons; see the glossary."
    )
    counted_faces: FaceChoice = Field(
        FaceChoice.KEY, description="Which faces of a photo count: key, all or one."
    )

    watch: WatchMode = Field(
        WatchMode.AUTO, description="How changes are noticed: auto, inotify or polling."
    )
    settle_seconds: float = Field(
        2.0, ge=0, le=600, description="A file is read once it has not changed for this long."
    )
    scan_seconds: float = Field(600.0, gt=0, description="Time between two full scans.")
    poll_seconds: float = Field(
        5.0, gt=0, description="Time between two scans where inotify does not work."
    )
    batch_files: int = Field(64, ge=1, le=1024, description="Most files in one commit.")
    batch_wait_seconds: float = Field(
        0.5, ge=0, le=60, description="How long a batch waits to fill."
    )
    max_file_mib: int = Field(64, ge=1, le=1024, description="Larger files are refused.")
    max_megapixels: int = Field(
        50, ge=1, le=500, description="Larger images are reduced or refused."
    )
    confinement: Confinement = Field(
        Confinement.AUTO,
        description="required: do not start where decoders cannot be confined by both Landlock and "
        "seccomp.",
    )

    snapshot_changes: int = Field(
        50_000, ge=1, description="Write an index snapshot after this many changes."
    )
    snapshot_seconds: float = Field(
        600.0, gt=0, description="Write one after this long, too, if anything has changed."
    )

    retention_days: float | None = Field(
        None, gt=0, description="Forget photos that were indexed longer ago; none keeps them."
    )

    vector_memory_mib: int | None = Field(
        None,
        ge=1,
        le=1 << 30,
        description="Most memory for vectors in a service; of a larger library it keeps the last "
        "that were asked about. none: all vectors of a file, 2048 of a server.",
    )

    wait_seconds: float = Field(
        30.0, ge=0, le=600, description="How long a request waits for files to be indexed."
    )
    max_request_files: int = Field(
        10_000, ge=1, description="Most files in one request, those in its folders too."
    )
    max_request_faces: int = Field(50_000, ge=1, description="Most faces in one request.")
    max_request_seconds: float = Field(
        60.0, gt=0, description="Longest that counting more than 10,000 faces may take."
    )
    max_folder_entries: int = Field(
        100_000, ge=1, description="Most files and folders below the folders of one request."
    )
    library_people: bool = Field(
        True,
        description="Work out who is in the whole library while nothing else is to be done.",
    )
    ray_address: Annotated[str, AfterValidator(checked_address)] | None = Field(
        None,
        description="A Ray cluster that helps with this: auto, HOST:PORT, ray://HOST:PORT or "
        "local.",
    )
    _networks_folder: Path | None = PrivateAttr(None)

    @property
    def database_path(self) -> Path:
        """The file that holds the library, unless a server does."""
        return self.data / DATABASE_NAME

    @property
    def database_address(self) -> Address:
        """Where the library is."""
        return self.database_url or self.database_path

    @property
    def networks_folder(self) -> Path:
        """Where fetched and converted networks are kept."""
        return self._networks_folder or self.data / "weights"

    def with_networks(self, folder: Path) -> Self:
        """The same settings with the networks in *folder*, whatever the data folder is."""
        other = self.model_copy()
        other._networks_folder = folder  # noqa: SLF001 - its own class
        return other

    @property
    def max_file_bytes(self) -> int:
        """max_file_mib in bytes."""
        return self.max_file_mib << 20

    @property
    def all_roots(self) -> tuple[Path, ...]:
        """The drop folder first, then the other roots."""
        return (self.inbox, *self.roots)

    def resolve_roots(self) -> Roots:
        """The same for looking files up, with links resolved as they are now."""
        return Roots(self.all_roots, Ignored(self.ignore))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - part of the signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First wins: arguments, environment, config.yaml."""
        return (init_settings, env_settings, YamlConfigSettingsSource(settings_cls))


def settings_class(config: Path | None = None) -> type[Settings]:
    """Settings that also read the file *config*; None means config.yaml in the current folder."""

    class FileSettings(Settings):
        model_config = SettingsConfigDict(yaml_file=config or DEFAULT_CONFIG)

    return FileSettings


def load_settings(config: Path | None = None, **overrides: object) -> Settings:
    """Build the settings from *config*, the environment and *overrides*.

    Args:
        config: a YAML file; None means config.yaml in the current folder, which may be missing.
        overrides: settings by name that win over everything else; None values are left out.

    Raises:
        ConfigError: the file is missing or malformed, a value is out of its range, a setting has
            been replaced, or a root lies in another one, or holds the data folder.
    """
    if config is not None and not config.is_file():
        raise ConfigError(f"there is no configuration file {config}")
    if replaced := setting_errors.of_replaced(os.environ):
        raise ConfigError(replaced)
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        made = settings_class(config)(**given)  # type: ignore[arg-type]  # validated right here
    except ValidationError as error:
        raise ConfigError(setting_errors.of_value(error, Settings.model_fields)) from error
    except SettingsError as error:
        raise ConfigError(setting_errors.of_environment(error)) from error
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{config or DEFAULT_CONFIG} cannot be read: {_one_line(error)}"
        ) from error
    _refuse_nested(made.all_roots)
    refuse_watched_data(made)
    return made


def _refuse_nested(roots: Sequence[Path]) -> None:
    """Raise ConfigError if a root lies in another: each file must belong to one root."""
    for outer, inner in permutations(roots, 2):
        if is_in(os.path.realpath(inner), os.path.realpath(outer)):
            raise ConfigError(
                f"setting roots: {inner} is, or lies in, {outer}, which is watched with everything "
                "below it; keep one of the two"
            )


def refuse_watched_data(settings: Settings) -> None:
    """Raise ConfigError if the data folder is watched: its files change all the time."""
    real = os.path.realpath(settings.data)
    ignored = Ignored(settings.ignore)
    for root in settings.all_roots:
        outer = os.path.realpath(root)
        below = real[len(outer) :].lstrip("/")
        if is_in(real, outer) and not ignored.path(below, is_folder=True):
            raise ConfigError(
                f"setting data: {settings.data} is, or lies in, {root}, which is watched for "
                "photos; keep it elsewhere"
            )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
