"""The closed choices that rows hold; apart from the tables, since most who ask need no table."""

from enum import StrEnum


class FileState(StrEnum):
    """What is known of a path."""

    PENDING = "pending"
    INDEXED = "indexed"
    FAILED = "failed"


class GenerationState(StrEnum):
    """What a generation is for."""

    BUILDING = "building"
    ACTIVE = "active"
    RETIRED = "retired"  # about to be removed


class ErasureAction(StrEnum):
    """What was decided about content."""

    SUPPRESS = "suppress"  # erased, and never indexed again
    ERASE = "erase"  # erased; it may come back
    ALLOW = "allow"  # a suppression taken back
