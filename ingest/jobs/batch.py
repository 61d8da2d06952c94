"""The results for files that were claimed together, until they are committed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from index.base.errors import UnreadableImageError
from index.base.other_files import has_image_ending
from index.database.queries.queue import Claim
from index.database.queries.stored_images import NewImage
from index.database.states import FileState
from index.upkeep.erasure_log import FORGOTTEN
from ingest.networks.models import Outcome


@dataclass(slots=True)
class Batch:
    """The results so far for the files of one claim."""

    digests: dict[Claim, bytes] = field(default_factory=dict)  # SHA-256 of files that were read
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)  # of content that was new
    failures: dict[Claim, UnreadableImageError] = field(default_factory=dict)
    put_off: dict[Claim, str] = field(default_factory=dict)  # the resource that ran out

    def only(self, claims: Sequence[Claim]) -> "Batch":
        """The results for *claims* alone, which may be all."""
        digests = {claim: self.digests[claim] for claim in claims if claim in self.digests}
        wanted = set(digests.values())
        return Batch(
            digests,
            {digest: found for digest, found in self.outcomes.items() if digest in wanted},
            {claim: why for claim, why in self.failures.items() if claim in claims},
            {claim: why for claim, why in self.put_off.items() if claim in claims},
        )

    def images(self) -> list[NewImage]:
        """The images that were analysed."""
        return [found for found in self.outcomes.values() if isinstance(found, NewImage)]

    def refuse(self, digests: Iterable[bytes]) -> None:
        """Mark content as unreadable that was forgotten on request."""
        self.outcomes.update((digest, UnreadableImageError(FORGOTTEN)) for digest in digests)

    def state_of(self, claim: Claim) -> FileState:
        """The state that a file gets that was read, or could not be.

        A file that is named like a photo and is none is a failure: a photo may have been lost.
        """
        error = self.failure(claim)
        if error is None:
            return FileState.INDEXED
        if error.no_photo and not has_image_ending(claim.path):
            return FileState.NO_PHOTO
        return FileState.FAILED

    def failure(self, claim: Claim) -> UnreadableImageError | None:
        """The reason why a file is no readable image; None if it is one."""
        if claim in self.failures:
            return self.failures[claim]
        found = self.outcomes.get(self.digests.get(claim, b""))
        return found if isinstance(found, UnreadableImageError) else None
