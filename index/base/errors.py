"""Every error that person-count raises on purpose.

    PersonCountError
    ├── ConfigError                 a setting, an option or a path is wrong
    ├── StoreError                  the database
    │   ├── SchemaMismatchError     its schema is not this program's
    │   ├── StoreUnavailableError   the disk is full or fails, or another holds the lock; may pass
    │   │   └── DatabaseReplacedError   its file was moved, deleted or replaced while it was open
    │   └── WriterBusyError         another process holds the ingest lock
    ├── VectorIndexError            the FAISS index
    │   ├── SnapshotDamagedError    a stored snapshot does not match its checksum
    │   └── IndexOutOfDateError     the index lacks a face that the rows have
    ├── IngestError
    │   ├── UnreadableImageError    the bytes are no image that we read (the file's row keeps why)
    │   ├── OutOfResourcesError     no memory or file handles are left to read a file; may pass
    │   ├── UnsettledFileError      the file changed while it was read; it is tried again
    │   ├── ModelUnavailableError   weights or networks cannot be loaded
    │   ├── DecoderUnavailableError no process can be started to decode images in
    │   └── WatcherEndedError       the thread that watches the folders has ended
    ├── ClusterError                a Ray cluster that was joined is lost, or does not do its work
    ├── FrameError                  bytes from another process of ours are no message
    └── RequestError                a question that cannot be answered, with its HTTP status

Two more are caught close to where they are raised, and are defined there: _ErasedMeanwhileError in
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
    """The database has another revision than this program needs."""


class StoreUnavailableError(StoreError):
    """The disk is full or fails, or the database stays locked; this may pass."""


class DatabaseReplacedError(StoreUnavailableError):
    """Another file, or none, is where the open database was: it was moved, deleted or replaced."""


class WriterBusyError(StoreError):
    """Another process already ingests into this data folder."""


class VectorIndexError(PersonCountError):
    """The vector index cannot be used as it is."""


class SnapshotDamagedError(VectorIndexError):
    """A stored snapshot does not match its checksums."""


class IndexOutOfDateError(VectorIndexError):
    """The index lacks a face that the rows have."""


class IngestError(PersonCountError):
    """Something went wrong on the way from a file to its rows."""


class UnreadableImageError(IngestError):
    """The file cannot be read as an image.

    Attributes:
        maybe_partial: the bytes look cut off, so the file may still be being written; or the
            decoder was ended from outside. The file is tried a few more times.
        may_pass: the system failed to read the file; its bytes are not known.
        no_photo: the file is known to be something else, such as a video.
        forbidden: the system does not allow reading it. A change to a folder, a group or a share
            may allow it again, without any change to the file.
    """

    def __init__(
        self,
        reason: str,
        *,
        maybe_partial: bool = False,
        may_pass: bool = False,
        forbidden: bool = False,
        no_photo: bool = False,
    ) -> None:
        super().__init__(reason)
        self.maybe_partial = maybe_partial
        self.may_pass = may_pass
        self.forbidden = forbidden
        self.no_photo = no_photo

    def bare(self) -> "UnreadableImageError":
        """A copy without the traceback, whose frames hold the bytes of files; safe to keep."""
        return UnreadableImageError(
            str(self),
            maybe_partial=self.maybe_partial,
            may_pass=self.may_pass,
            forbidden=self.forbidden,
            no_photo=self.no_photo,
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
    """The thread that watches the folders has ended; restart the process."""


class ClusterError(PersonCountError):
    """A Ray cluster that was joined is lost, or loses what it is given again and again."""


class FrameError(PersonCountError):
    """Bytes that came over the pipe from another of our processes are no message."""


class RequestError(PersonCountError):
    """A question that cannot be answered.

    Attributes:
        status: the HTTP status of the answer.
        retry_after_seconds: after so long, asking again may help; or None.
    """

    def __init__(
        self, status: HTTPStatus, sentence: str, *, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


def bad_request(sentence: str) -> RequestError:
    """An error with status 400; *sentence* names the caller's mistake."""
    return RequestError(HTTPStatus.BAD_REQUEST, sentence)
