"""Imported by the process that the tests' programs are forked from, so that they need not."""

from tests.crash.launcher import without_networks

without_networks()

import commands.forget
import index.upkeep.erasure
import index.upkeep.erasure_proof
import index.upkeep.forget
import ingest.jobs.drain
import ingest.jobs.process
import ingest.jobs.reindex
import person_count
import tests.fakes
