"""The moments at which the program is killed, by name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One of them.

    Attributes:
        name: what has just happened, or is about to.
        moment: before|after:module:function[:nth call], see tests.crash.launcher.
        command: what is under way; COMMANDS in test_points.py has the words of its command line.
    """

    name: str
    moment: str
    command: str


POINTS = [
    # files on their way in
    Point(
        "files noted, gone ones not yet",
        "before:index.database.queries.sightings:forget_files",
        "watch",
    ),
    Point("batch claimed", "before:ingest.jobs.worker:Worker._process", "watch"),
    Point(
        "batch half written", "after:index.database.queries.stored_images:record_images", "watch"
    ),
    Point("batch written, before commit", "after:ingest.jobs.worker:Worker._commit", "watch"),
    Point("batch committed", "after:ingest.jobs.worker:Worker.step", "watch"),
    Point(
        "orphans removed, before commit",
        "after:index.database.queries.stored_images:drop_orphans:2",
        "watch",
    ),
    Point("orphans' removal committed", "before:ingest.jobs.process:remove_retired:2", "watch"),
    # the service's index, which follows the commits of others
    Point(
        "committed, before the index follows",
        "before:index.vectors.vector_index:embeddings.embeddings_of",
        "serve",
    ),
    # a snapshot: 3 faces a chunk, so there are several
    Point(
        "before the first chunk", "before:index.database.queries.snapshots:add_chunk", "snapshot"
    ),
    Point(
        "first chunk, before commit", "after:index.database.queries.snapshots:add_chunk", "snapshot"
    ),
    Point(
        "first chunk committed", "before:index.database.queries.snapshots:add_chunk:2", "snapshot"
    ),
    Point(
        "last chunk, before commit",
        "after:index.database.queries.snapshots:add_chunk:2",
        "snapshot",
    ),
    Point(
        "before it becomes visible",
        "before:index.database.queries.snapshots:add_snapshot",
        "snapshot",
    ),
    Point(
        "before old ones are removed", "before:index.database.queries.snapshots:prune", "snapshot"
    ),
    Point(
        "old ones removed, before commit",
        "after:index.database.queries.snapshots:prune",
        "snapshot",
    ),
    Point("snapshot committed", "before:index.database.engine:Database.checkpoint", "snapshot"),
    # a re-index
    Point("new generation begun", "after:ingest.jobs.reindex:Reindexer._target", "reindex"),
    Point(
        "generation half filled",
        "before:index.database.queries.generations:missing_images:5",
        "reindex",
    ),
    Point(
        "generation's batch, before commit",
        "after:index.database.queries.stored_images:record_images",
        "reindex",
    ),
    Point("before the switch", "before:ingest.jobs.reindex:Reindexer._switch", "reindex"),
    Point("switched, before commit", "after:index.database.queries.generations:switch", "reindex"),
    Point("after the switch", "before:ingest.jobs.reindex:remove_retired", "reindex"),
    Point(
        "old one half removed", "before:index.database.queries.generations:remove_some:2", "reindex"
    ),
    # what people said
    Point(
        "judgements half kept, before commit",
        "after:index.database.queries.judgements:add",
        "judge",
    ),
    Point("judgements committed", "before:index.library.listed_judgements:lost", "judge"),
    # an erasure
    Point(
        "decided, before it is logged",
        "before:index.upkeep.erasure_log:ErasureLog.append",
        "forget",
    ),
    Point(
        "logged, before anything is removed",
        "after:index.upkeep.erasure_log:ErasureLog.append",
        "forget",
    ),
    Point(
        "removed, before commit", "after:index.database.queries.erasures:drop_snapshots", "forget"
    ),
    Point("erasure committed", "after:index.upkeep.erasure:Eraser.decide", "forget"),
    Point(
        "log emptied, before a snapshot",
        "before:index.upkeep.erasure_proof:fresh_snapshot",
        "forget",
    ),
    Point("before the proof", "before:index.upkeep.erasure_proof:remains", "forget"),
    # a migration, from the first revision on
    Point("copied, before the first statement", "before:alembic.command:upgrade", "migrate"),
    Point("between statements", "after:alembic.op:create_table:2", "migrate"),
    Point(
        "statements done, before the version",
        "before:alembic.runtime.migration:HeadMaintainer.update_to_step",
        "migrate",
    ),
    Point(
        "all done, before commit", "before:index.database.migration:integrity_problems", "migrate"
    ),
    # a backup and a restore
    Point("copied, before the check", "after:index.upkeep.backup:copy_database", "backup"),
    Point("checked, before its name", "after:index.upkeep.backup:merge_log", "backup"),
    Point("copied back, before the check", "after:index.upkeep.backup:copy_database", "restore"),
    Point("before it takes the place", "before:index.upkeep.backup:_switch", "restore"),
    Point("the old one kept, the new not there", "after:os:link", "restore"),
]
