"""Embeddings of people in many places, and of others in one place, as numbers."""

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from index.evaluation.evaluation import calibrate
from index.vectors.space import Profile, unmeasured

DIM = 96
SPREAD = 0.75  # of the photos of one person, around a point whose numbers have variance 1


def faces(
    people: int, photos: int, seed: int, shift: float = 0.0, spread: float = SPREAD
) -> tuple[NDArray[np.float32], list[str]]:
    """Raw embeddings and whose they are; all photos of a place share a *shift* of that length."""
    chance = np.random.default_rng(seed)
    points = np.repeat(chance.normal(size=(people, DIM)), photos, axis=0)
    place = np.full(DIM, shift / DIM**0.5)
    raw = 3 + points + place + spread * chance.normal(size=points.shape)
    return raw.astype(np.float32), [f"{row // photos:04}" for row in range(len(raw))]


@cache
def shipped() -> Profile:
    """The profile of 80 people in many places."""
    raw, people = faces(80, 6, 1)
    return calibrate(raw, people, 0, replace(unmeasured(DIM), operating_rate=1e-3))
