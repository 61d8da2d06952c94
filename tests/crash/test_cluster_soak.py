"""A short run of tests.crash.cluster_soak; `make soak-cluster` is the long one."""

import random
from pathlib import Path

import pytest

from tests.crash.cluster_soak import ClusterSoak
from tests.postgres import new_database, server

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

KILLS, STOPS = 10, 1


def test_killed_workers_and_a_stopped_server_lose_nothing_and_no_answer_is_wrong(
    tmp_path: Path,
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"make soak-cluster KILLS={KILLS} STOPS={STOPS} SEED={seed}")  # noqa: T201 - to repeat
    with new_database() as url:
        soak = ClusterSoak(tmp_path, server(), url, seed)
        tally = soak.run(KILLS, STOPS, lambda: False, print)
    assert tally.problems == []
    assert (tally.losses, tally.duplicates, tally.wrong_answers) == (0, 0, 0)
    assert tally.flat, tally
    assert tally.stops == STOPS
    assert sum(tally.kills.values()) >= KILLS
    assert tally.answers[200] > 0
