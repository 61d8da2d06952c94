"""What became of the files that were claimed together, until it is committed."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from index.base.errors import UnreadableImageError
from index.database.queries.queue import Claim
from index.database.queries.stored_images import NewImage
from index.upkeep.erasure_log import FORGOTTEN
from ingest.networks.models import Outcome


@dataclass(slots=True)
class Batch:
    """What became of the files of one claim so far."""

    digests: dict[Claim, bytes] = field(default_factory=dict)  # SHA-256 of those that were read
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)  # of content that was new
    failures: dict[Claim, UnreadableImageError] = field(default_factory=dict)
    put_off: dict[Claim, str] = field(default_factory=dict)  # what there was not enough of

    def images(self) -> list[NewImage]:
        """The images that were analysed."""
        return [found for found in self.outcomes.values() if isinstance(found, NewImage)]

    def refuse(self, digests: Iterable[bytes]) -> None:
        """Take content for unreadable that was forgotten on request."""
        self.outcomes.update((digest, UnreadableImageError(FORGOTTEN)) for digest in digests)

    def failure(self, claim: Claim) -> UnreadableImageError | None:
        """Why a file that was read, or could not be, is no image; None if it is one."""
        if claim in self.failures:
            return self.failures[claim]
        found = self.outcomes.get(self.digests.get(claim, b""))
        return found if isinstance(found, UnreadableImageError) else None
