"""A vector space that nobody has measured, as fakes and drawn numbers live in."""

from index.vectors.space import unmeasured

DIM = 512
UNMEASURED = unmeasured(DIM)
