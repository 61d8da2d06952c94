"""Analyses images that a generation lacks, from whichever file still holds them."""

import hashlib
from collections.abc import Iterator, Sequence

from index.base.errors import IngestError, UnreadableImageError, UnsettledFileError
from index.base.paths import signature_of
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations, stored_images
from index.database.queries.files import files_of
from index.database.queries.generations import GenerationRow
from index.database.queries.stored_images import NewImage
from ingest.decoding.reading import read_settled
from ingest.networks.models import Models
from ingest.networks.pipeline import Content, analyse_all, in_chunks, share_of

MissingImage = tuple[int, bytes]  # id, SHA-256


class MissingImages:
    """The images in use that one generation has not analysed yet."""

    def __init__(self, database: Database, settings: Settings, models: Models) -> None:
        self._database = database
        self._settings = settings
        self._roots = settings.resolve_roots()
        self._models = models

    def some(
        self, generation: GenerationRow, after: int, limit: int, last: int | None = None
    ) -> list[MissingImage]:
        """At most *limit* of them, by id, from above the id *after* on, up to *last*."""
        with self._database.read() as connection:
            return generations.missing_images(connection, generation.id, after, limit, last)

    def analyse(
        self, generation: GenerationRow, images: Sequence[MissingImage]
    ) -> list[IngestError]:
        """Store the faces of *images*; pass over those that no file holds any more.

        Another process may have stored them, or abandoned the generation, meanwhile.

        Returns: why some could not be read or decoded; the others are stored.
        """
        errors: list[IngestError] = []
        chunks = in_chunks(self._contents(images, errors), share_of(len(images)))
        whole: list[NewImage] = []
        for _, found in analyse_all(self._models, chunks, self._settings.max_megapixels):
            if isinstance(found, UnreadableImageError):
                errors.append(IngestError(f"an indexed image cannot be decoded now: {found}"))
            else:
                whole.append(found)
        with self._database.write() as connection:
            if not generations.takes_faces(connection, generation.id):
                return errors
            present = stored_images.image_ids(connection, [sha256 for _, sha256 in images])
            # images that are no longer present were forgotten meanwhile
            there = [image for image in whole if image.sha256 in present]
            stored_images.record_images(connection, generation.id, there)
        return errors

    def _contents(
        self, images: Sequence[MissingImage], errors: list[IngestError]
    ) -> Iterator[Content]:
        for image in images:
            try:
                data = self.content(image)
            except IngestError as error:
                errors.append(error)
                continue
            if data:
                yield image[1], data

    def content(self, image: MissingImage) -> bytes | None:
        """An image's bytes, from any file that still holds it; None if all have changed.

        Raises:
            IngestError: an unchanged file cannot be read.
        """
        image_id, sha256 = image
        with self._database.read() as connection:
            files = files_of(connection, image_id)
        limit = self._settings.max_file_bytes
        for row in files:
            try:
                if signature_of(self._roots.stat(row.path)) != row.signature:
                    continue
                data = read_settled(row.path, self._roots.root_of(row.path), row.signature, limit)
            except (FileNotFoundError, UnsettledFileError):
                continue
            except UnreadableImageError as error:
                raise IngestError(f"{row.path} cannot be read now: {error}") from error
            if hashlib.sha256(data).digest() != sha256:
                raise IngestError(f"{row.path} has changed, but its times have not")
            return data
        return None
