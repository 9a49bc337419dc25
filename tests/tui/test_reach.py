"""How far a head looks, and what it attends to most, on the page of a head."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.derive.aligned import aligned
from vitscope.geometry import Geometry
from vitscope.store.reader import Cache
from vitscope.tui.screens.reach import EIGHTHS, by_distance, most


@pytest.mark.parametrize(("rows", "columns"), [(3, 4), (1, 1), (5, 2)])
def test_shares_by_distance_are_those_of_all_pairs_of_patches(rows, columns):
    geometry = Geometry(1, 1, (), rows, columns, (8, 8))
    count = rows * columns
    spatial = np.random.default_rng(0).dirichlet(np.ones(count), (1, 1, count))
    expected = [0.0] * (1 + round(math.hypot(rows - 1, columns - 1)))
    for q in range(count):
        for k in range(count):
            far = math.hypot(q // columns - k // columns, q % columns - k % columns)
            expected[round(far)] += spatial[0, 0, q, k] / count
    found = by_distance(aligned(spatial, geometry)[0, 0], geometry)
    assert found == pytest.approx(expected)
    assert found.sum() == pytest.approx(1)


def test_the_largest_come_first_and_the_first_of_equals():
    values = np.array([[0.1, 0.3], [0.3, 0.0]])
    assert most(values, 3) == [(0, 1, 0.3), (1, 0, 0.3), (0, 0, 0.1)]
    assert len(most(values, 9)) == 4


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reach")
    synthetic.write(folder, model="small", layers=3, heads=4, grid=(10, 10), gallery=0, images=2)
    return folder


def test_the_patches_that_get_most_are_named_with_their_shares(wide):
    walker = Walker(wide)
    walker.press("enter", "l", "enter", "c")
    values = Cache(wide).find("small").array("attention")[0, 1, 0, 1:].reshape(10, 10)
    row, column = np.unravel_index(values.argmax(), values.shape)
    for size in ((40, 12), (80, 24), (120, 40), (200, 50)):
        text = walker.page(*size)
        assert "attends most to" in text
        assert f"{row + 1},{column + 1} {values.max():.1%}" in text
    walker.press("r")
    assert "receives most from" in walker.page(120, 40)


def test_the_histogram_is_of_shares_even_where_the_map_is_divided_by_coverage(wide):
    walker = Walker(wide)
    walker.press("enter", "enter")
    run = Cache(wide).find("small")
    shares = by_distance(aligned(run.array("spatial-attention")[:1], run.geometry)[0, 0], run.geometry)
    for _ in range(2):
        text = walker.page(120, 40)
        assert f"attention by distance, up to {shares.max():.0%}" in text
        assert "13 patches" in text
        assert sum(text.count(bar) for bar in EIGHTHS[1:]) >= 4
        walker.press("x")


def test_nothing_lies_over_the_heads_of_the_layer(tmp_path):
    synthetic.write(tmp_path, model="fine", layers=1, heads=6, grid=(16, 16), gallery=0, images=2)
    walker = Walker(tmp_path)
    walker.press("enter", "enter", "h")
    lines = walker.page(120, 40).splitlines()
    strip = next(y for y, line in enumerate(lines) if "all heads of layer 1" in line)
    assert all(re.fullmatch(r"[▀ ]*", line) for line in lines[strip + 1 : strip + 8])
    assert lines[strip + 1].count("▀") >= 6 * 10
    most_at = next(y for y, line in enumerate(lines) if "attends most to" in line)
    assert most_at < strip
