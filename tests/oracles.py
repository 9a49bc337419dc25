"""Slow, obvious implementations that the tests compare with: plain loops over images, layers, heads and tokens.

`attention` is per-image post-softmax attention (I, L, H, T, T), prefix tokens first. Everything is float64. Nothing
here uses code of vitscope but the facts of a Geometry (its fields), so that a shared mistake cannot hide.
"""

from __future__ import annotations

import math

import numpy as np

from vitscope.geometry import Geometry


def photographs(geometry: Geometry, images: int = 3, seed: int = 0, sharpness: float = 2.0) -> np.ndarray:
    """Random attention of `images` images, (I, L, H, T, T) float64, rows sum to 1, every head different."""
    generator = np.random.default_rng(seed)
    shape = (images, geometry.layers, geometry.heads, geometry.tokens, geometry.tokens)
    weight = np.exp(sharpness * generator.standard_normal(shape))
    return weight / weight.sum(axis=-1, keepdims=True)


def place(geometry: Geometry, patch: int) -> tuple[int, int]:
    """(row, column) of a patch, counted from 0."""
    return patch // geometry.columns, patch % geometry.columns


def between(geometry: Geometry, query: int, key: int) -> tuple[float, float]:
    """(right, down) from query to key in image sides; the longer edge of the grid spans 1."""
    side = max(geometry.rows - 1, geometry.columns - 1, 1)
    (row, column), (other_row, other_column) = place(geometry, query), place(geometry, key)
    return (other_column - column) / side, (other_row - row) / side


def renormalised(attention_TT: np.ndarray, geometry: Geometry) -> np.ndarray:
    """R (P, P): prefix dropped as query and key, each row divided by its sum; a row of exactly 0 stays 0."""
    first = len(geometry.prefix)
    result = np.zeros((geometry.patches, geometry.patches))
    for query in range(geometry.patches):
        row = [float(value) for value in attention_TT[first + query, first:]]
        total = math.fsum(row)
        for key, value in enumerate(row):
            result[query, key] = value / total if total != 0 else 0.0
    return result


def _each(attention: np.ndarray, measure) -> np.ndarray:
    """`measure(A of one image, layer and head)` for all of them, shape (I, L, H, …)."""
    return np.array([[[measure(head) for head in layer] for layer in image] for image in attention])


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over images, summed exactly."""
    flat = values.reshape(len(values), -1)
    mean = [math.fsum(column) / len(values) for column in flat.T]
    return np.array(mean).reshape(values.shape[1:])


def spread(values: np.ndarray) -> np.ndarray:
    """Sample standard deviation (ddof 1) over images."""
    middle, total = mean(values), np.zeros(values.shape[1:])
    for value in values:
        total += (value - middle) ** 2
    return np.sqrt(total / (len(values) - 1))


def mean_attention(attention: np.ndarray) -> np.ndarray:
    """Ā (L, H, T, T)."""
    return mean(attention)


def mean_spatial(attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """R̄ (L, H, P, P): the mean of the renormalised images, not the renormalised mean."""
    return mean(_each(attention, lambda head: renormalised(head, geometry)))


def distance(attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Attention distance of each image (I, L, H) in image sides; `mean` and `spread` make the metric."""

    def measure(head: np.ndarray) -> float:
        spatial, total = renormalised(head, geometry), 0.0
        for query in range(geometry.patches):
            for key in range(geometry.patches):
                total += spatial[query, key] * math.hypot(*between(geometry, query, key))
        return total / geometry.patches

    return _each(attention, measure)


def entropy(attention: np.ndarray) -> np.ndarray:
    """Mean entropy of the T rows of each image (I, L, H) in nats; 0 · log 0 = 0."""

    def measure(head: np.ndarray) -> float:
        rows = [math.fsum(-float(p) * math.log(p) for p in row if p > 0) for row in head]
        return math.fsum(rows) / len(rows)

    return _each(attention, measure)


def prefix_mass(attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Mean over patch queries of the attention to each prefix token, each image: (I, L, H, prefix)."""
    first = len(geometry.prefix)

    def measure(head: np.ndarray) -> list[float]:
        columns = [[float(head[query, token]) for query in range(first, geometry.tokens)] for token in range(first)]
        return [math.fsum(column) / len(column) for column in columns]

    return _each(attention, measure)


def head_deviation(attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Each image (I, L): sample deviation over heads of A between patches, averaged over queries and keys."""
    first = len(geometry.prefix)
    result = np.zeros(attention.shape[:2])
    for image, layer in np.ndindex(*result.shape):
        deviations = [
            np.std([head[query, key] for head in attention[image, layer]], ddof=1)
            for query in range(first, geometry.tokens)
            for key in range(first, geometry.tokens)
        ]
        result[image, layer] = math.fsum(deviations) / len(deviations)
    return result


def position_deviation(attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Each image (I, L, H): sample deviation over patch queries of A on a patch, averaged over keys."""
    first = len(geometry.prefix)

    def measure(head: np.ndarray) -> float:
        deviations = [np.std(head[first:, key], ddof=1) for key in range(first, geometry.tokens)]
        return math.fsum(deviations) / len(deviations)

    return _each(attention, measure)


def class_attention(attention: np.ndarray, labels: list[int]) -> np.ndarray:
    """(classes, L, H, T): for each class the mean over its images and all T queries of A; classes count from 0."""
    received = _each(attention, lambda head: [math.fsum(column) / len(column) for column in head.T])
    return np.array([mean(received[[label == wanted for label in labels]]) for wanted in range(max(labels) + 1)])


def average(mode: str, attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Mean attention on each token (L, H, T) for the modes all, cls, spatial, pure."""
    first = len(geometry.prefix)

    def measure(head: np.ndarray) -> list[float]:
        if mode == "pure":
            spatial = renormalised(head, geometry)
            return [0.0] * first + [math.fsum(column) / geometry.patches for column in spatial.T]
        queries = {
            "all": range(geometry.tokens),
            "cls": [geometry.prefix.index("cls")] if mode == "cls" else [],
            "spatial": range(first, geometry.tokens),
        }[mode]
        return [math.fsum(head[query, key] for query in queries) / len(queries) for key in range(geometry.tokens)]

    return mean(_each(attention, measure))


def aligned(attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """AAAM (L, H, 2R−1, 2C−1) by laying the canvas of every image and query over the others."""
    rows, columns = geometry.rows, geometry.columns

    def measure(head: np.ndarray) -> np.ndarray:
        spatial, canvas = renormalised(head, geometry), np.zeros((2 * rows - 1, 2 * columns - 1))
        for query in range(geometry.patches):
            row, column = place(geometry, query)
            for key in range(geometry.patches):
                key_row, key_column = place(geometry, key)
                canvas[rows - 1 - row + key_row, columns - 1 - column + key_column] += spatial[query, key]
        return canvas / geometry.patches

    return mean(_each(attention, measure))


def aligned_corrected(attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """AAAM where each cell is divided by the share of queries that have a patch at that displacement."""
    seen = np.zeros((2 * geometry.rows - 1, 2 * geometry.columns - 1))
    for query in range(geometry.patches):
        row, column = place(geometry, query)
        for key in range(geometry.patches):
            key_row, key_column = place(geometry, key)
            seen[geometry.rows - 1 - row + key_row, geometry.columns - 1 - column + key_column] += 1
    return aligned(attention, geometry) * geometry.patches / seen


def offset(attention: np.ndarray, geometry: Geometry) -> np.ndarray:
    """(L, H, 2): (right, down) in image sides, mean over images and queries of the displacement attended to.

    The mean is over the attention that is there: the centre of mass of the AAAM.
    """

    def measure(head: np.ndarray) -> list[float]:
        spatial, right, down, mass = renormalised(head, geometry), 0.0, 0.0, 0.0
        for query in range(geometry.patches):
            for key in range(geometry.patches):
                step = between(geometry, query, key)
                right += spatial[query, key] * step[0]
                down += spatial[query, key] * step[1]
                mass += spatial[query, key]
        return [right, down, mass]

    total = mean(_each(attention, measure))
    return np.where(total[..., 2:] > 0, total[..., :2] / np.where(total[..., 2:] > 0, total[..., 2:], 1.0), 0.0)
