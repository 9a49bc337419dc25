"""Offset: in which direction patches look on average, as the paper's code measures it.

The offset heads of paper section 4.2 have a large one.
"""

from __future__ import annotations

import numpy as np

from vitscope.geometry import Geometry, positions


def offset(spatial_LHPP: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Mean displacement of every head, shape (L, H, 2), float64: (x right, y down) in image sides.

    Σ_{q,k} R̄[q, k] · (pos_k − pos_q) / Σ_{q,k} R̄[q, k], the centre of mass of the AAAM; one token is 1/(K−1), K the
    longer edge of the grid. A head without spatial attention (all rows null) has offset zero.
    """
    received = spatial_LHPP.sum(axis=-2, dtype=np.float64)
    given = spatial_LHPP.sum(axis=-1, dtype=np.float64)
    moved = (received - given) @ positions(geometry)[:, ::-1]
    mass = given.sum(axis=-1, keepdims=True)
    return moved / np.where(mass > 0, mass, 1.0)


def magnitude(offset: np.ndarray) -> np.ndarray:
    """Length of offset vectors (…, 2), shape (…), in image sides: the mean is taken first, the norm last."""
    return np.linalg.norm(offset, axis=-1)
