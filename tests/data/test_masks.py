"""Regions become the pixels that COCO's own code draws, and soft masks of tokens."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as reference

from tests.data import trees
from vitscope.data.masks import Region, mask, soft_mask, starts_with_polygon, usable
from vitscope.errors import DataError

# pycocotools 2.0.11 with numpy 2: its decoder, which only these tests use
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

GOOD = [1, 1, 5, 1, 5, 4, 1, 4]
RUNS = {"size": [6, 8], "counts": [6, 3, 39]}
RINGS = st.lists(
    st.lists(st.floats(-3, 13), min_size=6, max_size=12).filter(lambda ring: len(ring) % 2 == 0), min_size=1
)


def region(segmentation, crowd=False) -> Region:
    return Region(0, segmentation, crowd)


@pytest.mark.parametrize(
    ("segmentation", "pixels"),
    [([GOOD], 12), ([GOOD, [6, 4, 7, 5]], 12), ([[6, 4, 7, 5], GOOD], 12), ([[1, 1], GOOD, []], 12), (RUNS, 3)],
)
def test_the_table_of_degenerate_polygons(segmentation, pixels):
    assert usable(segmentation, 6, 8) == ""
    assert mask(region(segmentation), 6, 8).sum() == pixels


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 1, 5, 4]],
        [[1, 1]],
        [],
        [[]],
        [[1, 1, 5, 1, 5]],
        [[1, 1, 5, 1, 5, 4, 1]],
        [[1, 1, 5, 1, "5", 4]],
        [[*GOOD[:5], True]],
    ],
)
def test_what_is_no_polygon_is_never_a_box(segmentation):
    assert usable(segmentation, 6, 8) == "no polygon of three points or more"
    with pytest.raises(DataError, match="cannot be drawn in an image of 8 × 6 pixels"):
        mask(region(segmentation), 6, 8)


def test_a_rectangle_and_run_lengths_lie_where_they_should():
    expected = np.zeros((6, 8), bool)
    expected[1:4, 1:5] = True
    assert np.array_equal(mask(region([GOOD]), 6, 8), expected)
    expected = np.zeros((6, 8), bool)
    expected[0:3, 1] = True  # column by column
    assert np.array_equal(mask(region(RUNS, crowd=True), 6, 8), expected)


@pytest.mark.parametrize("number", [math.nan, math.inf, 1e300, -1e9, 10**400, 25])
def test_a_ring_far_outside_of_its_image_is_not_drawn(number):
    assert usable([[1, 1, number, 1, 5, 4]], 6, 8) != ""


def test_an_outline_of_endless_length_is_not_drawn():
    assert usable([[0, 0, 60000, 60000] * 1000], 60000, 60000) != ""
    assert usable([[0, 0, 60000, 60000] * 10], 60000, 60000) == ""


@given(RINGS)
def test_rings_are_drawn_as_cocos_own_code_draws_them(rings):
    drawn = reference.decode(reference.merge(reference.frPyObjects(rings, 9, 11))).astype(bool)
    assert np.array_equal(mask(region(rings), 9, 11), drawn)


@given(arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_compressed_run_lengths_are_those_of_coco(pixels):
    packed = reference.encode(np.asfortranarray(pixels.astype(np.uint8)))
    height, width = pixels.shape
    for counts in (packed["counts"], packed["counts"].decode()):
        assert np.array_equal(mask(region({"size": [height, width], "counts": counts}), height, width), pixels)


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_long_runs_are_those_of_coco(zeros, ones):
    pixels = np.zeros((100, 80), np.uint8, order="F")
    pixels.T.ravel()[zeros : zeros + ones] = 1
    packed = reference.encode(pixels)
    assert np.array_equal(mask(region({**packed, "size": [100, 80]}), 100, 80), pixels.astype(bool))


@pytest.mark.parametrize(
    "runs",
    [
        {},
        {"size": [6, 8]},
        {"counts": [48]},
        {"size": [8, 6], "counts": [48]},
        {"size": [6, 8], "counts": [47]},
        {"size": [6, 8], "counts": [49]},
        {"size": [6, 8], "counts": [-1, 49]},
        {"size": [6, 8], "counts": [48.0]},
        {"size": [6, 8], "counts": [2**70]},
        {"size": [6, True], "counts": [48]},
        {"size": [6, 8], "counts": "\x00"},
        {"size": [6, 8], "counts": "P" * 100},
        {"size": [6, 8], "counts": "ooooooo"},
        {"size": [6, 8], "counts": "é"},
        {"size": [6, 8], "counts": ""},
        {"size": [6, 8, 1], "counts": [48]},
    ],
)
def test_run_lengths_that_do_not_fill_the_image_are_refused(runs):
    assert usable(runs, 6, 8) == "run lengths that do not fit their image"


@given(
    trees.JSON
    | st.fixed_dictionaries({"size": st.just([6, 8]), "counts": trees.JSON | st.text()})
    | st.lists(trees.JSON)
)
def test_any_segmentation_is_refused_or_drawn(segmentation):
    if usable(segmentation, 6, 8) == "":
        drawn = mask(region(segmentation), 6, 8)
        assert (drawn.shape, drawn.dtype) == ((6, 8), bool)


def test_the_papers_filter_looks_at_the_first_ring():
    assert starts_with_polygon(region([GOOD, [1, 1]]))
    assert not starts_with_polygon(region([[1, 1, 5, 4], GOOD]))
    assert starts_with_polygon(region([[1, 1, 5, 4], GOOD], crowd=True))
    assert starts_with_polygon(region(RUNS, crowd=True))


@pytest.mark.parametrize(("at", "tokens"), [(100, 49), (150, 49), (140, 60), (0, 48)])
def test_a_square_grows_by_about_half_a_token(at, tokens):
    """A 200 × 200 square in 480 × 480 gives 49 of 14 × 14 tokens; where its edges meet those of tokens (140 px are 4.08
    tokens), or the image's, the count differs by the corners."""
    pixels = np.zeros((480, 480), bool)
    pixels[at : at + 200, at : at + 200] = True
    soft = soft_mask(pixels, 14, 14, crop=True)
    assert soft is not None
    assert (soft > 0).sum() == tokens
    assert soft.dtype == np.float64
    assert soft.sum() == pytest.approx(1, abs=1e-12)
    assert 30 <= (soft >= soft.max() / 2).sum() <= 36  # without the growth: 5.83² tokens are 34


def bicubic(length: int, tokens: int) -> np.ndarray:
    """Weights [tokens, length] of an antialiased bicubic reduction (a = −1/2), by its definition."""
    scale = length / tokens
    weights = np.zeros((tokens, length))
    for token in range(tokens):
        centre = (token + 0.5) * scale
        for pixel in range(length):
            x = abs((pixel + 0.5 - centre) / scale)
            weights[token, pixel] = (
                1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0
            )
    return weights / weights.sum(1, keepdims=True)


@given(arrays.arrays(bool, (60, 40)), st.booleans())
def test_soft_masks_against_the_definition(pixels, crop):
    part = pixels[10:50] if crop else pixels
    rows, columns = bicubic(len(part), 5), bicubic(40, 5)
    expected = np.clip(rows @ (part * 255.0) @ columns.T, 0, 255)
    soft = soft_mask(pixels, 5, 5, crop=crop)
    if soft is None:
        assert expected.max() < 2
    else:
        assert np.allclose(soft, expected / expected.sum(), atol=2.5 / expected.sum())  # 8 bits, rounded twice


@pytest.mark.parametrize("shape", [(480, 640), (640, 480), (7, 10), (10, 7), (481, 640)])
def test_the_crop_is_the_square_in_the_middle(shape):
    height, width = shape
    side = min(shape)
    top, left = (height - side) // 2, (width - side) // 2
    outside = np.ones(shape, bool)
    outside[top : top + side, left : left + side] = False
    assert soft_mask(outside, 14, 14, crop=True) is None
    assert soft_mask(outside, 14, 14, crop=False) is not None
    inside = np.random.default_rng(0).random(shape) < 0.5
    cropped = soft_mask(inside[top : top + side, left : left + side], 4, 4, crop=False)
    assert np.array_equal(soft_mask(inside, 4, 4, crop=True), cropped)


def test_a_grid_of_another_shape_sees_a_part_of_that_shape():
    pixels = np.zeros((60, 60), bool)
    pixels[:15] = True
    assert soft_mask(pixels, 7, 14, crop=True) is None  # rows 15 to 44 are what such a model sees
    pixels[15] = True
    assert soft_mask(pixels, 7, 14, crop=True) is not None


def test_nothing_is_no_mask():
    assert soft_mask(np.zeros((32, 32), bool), 4, 4, crop=True) is None
    speck = np.zeros((448, 448), bool)
    speck[0, 0] = True
    assert soft_mask(speck, 4, 4, crop=True) is None  # less than half a grey level of a token
