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


class ProcessKind(StrEnum):
    """What started a process; serve starts a second one, which is of the kind watch."""

    SERVE = "serve"
    SERVE_ONLY = "serve --no-ingest"
    WATCH = "watch"
    WORK = "work"
    SCAN = "scan"
    INGEST = "ingest"
    REINDEX = "reindex"


# those that read photos into the library; a re-index stores those that are there once more
STORING = (ProcessKind.WATCH, ProcessKind.WORK, ProcessKind.INGEST)


class ProcessState(StrEnum):
    """What a process does at present."""

    ANSWERS = "answers"
    WATCHES = "watches"  # the folders; it may read photos, too
    WORKS = "works"  # reads photos
    STANDS_BY = "stands_by"  # waits until it is its turn to watch
    SEES_NO_PHOTOS = "sees_no_photos"  # the folders are not there, so it reads nothing


JUDGING = (Verdict.SAME, Verdict.DIFFERENT, Verdict.NOT_A_PERSON)
