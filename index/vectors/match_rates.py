"""How often strangers are as near as a given threshold: a table of measurements. Pure."""

import bisect
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from index.base.errors import ConfigError

FALSE_MATCH_RATES = "false_match_rates"  # its key in a profile's `measured`
GRID = tuple(round(0.005 * step, 3) for step in range(10, 81))  # calibrated thresholds, 0.05 to 0.4
FEWEST = 10  # fewer matches than these say little: they count as 10


@dataclass(frozen=True, slots=True)
class FalseMatchRates:
    """False matches among the pairs of different people, at rising thresholds.

    Attributes:
        pairs: the number of pairs measured, each of faces of different people.
        thresholds: calibrated ones, ascending.
        matches: the number of pairs at most as far apart as each threshold.
    """

    people: int
    pairs: int
    thresholds: tuple[float, ...]
    matches: tuple[int, ...]

    def at(self, threshold: float) -> float | None:
        """An upper bound on the share of pairs as near as *threshold*; None beyond the table.

        It is the rate at the table's next threshold, and at least that of FEWEST matches.
        """
        place = bisect.bisect_left(self.thresholds, threshold)
        if place == len(self.thresholds):
            return None
        return min(1.0, max(self.matches[place], FEWEST) / self.pairs)

    def to_document(self) -> dict[str, Any]:
        """As stored in a profile."""
        return asdict(self) | {"thresholds": list(self.thresholds), "matches": list(self.matches)}

    @classmethod
    def measure(
        cls, different: NDArray[np.floating[Any]], people: int, distance: Callable[[float], float]
    ) -> Self:
        """Count matches among the distances of *different* people.

        Args:
            distance: gives the cosine distance of a threshold.
        """
        ordered = np.sort(different)
        matches = np.searchsorted(ordered, [distance(step) for step in GRID], side="right")
        return cls(people, len(ordered), GRID, tuple(matches.tolist()))

    @classmethod
    def of(cls, measured: dict[str, Any]) -> Self | None:
        """The table in a profile's *measured*; older profiles have none.

        Raises:
            ConfigError: it is malformed.
        """
        if FALSE_MATCH_RATES not in measured:
            return None
        try:
            found = measured[FALSE_MATCH_RATES]
            table = cls(
                int(found["people"]),
                int(found["pairs"]),
                tuple(float(threshold) for threshold in found["thresholds"]),
                tuple(int(count) for count in found["matches"]),
            )
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ConfigError(f"malformed model profile: {FALSE_MATCH_RATES}: {error}") from error
        if not table._possible():
            raise ConfigError(f"malformed model profile: {FALSE_MATCH_RATES} make no sense")
        return table

    def _possible(self) -> bool:
        return (
            self.pairs > 0
            and len(self.thresholds) == len(self.matches)
            and list(self.thresholds) == sorted(set(self.thresholds))
            and list(self.matches) == sorted(self.matches)
            and all(0 <= count <= self.pairs for count in self.matches)
        )
