"""Imported by the process that the tests' programs are forked from, so that they need not."""

from tests.crash.launcher import without_networks

without_networks()

import index.base.logs
import index.base.settings
import index.database.migration
import index.upkeep.backup
import index.upkeep.erasure
import index.upkeep.erasure_proof
import index.upkeep.forget
import ingest.jobs.drain
import ingest.jobs.process
import ingest.jobs.reindex
import person_count
import tests.fakes
