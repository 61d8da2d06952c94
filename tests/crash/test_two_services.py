"""A short run of tests.crash.two_services; `make soak-cluster` is the long one."""

import random
from pathlib import Path

import pytest

from tests.crash.two_services import TwoServices
from tests.postgres import new_database

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

QUESTIONS = 300


def test_two_services_give_the_same_answers_during_ingest_and_re_indexes(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"make soak-cluster QUESTIONS={QUESTIONS} SEED={seed}")  # noqa: T201 - to repeat
    with new_database() as url:
        tally = TwoServices(tmp_path, url, seed).run(QUESTIONS, lambda: False, print)
    assert tally.problems == []
    assert tally.questions == QUESTIONS
    assert tally.switches > 0
    assert tally.during_reindex > 0
    assert len(tally.models) == 2  # answers of both models were compared
