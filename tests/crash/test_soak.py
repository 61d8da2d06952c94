"""A short run of tests.crash.soak; `make soak` is the long one."""

import random
from pathlib import Path

import pytest

from tests.crash.soak import Soak

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

ROUNDS = 30


def test_thirty_random_kills_lose_nothing_and_no_answer_is_wrong(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"make soak ROUNDS={ROUNDS} SEED={seed}")  # noqa: T201 - to repeat a failure
    tally = Soak(tmp_path, seed).run(ROUNDS, lambda: False, print)
    assert tally.problems == []
    assert (tally.losses, tally.duplicates, tally.wrong_answers) == (0, 0, 0)
    assert tally.flat, tally
    assert tally.rounds == ROUNDS
    assert sum(tally.kills.values()) >= ROUNDS * 2 // 3
    assert tally.answers[200] > 0
