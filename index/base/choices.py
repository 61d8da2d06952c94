"""The choices that people have: in settings, in requests and on the command line.

This module imports nothing heavy, because the command line needs it for its help.
"""

from enum import StrEnum

DEFAULT_THRESHOLD = "0.2"  # the contract's; by construction the operating point of every model


class FaceChoice(StrEnum):
    """Which faces of a photo count."""

    KEY = "key"  # probable enough and not much smaller than the photo's largest face
    ALL = "all"
    ONE = "one"  # the most prominent one


class Linkage(StrEnum):
    """How links between faces become persons."""

    EVIDENCE = "evidence"  # groups merge while the evidence of all their faces supports it
    SUPPORTED = "supported"  # connected components of the links that their neighbourhoods support
    SINGLE = "single"  # connected components of every link
    AVERAGE = "average"  # groups merge by the mean distance of their faces
    COMPLETE = "complete"  # groups merge by the largest distance of their faces


class Unreadable(StrEnum):
    """What a question does about files in its folders that cannot be read."""

    REFUSE = "refuse"  # the question, naming the first of them
    SKIP = "skip"  # them


class WatchMode(StrEnum):
    """How the watcher notices changes in the folders."""

    AUTO = "auto"  # inotify where it can work, else polling
    INOTIFY = "inotify"
    POLLING = "polling"


class Confinement(StrEnum):
    """How strictly decoders must be confined."""

    AUTO = "auto"  # Landlock and seccomp where the kernel has them
    REQUIRED = "required"  # both, or the program does not start


class Calibrate(StrEnum):
    """Who calibrates the library where its profile does not fit it."""

    MANUAL = "manual"  # the operator, by the command
    AUTOMATIC = "automatic"  # ingest, at certain sizes, without labels


class DistanceScale(StrEnum):
    """The scale of the threshold."""

    CALIBRATED = "calibrated"  # 0.2 is the model's operating point (false match rate 1 in 1,000)
    COSINE = "cosine"  # plain cosine distance, 0 to 2


class Split(StrEnum):
    """Chooses the people: tune on one half of them, judge on the other."""

    A = "A"
    B = "B"
    ALL = "all"
