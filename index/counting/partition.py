"""Sets that only grow, some of which must stay apart. Pure."""


class Partition:
    """The numbers from 0 to *count* − 1 and those added later, at first each in its own set."""

    def __init__(self, count: int = 0) -> None:
        self._parent = list(range(count))
        self._barred: dict[int, set[int]] = {}  # by root, the roots that it must not join

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return len(self._parent)

    def add(self) -> int:
        """Add the next number, in a set of its own, and return it."""
        self._parent.append(len(self._parent))
        return self._parent[-1]

    def root(self, number: int) -> int:
        """The number that stands for the set of *number*: the smallest in it."""
        parent = self._parent
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    def keep_apart(self, one: int, other: int) -> None:
        """Never join the sets of two numbers from now on, nor what joins them later."""
        one, other = self.root(one), self.root(other)
        self._barred.setdefault(one, set()).add(other)
        self._barred.setdefault(other, set()).add(one)

    def may_join(self, one: int, other: int) -> bool:
        """Whether nothing keeps the sets of two numbers apart."""
        return self.root(other) not in self._barred.get(self.root(one), ())

    def join(self, one: int, other: int) -> bool:
        """Join the sets of two numbers. Returns False if they are one already or kept apart."""
        kept, taken = sorted((self.root(one), self.root(other)))
        if kept == taken or not self.may_join(kept, taken):
            return False
        self._parent[taken] = kept
        for barred in self._barred.pop(taken, ()):
            self._barred[barred].discard(taken)
            self.keep_apart(kept, barred)
        return True

    def apart(self) -> list[tuple[int, int]]:
        """The pairs of roots that must not be joined, each once, smaller first, sorted."""
        return sorted(
            (one, other) for one, barred in self._barred.items() for other in barred if one < other
        )
