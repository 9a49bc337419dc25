"""What an AAAM and a map of received attention look like: the measurements behind the head tags.

An AAAM is a density over displacements (…, 2R−1, 2C−1); lengths are in tokens, so that grids of any size agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitscope.derive.aligned import displacements
from vitscope.geometry import Geometry


def shuffled(received: np.ndarray, geometry: Geometry) -> np.ndarray:
    """AAAM of heads that attend to the patches as `received` (…, P), whichever patch asks; same sum, (…, 2R−1, 2C−1).

    It is what is left of a head when its maps are dealt out to the wrong queries: borders, blobs in the middle of the
    picture and patches that everybody attends to are in it, whatever follows the query is not.
    """
    grid = received.reshape(*received.shape[:-1], geometry.rows, geometry.columns)
    return _reachable(_reachable(grid, -2), -1) / geometry.patches


def mean_length(density: np.ndarray, geometry: Geometry, axis: str = "both") -> np.ndarray:
    """Mean |Δ| of a density over displacements, in tokens, shape (…); `axis`: "both", "right" or "down" alone."""
    down, right = displacements(geometry)
    length = {
        "both": np.hypot(down[:, None], right),
        "right": np.broadcast_to(abs(right), density.shape[-2:]),
        "down": np.broadcast_to(abs(down)[:, None], density.shape[-2:]),
    }[axis]
    return np.tensordot(density, length, axes=2)


def local_part(aligned: np.ndarray, background: np.ndarray, geometry: Geometry) -> np.ndarray:
    """What of an AAAM follows the query: the AAAM minus as much of `background` as its far cells show, (…, 2R−1, 2C−1).

    Far is a displacement of at least half the longer edge of the grid, where no local head looks.
    """
    down, right = displacements(geometry)
    far = np.hypot(down[:, None], right) >= max(geometry.rows, geometry.columns) / 2
    share = ratio(aligned[..., far].sum(axis=-1), background[..., far].sum(axis=-1))
    return np.maximum(aligned - np.minimum(share, 1)[..., None, None] * background, 0)


@dataclass(frozen=True)
class Core:
    """The bright part of a density over displacements; all arrays have its leading shape (…)."""

    own: np.ndarray  # share of the core on the query's own token
    centre: np.ndarray  # (…, 2) mean displacement (right, down) in tokens
    lean: (
        np.ndarray
    )  # along the direction of `centre`: mean displacement over mean length; 1 all on one side, 0 balanced
    extent: np.ndarray  # (…, 2) standard deviation (right, down) in tokens, a token counting as a square, not a point


def core(local: np.ndarray, fraction: float, geometry: Geometry) -> Core:
    """Describe the cells of `local` (…, 2R−1, 2C−1) that reach `fraction` of its brightest one.

    These are the cells that stand out to the eye when a map is drawn from its minimum to its maximum.
    """
    down, right = displacements(geometry)
    bright = np.where(local >= fraction * local.max(axis=(-2, -1), keepdims=True), local, 0.0)
    bright /= np.where(bright.any(axis=(-2, -1)), bright.sum(axis=(-2, -1)), 1.0)[..., None, None]
    along = np.stack([bright.sum(axis=-2) @ right, bright.sum(axis=-1) @ down], axis=-1)
    square = np.stack([bright.sum(axis=-2) @ right**2, bright.sum(axis=-1) @ down**2], axis=-1)
    return Core(
        own=bright[..., geometry.rows - 1, geometry.columns - 1],
        centre=along,
        lean=_lean(bright, along, geometry),
        extent=np.sqrt(np.maximum(square - along**2, 0) + 1 / 12),
    )


def _lean(density: np.ndarray, centre: np.ndarray, geometry: Geometry) -> np.ndarray:
    """|centre|² over the mean of |Δ · centre|: how one-sided a density is in the direction of its centre."""
    down, right = displacements(geometry)
    towards = centre[..., 0, None, None] * right + centre[..., 1, None, None] * down[:, None]
    return ratio((centre**2).sum(axis=-1), (density * abs(towards)).sum(axis=(-2, -1)), empty=0.0)


def arms(local: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Share of `local` in the query's own row and column two or more tokens away, and how unlike a blob that is.

    The second is the smaller of two ratios: the share in the own row (column) over the product of the shares of being
    two or more columns (rows) away and of being in the own row (column). It is 1 for a Gaussian blob of any shape and
    less for a peak with tails; two crossing arms exceed 1 in both.
    """
    down, right = displacements(geometry)
    total = local.sum(axis=(-2, -1))
    in_row, in_column = local[..., geometry.rows - 1, :], local[..., :, geometry.columns - 1]
    row, column = in_row[..., abs(right) >= 2].sum(axis=-1), in_column[..., abs(down) >= 2].sum(axis=-1)
    columns_away = local.sum(axis=-2)[..., abs(right) >= 2].sum(axis=-1)
    rows_away = local.sum(axis=-1)[..., abs(down) >= 2].sum(axis=-1)
    unlike = np.minimum(
        ratio(row * total, columns_away * in_row.sum(axis=-1)),
        ratio(column * total, rows_away * in_column.sum(axis=-1)),
    )
    return ratio(row + column, total, empty=0.0), unlike


@dataclass(frozen=True)
class Few:
    """The patches that receive far more than their fair share, as arrays (L, H)."""

    share: np.ndarray  # share of the attention among patches that they receive
    shared: (
        np.ndarray
    )  # how much of `share` nine queries in ten have in common with the mean query, each patch by itself
    apart: np.ndarray  # 1 − attention of the neighbours of such a patch over its own: 1 single dots, towards 0 a blob


def few(spatial_LHPP: np.ndarray, received_LHP: np.ndarray, lift: float, geometry: Geometry) -> Few:
    """Find the patches whose share of `received_LHP` is at least `lift` times the uniform one."""
    wanted = received_LHP * (received_LHP * geometry.patches >= lift)
    share = wanted.sum(axis=-1)
    common = [np.minimum(maps, mean[:, None]).sum(axis=-1) for maps, mean in zip(spatial_LHPP, wanted, strict=True)]
    around = (wanted * _neighbours(received_LHP, geometry)).sum(axis=-1)
    return Few(
        share=share,
        shared=ratio(np.quantile(np.stack(common), 0.1, axis=-1), share, empty=0.0),
        apart=1 - ratio(around, (wanted**2).sum(axis=-1)),
    )


def ratio(over: np.ndarray, under: np.ndarray, empty: float = 1.0) -> np.ndarray:
    """over / under, and `empty` where `under` is zero."""
    return np.where(under == 0, empty, over / np.where(under == 0, 1.0, under))


def _reachable(grid: np.ndarray, axis: int) -> np.ndarray:
    """Along `axis` of length K: for each displacement 1−K … K−1 the sum over the places that it leads to."""
    before = np.cumsum(grid, axis=axis)
    after = np.flip(np.cumsum(np.flip(grid, axis), axis=axis), axis)
    return np.concatenate([np.delete(before, -1, axis), after], axis=axis)


def _neighbours(received: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Mean of the up to eight neighbours of each patch, shape (…, P)."""
    grid = received.reshape(-1, geometry.rows, geometry.columns)
    known = np.pad(np.stack([grid, np.ones_like(grid)]), ((0, 0), (0, 0), (1, 1), (1, 1)))
    total = np.zeros((2, *grid.shape))
    for down, right in [(d, r) for d in range(3) for r in range(3) if (d, r) != (1, 1)]:
        total += known[..., down : down + geometry.rows, right : right + geometry.columns]
    return ratio(total[0], total[1], empty=0.0).reshape(received.shape)
