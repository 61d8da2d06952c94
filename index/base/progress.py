"""How long jobs tell how far they have come; what they count is said where they take it."""

from collections.abc import Callable

Progress = Callable[[int, int], None]  # how many are done, of how many
