"""Aligned aggregated attention maps: where patches look, seen from themselves (paper section 4.2, Fig. 3)."""

from __future__ import annotations

import numpy as np

from vitscope.geometry import Geometry


def aligned(spatial_LHPP: np.ndarray, geometry: Geometry, *, corrected: bool = False) -> np.ndarray:
    """AAAM of every head, shape (L, H, 2R−1, 2C−1), float64, unit 1; the query stands at (R−1, C−1).

    AAAM[Δ] = 1/P · Σ_{q,k: k−q=Δ} R̄[q, k]: every query's map is laid over the others with the query in the middle.
    As in the paper a head sums to 1 (less where R̄ has null rows), and a displacement that few queries can see is small
    by construction. `corrected` divides each cell by `coverage`: it is then the mean attention at that displacement of
    the queries that can see it, and sums to no fixed number.
    """
    layers, heads = spatial_LHPP.shape[:2]
    canvas = np.empty((layers, heads, 2 * geometry.rows - 1, 2 * geometry.columns - 1))
    for layer in range(layers):  # one layer at a time: the intermediate sums stay small
        canvas[layer] = _shift(spatial_LHPP[layer], geometry.rows, geometry.columns)
    canvas /= geometry.patches
    return canvas / coverage(geometry) if corrected else canvas


def coverage(geometry: Geometry) -> np.ndarray:
    """Share of the queries that have a patch at each displacement, shape (2R−1, 2C−1).

    (R−|Δrow|)·(C−|Δcolumn|) / P: 1 in the middle, 1/P in the corners. It is also P times the AAAM of uniform attention.
    """
    down, right = displacements(geometry)
    return np.outer(geometry.rows - abs(down), geometry.columns - abs(right)) / geometry.patches


def displacements(geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Tokens down (2R−1,) and tokens right (2C−1,) of the query, for the rows and columns of an AAAM."""
    return np.arange(1 - geometry.rows, geometry.rows), np.arange(1 - geometry.columns, geometry.columns)


def _shift(spatial_HPP: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Sum over queries of their maps, each moved so that the query is in the middle; shape (H, 2R−1, 2C−1).

    First all queries of a row move down together, then all of a column move right: R + C additions instead of P.
    """
    heads = len(spatial_HPP)
    maps = spatial_HPP.reshape(heads, rows, columns, rows, columns)
    by_row = np.zeros((heads, columns, 2 * rows - 1, columns))  # query column, displacement down, key column
    for row in range(rows):
        by_row[:, :, rows - 1 - row : 2 * rows - 1 - row] += maps[:, row]
    canvas = np.zeros((heads, 2 * rows - 1, 2 * columns - 1))
    for column in range(columns):
        canvas[:, :, columns - 1 - column : 2 * columns - 1 - column] += by_row[:, column]
    return canvas
