"""The states that rows can have; apart from the tables, since most users of them need no table."""

from enum import StrEnum


class FileState(StrEnum):
    """How far ingest has come with a file."""

    PENDING = "pending"
    INDEXED = "indexed"
    FAILED = "failed"
    NO_PHOTO = "no_photo"  # something else, known by its name or by its bytes


class GenerationState(StrEnum):
    """The use of a generation."""

    BUILDING = "building"
    ACTIVE = "active"
    BESIDE = "beside"  # of a second model, with whose count /persons compares its own
    RETIRED = "retired"  # about to be removed
    PAST = "past"  # removed but for its profile, for when the library returns to the model


class ErasureAction(StrEnum):
    """A decision about content."""

    SUPPRESS = "suppress"  # erased, and never indexed again
    ERASE = "erase"  # erased, but may be indexed again
    ALLOW = "allow"  # takes a suppression back


class Verdict(StrEnum):
    """What people say about faces."""

    SAME = "same"  # two faces are one person
    DIFFERENT = "different"  # they are not
    NOT_A_PERSON = "not_a_person"  # a statue, a poster, a pattern: never counted
    UNDO = "undo"  # takes an earlier entry back


JUDGING = (Verdict.SAME, Verdict.DIFFERENT, Verdict.NOT_A_PERSON)
