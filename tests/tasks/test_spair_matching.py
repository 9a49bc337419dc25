"""Keypoints matched by token similarities, against maps enlarged to every pixel and loops over them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from vitscope.tasks.matching import Grid, canvas, correct, likeness, placed

GRIDS = [Grid(14, 14, (16, 16)), Grid(3, 5, (4, 4)), Grid(4, 4, (7, 7)), Grid(2, 3, (3, 2)), Grid(1, 2, (5, 1))]


def enlarged(tokens: torch.Tensor, grid: Grid) -> torch.Tensor:
    """(D, rows × columns) → (D, H, W), float64, by torch, as the paper's code does."""
    return F.interpolate(
        tokens.double().reshape(1, -1, grid.rows, grid.columns),
        size=(grid.rows * grid.patch[0], grid.columns * grid.patch[1]),
        mode="bilinear",
    )[0]


# where images lie


@pytest.mark.parametrize(
    ("size", "scale", "corner", "inner"),
    [
        ((500, 375), 0.448, (0, 28), (224, 168)),
        ((333, 500), 0.448, (37, 0), (149, 224)),
        ((100, 100), 2.24, (0, 0), (224, 224)),
    ],
)
def test_placed(size: tuple[int, int], scale: float, corner: tuple[int, int], inner: tuple[int, int]) -> None:
    """The long side fills the canvas, the other is rounded, the offset is cut."""
    place = placed(*size, (224, 224))
    assert place.scale == pytest.approx(scale)
    assert ((place.left, place.top), (place.width, place.height)) == (corner, inner)
    np.testing.assert_allclose(place.points(np.array([[10, 20]])), [[10 * scale + corner[0], 20 * scale + corner[1]]])


def test_canvas_is_black_around_the_image() -> None:
    found = canvas(Image.new("RGB", (40, 20), (255, 128, 0)), (8, 8))
    assert found.shape == (8, 8, 3)
    assert not found[:2].any()
    assert not found[6:].any()
    assert (found[2:6] == (255, 128, 0)).all()


def test_thin_image_keeps_a_pixel() -> None:
    assert canvas(Image.new("RGB", (1000, 1), "white"), (8, 8)).any()


# enlarge, then multiply = multiply, then enlarge


@pytest.mark.parametrize("grid", GRIDS)
def test_weights_are_those_of_the_enlarged_map(grid: Grid) -> None:
    random = np.random.default_rng(0)
    tokens = torch.from_numpy(random.normal(size=(6, grid.rows * grid.columns)))
    height, width = grid.rows * grid.patch[0], grid.columns * grid.patch[1]
    points = np.array(list(product(range(width), range(height)))[:: max(1, width * height // 500)], float)
    found = grid.weights(points).double() @ tokens.T
    expected = enlarged(tokens, grid)[:, points[:, 1].astype(int), points[:, 0].astype(int)].T
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_points_are_rounded_and_stay_on_the_canvas() -> None:
    """The paper's code rounds y alone, and may look for row 224 of 224."""
    grid = Grid(14, 14, (16, 16))
    given = np.array([[3.6, 223.9], [-2.0, 500.0], [223.5, 100.4]])
    np.testing.assert_array_equal(grid.weights(given), grid.weights(np.array([[4, 223], [0, 223], [223, 100]])))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("seed", range(4))
def test_best_pixel_of_all_pixels(grid: Grid, seed: int) -> None:
    """Over tokens that are whole numbers, so that there are ties: the first largest pixel, row by row.

    Where a patch's sides are no powers of two the weights are rounded, and a tie may be broken by that.
    """
    random = np.random.default_rng(seed)
    source, target = (torch.from_numpy(random.integers(-1, 2, (4, grid.rows * grid.columns))) for _ in range(2))
    height, width = grid.rows * grid.patch[0], grid.columns * grid.patch[1]
    points = np.stack([random.integers(0, width, 9), random.integers(0, height, 9)], 1).astype(float)
    left, right = enlarged(source, grid), enlarged(target, grid)
    tokens = source.T[None].double(), target.T[None].double()
    weights = torch.stack([torch.from_numpy(_exact(grid, point)) for point in points])
    found = grid.best_pixels(weights[None] @ tokens[0] @ tokens[1].mT)[0]
    for point, (x, y) in zip(points.astype(int), found.astype(int), strict=True):
        products = torch.einsum("d,dhw->hw", left[:, point[1], point[0]], right).numpy()
        assert products[y, x] == pytest.approx(products.max(), abs=1e-12)
        if grid.patch in {(16, 16), (4, 4)}:
            assert (y, x) == np.unravel_index(products.argmax(), products.shape)


def _exact(grid: Grid, point: np.ndarray) -> np.ndarray:
    """float64 weights of a pixel by its definition, one token at a time."""
    place = [max((point[i] + 0.5) / grid.patch[1 - i] - 0.5, 0) for i in range(2)]
    across, down = (
        [max(0.0, 1 - abs(min(at, count - 1) - token)) for token in range(count)]
        for at, count in zip(place, (grid.columns, grid.rows), strict=True)
    )
    return np.outer(down, across).ravel()


def test_inside_the_best_pixel_is_beside_the_middle_of_a_token() -> None:
    """Of 16-pixel patches: 16t + 7 or 16t + 8; at the edges it snaps to pixel 0 and to the last token's 8."""
    grid = Grid(14, 14, (16, 16))
    maps = torch.from_numpy(np.random.default_rng(1).normal(size=(3000, 196)))
    found = grid.best_pixels(maps)
    for pixels in found.T:
        inner = (pixels >= 16) & (pixels < 208)
        assert set(pixels[inner] % 16) == {7, 8}
        assert set(pixels[pixels < 16]) <= {0, 7, 8}
        assert {0, 216} < set(pixels)
        assert set(pixels[pixels >= 208]) <= {215, 216}


def test_best_token_is_the_middle_of_its_patch() -> None:
    grid = Grid(3, 5, (4, 6))
    maps = torch.zeros(2, 15)
    maps[0, 7], maps[0, 9], maps[1, 14] = 1, 1, 2
    np.testing.assert_array_equal(grid.best_tokens(maps), [[14.5, 5.5], [26.5, 9.5]])


def test_likeness_of_layers() -> None:
    grid = Grid(2, 3, (4, 4))
    source, target = torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(0)).half()
    weights = grid.weights(np.array([[0, 0], [5, 3]]))
    found = likeness(source, target, weights)
    for layer, point, token in product(range(3), range(2), range(6)):
        mixed = sum(float(weights[point, i]) * source[layer, i].double() for i in range(6))
        assert float(found[layer, point, token]) == pytest.approx(
            float(mixed @ target[layer, token].double()), abs=1e-5
        )


# right or wrong


def test_right_at_the_limit_unless_strict() -> None:
    found = np.array([[[3.0, 0], [9, 0], [10, 0], [11, 0]]])
    truth = np.zeros((4, 2))
    assert correct(found, truth, 100, strict=False)[0].tolist() == [[True, True, True, False]]
    assert correct(found, truth, 100, strict=True)[0].tolist() == [[True, True, False, False]]
    assert correct(found, truth, 100, strict=False)[1].tolist() == [[True, False, False, False]]
    assert not correct(found, truth, 100, strict=False)[2].any()
