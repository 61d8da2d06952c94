"""The faces of a question, as the linkages compare them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from index.base.arrays import FloatMatrix, IntVector
from index.counting.weights import weights_of
from index.database.queries.faces import FaceRow
from index.vectors.space import Scatter, Space


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """Faces with everything that tells whether they are one person.

    Attributes:
        vectors: (n, d) float32 unit vectors, C-contiguous.
        photos: (n,) int64, a number for the photo of each; only evidence looks at these and the
            rest.
        scatter: how the model's vectors scatter.
        weights: (n,) see index.counting.weights; None: all weigh the same.
    """

    vectors: FloatMatrix
    photos: IntVector
    scatter: Scatter
    weights: IntVector | None = None

    @classmethod
    def of_rows(cls, faces: Sequence[FaceRow], vectors: FloatMatrix, space: Space) -> Self:
        """Stored *faces* and their unit *vectors* (n, d), in order."""
        photos = np.array([face.image_id for face in faces], np.int64)
        scatter = space.profile.scatter
        if scatter.norm is None:
            return cls(vectors, photos, scatter)
        weights = weights_of([face.embedding_norm for face in faces], scatter)
        return cls(vectors, photos, scatter, weights)

    @classmethod
    def of_raw(cls, raw: FloatMatrix, photos: IntVector, space: Space) -> Self:
        """Faces with the *raw* embeddings (n, d), found in *photos* (n,)."""
        vectors, scatter = space.unit(raw), space.profile.scatter
        if scatter.norm is None:
            return cls(vectors, photos, scatter)
        norms = np.linalg.norm(raw.astype(np.float64), axis=1)
        return cls(vectors, photos, scatter, weights_of(norms, scatter))

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: IntVector) -> "FaceSet":
        """The faces of some *rows*, in that order."""
        weights = None if self.weights is None else self.weights[rows]
        return FaceSet(self.vectors[rows], self.photos[rows], self.scatter, weights)
