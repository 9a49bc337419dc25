"""Attention distance: how far patches look (paper section 4.3)."""

from __future__ import annotations

import numpy as np

from vitscope.derive.aligned import aligned, displacements
from vitscope.geometry import Geometry, patch_distance


def mean_distance(spatial_LHPP: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Mean attention distance of every head, shape (L, H), float64, in image sides.

    1/P · Σ_q Σ_k R̄[q, k] · d(q, k), d the Euclidean distance. d depends on the displacement alone, so this is
    Σ_Δ AAAM[Δ] · |Δ|. Linear in R, hence exactly the mean over images; a null row counts as distance zero.
    """
    down, right = displacements(geometry)
    length = np.hypot(down[:, None], right[None]) * geometry.step
    return np.tensordot(aligned(spatial_LHPP, geometry), length, axes=2)


def uniform_distance(geometry: Geometry) -> float:
    """The distance of a head that looks everywhere alike, in image sides.

    >>> grid = Geometry(layers=1, heads=1, prefix=(), rows=14, columns=14, patch=(16, 16))
    >>> round(uniform_distance(grid), 4)
    0.5601
    """
    return float(patch_distance(geometry).mean())
