"""Where the tokens of a Vision Transformer stand: prefix tokens first, then a grid of patches, row by row.

Numbers count from 0 here; people see layers and heads counted from 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """The shape of a model's attention, the same in every layer.

    `prefix` names the tokens before the patches in their order, such as ("cls", "reg1", "reg2"); `rows` and `columns`
    are the patch grid; `patch` is the height and width of one patch in pixels of the crop that the model sees.
    """

    layers: int
    heads: int
    prefix: tuple[str, ...]
    rows: int
    columns: int
    patch: tuple[int, int]

    @property
    def patches(self) -> int:
        """Number of spatial tokens, P = rows × columns."""
        return self.rows * self.columns

    @property
    def tokens(self) -> int:
        """Number of all tokens, T = prefix + patches."""
        return len(self.prefix) + self.patches

    @property
    def step(self) -> float:
        """Distance between two neighbouring patches in image sides, 1 / (K − 1), K the longer edge of the grid."""
        return 1.0 / max(self.rows - 1, self.columns - 1, 1)

    def token(self, row: int, column: int) -> int:
        """Index of the patch at (row, column) among all tokens."""
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            raise IndexError(f"no patch ({row}, {column}) in a grid of {self.rows}×{self.columns}")
        return len(self.prefix) + row * self.columns + column

    def centre(self) -> tuple[int, int]:
        """The (row, column) called centre: for an even edge the upper left of the four, as in the paper's code."""
        return (self.rows + 1) // 2 - 1, (self.columns + 1) // 2 - 1

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**{**fields, "prefix": tuple(fields["prefix"]), "patch": tuple(fields["patch"])})


def positions(geometry: Geometry) -> np.ndarray:
    """(row, column) of every patch in image sides, shape (P, 2), float64; the first patch is at (0, 0).

    Both axes have the same scale: the longer edge of the grid spans exactly 1 (the paper's grids are square).
    """
    grid = np.indices((geometry.rows, geometry.columns), dtype=np.float64).reshape(2, -1).T
    return grid * geometry.step


def patch_distance(geometry: Geometry) -> np.ndarray:
    """Euclidean distance of every two patches in image sides, shape (P, P), float64 (paper section 4.3).

    >>> square = Geometry(layers=1, heads=1, prefix=(), rows=2, columns=2, patch=(16, 16))
    >>> patch_distance(square)[0].round(4).tolist()
    [0.0, 1.0, 1.0, 1.4142]
    """
    place = positions(geometry)
    return np.linalg.norm(place[:, None] - place[None], axis=-1)
