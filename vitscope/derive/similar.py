"""More like this: heads whose attention has the same shape, in any model and on any grid of patches."""

from __future__ import annotations

import numpy as np

from vitscope.derive.aligned import aligned
from vitscope.geometry import Geometry

CELLS = 21
"""Displacements from −1 to 1 image sides in either direction, in this many steps."""


def shapes(spatial_LHPP: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The AAAM of every head on a grid that all models share, (L, H, CELLS²) float32, each a distribution.

    Displacements are measured in image sides, so that grids of 7×7 and 28×28 patches can be compared: every cell of an
    AAAM (normalised to sum 1) is shared out among the four cells around its displacement. Heads that
    give nothing to patches are all zero.
    """
    canvas = aligned(spatial_LHPP, geometry)
    mass = canvas.sum(axis=(-2, -1), keepdims=True)
    canvas = canvas / np.where(mass == 0, 1.0, mass)
    down, right = _share(geometry.rows), _share(geometry.columns)
    return np.einsum("lhij,ia,jb->lhab", canvas, down, right).reshape(*canvas.shape[:2], -1).astype(np.float32)


def _share(edge: int) -> np.ndarray:
    """How each displacement along an axis with `edge` patches is shared out, (2·edge − 1, CELLS); rows sum to 1."""
    at = (np.arange(2 * edge - 1) / max(2 * edge - 2, 1) if edge > 1 else np.array([0.5])) * (CELLS - 1)
    low = np.minimum(np.floor(at).astype(int), CELLS - 2)
    shares = np.zeros((len(at), CELLS))
    rows = np.arange(len(at))
    shares[rows, low] = low + 1 - at
    shares[rows, low + 1] = at - low
    return shares


def similarity(one: np.ndarray, others_N: np.ndarray) -> np.ndarray:
    """How alike shapes are, (N,) in 0 … 1: the Bhattacharyya coefficient Σ √(p·q); 1 for the same distribution."""
    return np.sqrt(others_N) @ np.sqrt(one)
