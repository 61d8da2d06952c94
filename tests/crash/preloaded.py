"""Imported by the process that the tests' programs are forked from, so that they need not."""

from tests.crash.launcher import without_networks

without_networks()

import commands.keeping
import index.erasure
import index.forget
import index.proof
import ingest.drain
import ingest.process
import ingest.reindex
import person_count
import tests.fakes
