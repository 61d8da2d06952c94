"""Which groups a round has proved, so that the next round need not look at them again.

A round adds a few links. Most groups are made, live and end as in the round before, and a look at
two of them would find the same. The proof leaves out these pairs, which saves most of its time.

Levels tell when a group was made or taken: the least gain of any merge up to then. A new link moves
merges of other groups to other numbers, but not to other levels.

A pair is proved if it has a link, or if its gain is no larger than the floor of one of its groups
(index.counting.lives): then no merge made while both lived gained less. That stays so as long as
both live between the same levels, and their floors do not fall. Of any other pair, one group does
not count as proved, and the next round looks at it again.
"""

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import IntVector
from index.counting.link_merging import History
from index.counting.lives import Lives


class Proved:
    """The groups that the last round has proved.

    Args:
        count: how many points there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        # of each group that ever was made, by the names of its two parts
        self._name_of: dict[tuple[int, int], int] = {}
        # of each proved group of the last round, by its name: since, until and floor
        self._known = np.empty((3, 0))

    def fresh(self, names: IntVector, lives: Lives) -> NDArray[np.bool_]:
        """The groups of a round that need a look, as a mask: all in the first round."""
        known = np.full((3, self._count + len(self._name_of)), np.nan)  # is equal to nothing
        known[:, : self._known.shape[1]] = self._known
        since, until, floor = known[:, names]
        found: NDArray[np.bool_] = (
            (since != lives.since) | (until != lives.until) | ~(floor <= lives.floor)
        )
        return found

    def keep(self, names: IntVector, lives: Lives, is_proved: NDArray[np.bool_]) -> None:
        """Remember which groups this round has proved."""
        self._known = np.full((3, self._count + len(self._name_of)), np.nan)
        lived = np.stack((lives.since, lives.until, lives.floor))
        self._known[:, names[is_proved]] = lived[:, is_proved]

    def names(self, history: History) -> IntVector:
        """A number for each group, the same in each round in which the same merges made it."""
        names = list(range(self._count))
        for one, other in zip(history.first.tolist(), history.second.tolist(), strict=True):
            parts = names[one], names[other]
            names.append(self._name_of.setdefault(parts, self._count + len(self._name_of)))
        return np.array(names, np.int64)
