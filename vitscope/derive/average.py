"""Average attention on each token, in the four ways of the paper's code to choose the queries (paper section 4.1)."""

from __future__ import annotations

import numpy as np

from vitscope.derive.query import cls_token
from vitscope.errors import ViewError
from vitscope.geometry import Geometry

MODES = ("all", "cls", "spatial", "pure")


def average(
    mode: str, attention_LHTT: np.ndarray | None, spatial_LHPP: np.ndarray | None, geometry: Geometry
) -> np.ndarray:
    """Mean attention that each token receives, shape (L, H, T), float64, unit 1; a head sums to 1 but for null rows.

    all:     mean over all T queries of Ā[q, ·]
    cls:     Ā[cls, ·], the average CLS map of Fig. 2 with the attention of CLS to the prefix kept
    spatial: mean over the P spatial queries of Ā[q, ·]
    pure:    mean over the P spatial queries of R̄[q, ·]; zero for the prefix

    Only `pure` reads `spatial_LHPP` and only the others read `attention_LHTT`: the other one may be None.
    Raises ViewError for an unknown mode, for `cls` of a model without CLS, and when the matrix needed is None.
    """
    if mode not in MODES:
        raise ViewError(f"no averaging mode is called {mode!r}; known are {', '.join(MODES)}.")
    needed = spatial_LHPP if mode == "pure" else attention_LHTT
    if needed is None:
        raise ViewError(f"averaging mode {mode!r} needs {'spatial ' if mode == 'pure' else ''}attention.")
    first = len(geometry.prefix)
    if mode == "all":
        return needed.mean(axis=-2, dtype=np.float64)
    if mode == "cls":
        return needed[..., cls_token(geometry), :].astype(np.float64)
    if mode == "spatial":
        return needed[..., first:, :].mean(axis=-2, dtype=np.float64)
    pure = np.zeros((*needed.shape[:-2], geometry.tokens))
    pure[..., first:] = needed.mean(axis=-2, dtype=np.float64)
    return pure


def renormalised(attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """R of single images: attention (…, T, T) among patches with rows that sum to 1, shape (…, P, P), float64.

    A row whose mass is all on the prefix stays 0, as in the paper's code.
    """
    first = len(geometry.prefix)
    spatial = attention[..., first:, first:].astype(np.float64)
    mass = spatial.sum(axis=-1, keepdims=True)
    return spatial / np.where(mass > 0, mass, 1)
