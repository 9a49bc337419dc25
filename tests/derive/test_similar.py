"""Heads of the same shape."""

from __future__ import annotations

import numpy as np
import pytest

from vitscope.derive.similar import CELLS, shapes, similarity
from vitscope.geometry import Geometry


def shifted(edge, down, right):
    """R̄ of one head on an edge × edge grid whose queries look `down`, `right` image sides away, if that is inside."""
    spatial = np.zeros((edge * edge, edge * edge))
    step = edge - 1
    for row in range(edge):
        for column in range(edge):
            to = row + round(down * step), column + round(right * step)
            if 0 <= to[0] < edge and 0 <= to[1] < edge:
                spatial[row * edge + column, to[0] * edge + to[1]] = 1
    return spatial[None, None]


def grid(edge):
    return Geometry(layers=1, heads=1, prefix=("cls",), rows=edge, columns=edge, patch=(16, 16))


def test_a_shape_is_a_distribution_with_the_mean_displacement_of_the_head():
    edge = 7
    spatial = np.random.default_rng(0).dirichlet(np.ones(edge**2), size=edge**2)[None, None]
    shape = shapes(spatial, grid(edge))[0, 0].reshape(CELLS, CELLS)
    assert shape.sum() == pytest.approx(1, abs=1e-6)
    at = np.linspace(-1, 1, CELLS)
    expected = np.zeros(2)
    for query in range(edge**2):
        for key in range(edge**2):
            moved = np.subtract(np.divmod(key, edge), np.divmod(query, edge)) / (edge - 1)
            expected += spatial[0, 0, query, key] * moved / edge**2
    assert np.array([shape.sum(1) @ at, shape.sum(0) @ at]) == pytest.approx(expected, abs=1e-6)


def test_the_same_displacement_on_two_grids_is_most_alike():
    coarse = shapes(shifted(7, 0, 1 / 3), grid(7))[0, 0]
    others = np.stack(
        [shapes(shifted(13, *move), grid(13))[0, 0] for move in ((0, 1 / 3), (1 / 3, 0), (0, -1 / 3), (0, 0))]
    )
    alike = similarity(coarse, others)
    assert alike.argmax() == 0
    assert alike[0] > 0.9 > 0.3 > alike[1:].max()


def test_the_same_head_is_wholly_alike_and_one_without_patches_is_like_nothing():
    shape = shapes(np.concatenate([shifted(5, 0.25, 0), np.zeros((1, 1, 25, 25))], axis=1), grid(5))[0]
    assert similarity(shape[0], shape) == pytest.approx([1, 0], abs=1e-6)


def test_a_single_patch_has_a_shape():
    assert shapes(np.ones((1, 1, 1, 1)), grid(1)).sum() == pytest.approx(1)
