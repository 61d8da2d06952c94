"""Every error that person-count raises on purpose.

    PersonCountError
    ├── ConfigError                 a setting, an option or a path is wrong
    ├── StoreError                  the database
    │   ├── SchemaMismatchError     its schema is not this program's
    │   ├── StoreUnavailableError   the disk is full or fails, or somebody holds the lock; may pass
    │   └── WriterBusyError         another process holds the ingest lock
    ├── VectorIndexError            the FAISS index
    │   ├── SnapshotDamagedError    a stored snapshot does not match its checksum
    │   └── IndexOutOfDateError     a face that the rows have is missing in the index
    ├── IngestError
    │   ├── UnreadableImageError    the bytes are no image that we read (kept as the file's reason)
    │   ├── OutOfResourcesError     no memory or file handles are left to read a file; may pass
    │   ├── UnsettledFileError      the file changed while it was read; it is tried again
    │   ├── ModelUnavailableError   weights or networks cannot be loaded
    │   ├── DecoderUnavailableError no process can be started to decode images in
    │   └── WatcherEndedError       nobody watches the folders any more
    ├── FrameError                  what comes from another process of ours is no message
    └── RequestError                a question that cannot be answered, with its HTTP status

Two are caught close by, and stand beside what raises them: _ErasedMeanwhileError in
index.vectors.snapshot_writer, DecoderLostError in ingest.decoding.sandbox.

"No face in this photo" is an outcome, not an error.
"""

from http import HTTPStatus


class PersonCountError(Exception):
    """Root of the tree; its text is one line that a user can act on."""


class ConfigError(PersonCountError):
    """A setting, an option or a path is wrong."""


class StoreError(PersonCountError):
    """The database cannot be used as it is."""


class SchemaMismatchError(StoreError):
    """The database's revision is not the one this program was written for."""


class StoreUnavailableError(StoreError):
    """The database cannot be read or written at present: the disk is full or fails, or locked."""


class WriterBusyError(StoreError):
    """Another process already ingests into this data folder."""


class VectorIndexError(PersonCountError):
    """The vector index cannot be used as it is."""


class SnapshotDamagedError(VectorIndexError):
    """A stored snapshot does not match its checksums."""


class IndexOutOfDateError(VectorIndexError):
    """A face of the rows is missing in the index, even after a rebuild."""


class IngestError(PersonCountError):
    """Something went wrong on the way from a file to its rows."""


class UnreadableImageError(IngestError):
    """The file cannot be read as an image.

    Attributes:
        maybe_partial: True when the bytes look cut off, so the file may still be on its way, or
            when the decoder was ended from outside; a few more tries tell.
        may_pass: True when the system failed at reading the file; nothing is known of its bytes.
        forbidden: True when the system does not allow reading it; that may change with a folder, a
            group or a share, and the file itself shows nothing of it.
    """

    def __init__(
        self,
        reason: str,
        *,
        maybe_partial: bool = False,
        may_pass: bool = False,
        forbidden: bool = False,
    ) -> None:
        super().__init__(reason)
        self.maybe_partial = maybe_partial
        self.may_pass = may_pass
        self.forbidden = forbidden

    def bare(self) -> "UnreadableImageError":
        """A copy to keep: without the traceback, whose frames hold the bytes of files."""
        return UnreadableImageError(
            str(self),
            maybe_partial=self.maybe_partial,
            may_pass=self.may_pass,
            forbidden=self.forbidden,
        )


class OutOfResourcesError(IngestError):
    """Memory or file handles have run out; the file that could not be read is not to blame."""


class UnsettledFileError(IngestError):
    """The file changed while it was being read."""


class DecoderUnavailableError(IngestError):
    """No process can be started to decode images in; the files are not to blame."""


class ModelUnavailableError(IngestError):
    """A network or its weights cannot be loaded."""


class WatcherEndedError(IngestError):
    """The thread that watches the folders has ended; the process has to be restarted."""


class FrameError(PersonCountError):
    """What comes over the pipe from another of our processes is no message."""


class RequestError(PersonCountError):
    """A question that cannot be answered.

    Attributes:
        status: the HTTP status that tells the caller so.
        retry_after_seconds: when asking again may help, or None.
    """

    def __init__(
        self, status: HTTPStatus, sentence: str, *, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


def bad_request(sentence: str) -> RequestError:
    """The error, status 400, of a caller who got wrong what *sentence* names."""
    return RequestError(HTTPStatus.BAD_REQUEST, sentence)
