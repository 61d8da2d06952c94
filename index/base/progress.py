"""The type of the function by which long jobs report progress; each job says what it counts."""

from collections.abc import Callable

Progress = Callable[[int, int], None]  # how many are done, of how many
