"""The tables as SQLAlchemy models; migrations/ creates them.

A file is a path. An image is content, known by its SHA-256. A face belongs to an image and to one
generation, which is one pass of one model over the library. Only one generation is active.
"""

import time

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite allows AUTOINCREMENT only for INTEGER; other databases need BIGINT for 64 bits.
RowId = BigInteger().with_variant(Integer, "sqlite")
# compared by code points everywhere, so that the paths below a folder are one range of an index
PathText = Text().with_variant(Text(collation="C"), "postgresql")


class Base(DeclarativeBase):
    """Root of the models."""

    metadata = MetaData(naming_convention=NAMING)


def table(model: type[Base]) -> Table:
    """The table of a model; statements on it are faster without the object mapper."""
    return Base.metadata.tables[model.__tablename__]


class Generation(Base):
    """One pass of one model over the library."""

    __tablename__ = "generations"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    model_id: Mapped[str] = mapped_column(String(200))  # name and first digits of its SHA-256
    model: Mapped[str] = mapped_column(Text)  # the setting that loads it
    profile: Mapped[str] = mapped_column(Text)  # JSON of index.vectors.space.Profile
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[float] = mapped_column(Float)  # seconds since 1970
    pruned_upto: Mapped[int] = mapped_column(BigInteger, server_default="0")  # of its changelog


class Image(Base):
    """Content that at least one file had."""

    __tablename__ = "images"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    width: Mapped[int]  # pixels, orientation applied
    height: Mapped[int]
    note: Mapped[str | None] = mapped_column(Text)  # the fault of a file that was read all the same
    orphaned_at: Mapped[float | None] = mapped_column(Float, index=True)  # when its last file went
    # when it was first indexed; retention starts here
    created_at: Mapped[float] = mapped_column(Float, default=time.time, index=True)


class File(Base):
    """A path below a root, and the queue: a pending row is work to do."""

    __tablename__ = "files"
    __table_args__ = (
        Index("ix_files_queue", "state", "priority", "ready_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    path: Mapped[str] = mapped_column(
        PathText, unique=True
    )  # absolute; see index.base.paths.display
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    ctime_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[str] = mapped_column(String(24))  # unsigned 64 bits do not fit an INTEGER
    state: Mapped[str] = mapped_column(String(16))
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"), index=True)
    attempts: Mapped[int]  # how often reading it failed since it last changed
    # how often the ingester crashed while it was reading the file
    crashes: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None] = mapped_column(Text)  # why it failed, one line
    priority: Mapped[int]  # 1 when a caller waits for it
    ready_at: Mapped[float | None] = mapped_column(Float)  # claimed from then on; None: see queue
    claimed_by: Mapped[str | None] = mapped_column(String(64))  # the worker that had it last
    claimed_until: Mapped[float | None] = mapped_column(Float)  # see queries.leases; None: nobody


# the order of queue.claim; without it each batch would sort the whole queue
_WAITS = File.ready_at.is_not(None)
Index(
    "ix_files_claim",
    File.priority.desc(),
    File.ready_at,
    File.crashes,
    File.id,
    sqlite_where=_WAITS,
    postgresql_where=_WAITS,
)


_CLAIMED = File.claimed_until.is_not(None)
Index(
    "ix_files_claimed_until",
    File.claimed_until,
    sqlite_where=_CLAIMED,
    postgresql_where=_CLAIMED,
)


class Analysis(Base):
    """The result of one generation for one image."""

    __tablename__ = "analyses"

    image_id: Mapped[int] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), primary_key=True
    )
    generation_id: Mapped[int] = mapped_column(
        ForeignKey("generations.id", ondelete="CASCADE"), primary_key=True
    )
    face_count: Mapped[int]  # how many face rows belong here; 0 is "no face"


class Face(Base):
    """One face; its id is also its id in FAISS, and is never used again."""

    __tablename__ = "faces"
    __table_args__ = (
        CheckConstraint("length(embedding) = 4 * dim", name="embedding_length"),
        Index("ix_faces_image_id_generation_id", "image_id", "generation_id"),
        # with the ids, or a server would read the whole table to list those of a generation
        Index("ix_faces_generation_id", "generation_id", postgresql_include=["id"]),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id", ondelete="CASCADE"))
    x1: Mapped[float]  # pixels of the oriented image
    y1: Mapped[float]
    x2: Mapped[float]
    y2: Mapped[float]
    probability: Mapped[float]  # 0 to 1, the detector's
    landmarks: Mapped[bytes] = mapped_column(LargeBinary)  # five (x, y), little-endian float32
    sharpness: Mapped[float]  # variance of the Laplacian of the grey 160-pixel crop
    dim: Mapped[int]
    embedding: Mapped[bytes] = mapped_column(LargeBinary)  # raw little-endian float32
    crc32: Mapped[int] = mapped_column(BigInteger)  # of embedding
    # the vector's length; 0 is unknown: written by a version before this column
    embedding_norm: Mapped[float] = mapped_column(Double, server_default="0")


class Change(Base):
    """One face added or removed, in the order of the commits; the index replays it."""

    __tablename__ = "changelog"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: Mapped[int] = mapped_column(RowId, primary_key=True)
    generation_id: Mapped[int] = mapped_column(BigInteger, index=True)
    face_id: Mapped[int] = mapped_column(BigInteger)
    added: Mapped[bool]


class Chunk(Base):
    """A serialised FAISS IndexIDMap of up to 4,096 vectors; never changed once written."""

    __tablename__ = "index_chunks"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    generation_id: Mapped[int] = mapped_column(
        ForeignKey("generations.id", ondelete="CASCADE"), index=True
    )
    face_count: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Snapshot(Base):
    """The vector index after one change: a list of chunks."""

    __tablename__ = "snapshots"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    generation_id: Mapped[int] = mapped_column(
        ForeignKey("generations.id", ondelete="CASCADE"), index=True
    )
    upto_seq: Mapped[int] = mapped_column(BigInteger)
    face_count: Mapped[int]
    space_id: Mapped[str] = mapped_column(String(64))  # the profile its vectors were made with
    faiss_version: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[float] = mapped_column(Float)


class SnapshotChunk(Base):
    """Which chunks make up a snapshot, in the order of their face ids."""

    __tablename__ = "snapshot_chunks"
    __table_args__ = (UniqueConstraint("snapshot_id", "chunk_id"),)

    snapshot_id: Mapped[int] = mapped_column(
        ForeignKey("snapshots.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    chunk_id: Mapped[int] = mapped_column(ForeignKey("index_chunks.id"), index=True)


class Erasure(Base):
    """A line of the erasure log that this database has applied; see index.upkeep.erasure_log."""

    __tablename__ = "erasures"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)  # HMAC of its SHA-256
    action: Mapped[str] = mapped_column(String(16))
    at: Mapped[float] = mapped_column(Float)


class Judgement(Base):
    """What people said about one face or two; rows are only added, but for erasures.

    A face is known by its image's content and its box, so that a judgement outlives paths, face ids
    and models; see index.counting.judgements.
    """

    __tablename__ = "judgements"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    verdict: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    x1: Mapped[float]  # pixels of the oriented image
    y1: Mapped[float]
    x2: Mapped[float]
    y2: Mapped[float]
    other_sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32), index=True)
    other_x1: Mapped[float | None]
    other_y1: Mapped[float | None]
    other_x2: Mapped[float | None]
    other_y2: Mapped[float | None]
    # an entry that takes another one back names it here, and repeats its faces
    undoes: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    at: Mapped[float] = mapped_column(Float)  # seconds since 1970
    author: Mapped[str] = mapped_column(String(64))  # the token's name
    note: Mapped[str | None] = mapped_column(Text)


class People(Base):
    """The one row that holds the persons of the whole library, as they were counted last."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[str] = mapped_column(Text)  # JSON: what it was counted from, and how
    change: Mapped[int] = mapped_column(BigInteger)  # the newest of the changelog then
    counted_at: Mapped[float] = mapped_column(Float)  # seconds since 1970
    photos: Mapped[int]  # how many there were
    faces: Mapped[bytes] = mapped_column(LargeBinary)  # ids of the faces, little-endian int64
    images: Mapped[bytes] = mapped_column(LargeBinary)  # the image of each, likewise
    persons: Mapped[bytes] = mapped_column(LargeBinary)  # the number of each one's person, likewise


class Report(Base):
    """The one row that holds the last report of the ingest process (library.ingest_report)."""

    __tablename__ = "ingest_report"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    document: Mapped[str] = mapped_column(Text)  # JSON
    reported_at: Mapped[float] = mapped_column(Float)  # seconds since 1970


class Place(Base):
    """A root, or a file system mounted below one, as a scan last found it.

    If many files are suddenly missing there, their disk may not be mounted. Then their removal is
    held; see ingest.watching.removals.
    """

    __tablename__ = "places"

    path: Mapped[str] = mapped_column(PathText, primary_key=True)
    device: Mapped[str] = mapped_column(String(24))  # unsigned 64 bits do not fit an INTEGER
    inode: Mapped[str] = mapped_column(String(24))
    missing: Mapped[int] = mapped_column(server_default="0")  # files whose removal is held
    reason: Mapped[str | None] = mapped_column(String(16))  # why; None: nothing is held
    held_scans: Mapped[int] = mapped_column(server_default="0")  # later scans that missed them, too
    held_seconds: Mapped[float] = mapped_column(Float, server_default="0")  # only while watching
    accepted: Mapped[bool] = mapped_column(server_default="0")  # the operator says they are gone


class ImageBatch(Base):
    """Images that a re-index has put out, for any process to embed; see queries.image_batches."""

    __tablename__ = "image_batches"
    # a batch's number is never used again: a late process must not remove another batch
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    generation_id: Mapped[int] = mapped_column(
        ForeignKey("generations.id", ondelete="CASCADE"), index=True
    )
    first_image: Mapped[int] = mapped_column(BigInteger)  # those of its images that are missing
    last_image: Mapped[int] = mapped_column(BigInteger)
    images: Mapped[int]  # how many were missing when it was put out
    tries: Mapped[int] = mapped_column(server_default="0")  # how often it was taken
    claimed_by: Mapped[str | None] = mapped_column(String(64))  # the process that took it last
    claimed_until: Mapped[float | None] = mapped_column(Float)  # see queries.leases; None: free


class Commits(Base):
    """The one row that a server's writers lock, and add 1 to; a file has its own ways."""

    __tablename__ = "commits"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(BigInteger)


class Process(Base):
    """A process that uses the library, as it last said itself; see queries.processes."""

    __tablename__ = "processes"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)  # of index.base.worker_names
    kind: Mapped[str] = mapped_column(String(32))
    machine: Mapped[str] = mapped_column(String(255))
    folder: Mapped[str] = mapped_column(String(16))  # tells the data folders of a machine apart
    version: Mapped[str] = mapped_column(String(64))  # of the program
    state: Mapped[str] = mapped_column(String(32))
    started: Mapped[float] = mapped_column(Float)  # seconds since 1970, by the database's clock
    seen: Mapped[float] = mapped_column(Float)  # likewise
    files: Mapped[int] = mapped_column(BigInteger, server_default="0")  # since it started
    faces: Mapped[int] = mapped_column(BigInteger, server_default="0")


class Turn(Base):
    """Who does a job that only one of several processes may do; see queries.leases."""

    __tablename__ = "turns"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    until: Mapped[float] = mapped_column(Float)  # seconds since 1970, by the database's clock
