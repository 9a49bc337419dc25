"""J, F and their statistics against the numbers that the official evaluator gives, and against plain loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from vitscope.tasks.davis_score import Truth, boundary, contour, objects, overlap, score, statistics, tolerance


def square(rows: tuple[int, int] = (5, 15), columns: tuple[int, int] = (5, 15), shape=(20, 20)) -> np.ndarray:
    region = np.zeros(shape, bool)
    region[slice(*rows), slice(*columns)] = True
    return region


# what the official evaluator, davis2017-evaluation, gives


@pytest.mark.parametrize(("shift", "j", "f"), [(0, 1.0, 1.0), (1, 90 / 110, 1.0), (3, 70 / 130, 0.5)])
def test_square_that_moves_right(shift: int, j: float, f: float) -> None:
    moved = square(columns=(5 + shift, 15 + shift))
    assert overlap(moved, square()) == j
    assert contour(moved, Truth.of(square())) == f


def test_boundary_of_a_square_spans_one_more_row_and_column() -> None:
    pixels = np.argwhere(boundary(square()))
    assert len(pixels) == 40
    assert (pixels.min(), pixels.max()) == (4, 14)


def test_a_mask_that_fills_the_frame_has_no_boundary() -> None:
    full = np.ones((20, 20), bool)
    assert not boundary(full).any()
    assert contour(full, Truth.of(full)) == 1
    assert contour(full, Truth.of(square())) == contour(square(), Truth.of(full)) == 0


def test_nothing_where_nothing_is() -> None:
    empty = np.zeros((20, 20), bool)
    assert overlap(empty, empty) == contour(empty, Truth.of(empty)) == 1
    assert overlap(empty, square()) == contour(empty, Truth.of(square())) == 0


def test_statistics() -> None:
    found = statistics(np.array([1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]))
    np.testing.assert_allclose(found, (0.65, 0.625, 0.5), rtol=1e-12)
    assert statistics(np.array([0.5])) == (0.5, 0.0, 0.0)


def test_decay_of_long_films_does_not_wrap() -> None:
    assert statistics(np.repeat([1.0, 0.0], 300))[2] == 1


def test_radius_of_the_disc() -> None:
    assert [tolerance(shape) for shape in ((480, 854), (480, 910), (480, 1152), (20, 20))] == [8, 9, 10, 1]


def test_whole_tree() -> None:
    """Two objects over five frames; the first and the last do not count."""
    truth, j, f = np.zeros((20, 40), np.uint8), [], []
    truth[5:15, 5:15], truth[5:15, 25:35] = 1, 2
    regions = [Truth.of(truth == 1), Truth.of(truth == 2)]
    for shift in (1, 3, 0):
        mask = np.where(truth == 2, truth, 0)
        mask[5:15, 5 + shift : 15 + shift] = 1
        found = score(mask, regions)
        j.append(found[0])
        f.append(found[1])
    means = np.mean(j, 0), np.mean(f, 0)
    np.testing.assert_allclose(means, [[0.7855478, 1], [0.8333333, 1]], atol=5e-8)
    assert round(float(np.mean(means)), 7) == 0.9047203


# against loops


def boundary_by_loops(region: np.ndarray) -> set[tuple[int, int]]:
    height, width = region.shape
    found = set()
    for row, column in product(range(height), range(width)):
        others = [
            region[row + down, column + right]
            for down, right in ((0, 1), (1, 0), (1, 1))
            if row + down < height and column + right < width
        ]
        if any(other != region[row, column] for other in others):
            found.add((row, column))
    return found


def f_by_loops(region: np.ndarray, truth: np.ndarray) -> float:
    mine, theirs = boundary_by_loops(region), boundary_by_loops(truth)
    limit = int(np.ceil(0.008 * np.hypot(*region.shape))) ** 2
    near = [
        [any((a - c) ** 2 + (b - d) ** 2 <= limit for c, d in others) for a, b in pixels]
        for pixels, others in ((mine, theirs), (theirs, mine))
    ]
    precision = float(np.mean(near[0])) if mine else float(not theirs or 1)
    recall = float(np.mean(near[1])) if theirs else 1.0
    if not mine and theirs:
        precision, recall = 1.0, 0.0
    if mine and not theirs:
        precision, recall = 0.0, 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("seed", range(12))
def test_random_masks(seed: int) -> None:
    """Blobs and dust, up to the edges; the disc has a radius of 3, so that its shape matters."""
    random = np.random.default_rng(seed)
    shape = (160 + seed, 200)
    masks = []
    for _ in range(2):
        mask = np.zeros(shape, bool)
        for _ in range(3):
            row, column = random.integers(0, shape[0]), random.integers(0, shape[1])
            mask[row : row + random.integers(1, 40), column : column + random.integers(1, 40)] = True
        mask[random.integers(0, shape[0], 5), random.integers(0, shape[1], 5)] ^= True
        masks.append(mask)
    truth = Truth.of(masks[1])
    assert truth.radius == 3
    assert {tuple(pixel) for pixel in np.argwhere(boundary(masks[0])).tolist()} == boundary_by_loops(masks[0])
    assert contour(masks[0], truth) == pytest.approx(f_by_loops(*masks), rel=1e-12)
    both, either = (sum(map(int, values.ravel())) for values in (masks[0] & masks[1], masks[0] | masks[1]))
    assert overlap(*masks) == both / either


def test_as_many_objects_as_the_largest_id() -> None:
    assert objects(np.array([[0, 2], [0, 1]], np.uint8)) == objects(np.array([[2, 0]], np.uint8)) == 2
    assert objects(np.zeros((2, 2), np.uint8)) == 0
