"""The page of one head and of models on grids of any shape: everything has its place at every size."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.geometry import Geometry
from vitscope.tui.palettes import luminance, theme
from vitscope.tui.place import spelled
from vitscope.tui.render.heat import CONTRAST, mark
from vitscope.tui.render.surface import HALF, Surface
from vitscope.tui.screens.cells import maps_only, pooled
from vitscope.tui.screens.head import strip_edge

GRIDS = {"square": (14, 14), "wide": (6, 18), "tall": (24, 10), "fine": (37, 37)}
SIZES = [(80, 24), (100, 30), (120, 40), (200, 50)]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    for model, grid in GRIDS.items():
        synthetic.write(folder, layers=1, heads=6, grid=grid, model=model, images=1, gallery=0, classes=())
    return folder


def at_head(cache, model):
    walker = Walker(cache)
    walker.open(model)
    walker.press("enter", "h", ".", ".")
    return walker


def test_the_line_at_the_top_says_what_is_under_the_cursor_as_its_width_allows(tmp_path):
    """Whether a part is there depends on nothing but the width, so that none comes and goes while one walks."""
    synthetic.write(tmp_path, layers=12, heads=12, grid=(2, 2), model="twelve", images=1, gallery=0, classes=())
    walker = Walker(tmp_path)
    lines = []
    for keys in (("enter",), ("G", "$"), ("space",)):
        walker.press(*keys)
        lines.append([walker.page(width, 12).splitlines()[0].rstrip() for width in range(40, 101, 3)])
    for first, last, patch in zip(*lines, strict=True):
        parts = [
            [what in line for what in ("all heads", " · layer ", " · head ", "1 image")]
            for line in (first, last, patch)
        ]
        assert parts[0] == parts[1] == parts[2]
        assert ("CLS" in first, "CLS" in last) == ("patch" in patch, "patch" in patch)
        assert "…" not in first[14:]
    first, last, patch = (row[-1] for row in lines)
    assert "twelve › all heads · layer 1 · head 1 · CLS " in first
    assert "twelve › all heads · layer 12 · head 12 · CLS " in last
    assert "twelve › all heads · layer 12 · head 12 · patch 1,1 " in patch
    assert [line.endswith(" · 1 image") for line in (first, last, patch)] == [True] * 3


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("model", GRIDS)
def test_map_aaam_numbers_and_tags_are_there_at_every_size(shapes, model, size):
    walker = at_head(shapes, model)
    surface = walker.surface(*size)
    page = surface.text()
    assert "attention from patch" in page
    assert "aligned (AAAM)" in page
    assert "offset-local →" in page
    assert "distance" in page
    assert not (surface.char[-1] == HALF).any()
    bars = [line for line in page.splitlines() if "this head" in line]
    assert len(bars) == 1
    assert re.search(r"0 ▀{4,24} [\d.e-]+", bars[0])


@pytest.mark.parametrize("model", GRIDS)
def test_where_it_looks_most_is_said_on_a_small_terminal_too(shapes, model):
    page = at_head(shapes, model).page(80, 24)
    if model != "fine":  # whose maps leave room for numbers only
        assert "attends most to" in page


@pytest.mark.parametrize("model", ["wide", "tall"])
def test_numbers_of_heads_stand_right_below_their_maps(shapes, model):
    walker = at_head(shapes, model)
    surface = walker.surface(120, 40)
    run = walker.book.run(walker.state)
    rows, columns = pooled(run.geometry, strip_edge(run, surface.rect))
    lines = surface.text().splitlines()
    at = next(y for y, line in enumerate(lines) if line.split() == ["1", "2", "[3]", "4", "5", "6"])
    title = next(y for y, line in enumerate(lines) if "all heads of layer" in line)
    assert (surface.char[title + 1 : at, 2] == HALF).all()
    assert at - title - 1 <= -(-rows // 2)
    assert abs(lines[at].index("1") - 2 - columns // 2) <= 2


def test_an_offset_of_nothing_has_neither_sign_nor_arrow(shapes):
    walker = at_head(shapes, "square")
    walker.press(".", ".", ".")
    walker.book.items[next(item for item in walker.book.items if item.kind == "offsets")][0, 5] = (-1e-4, -1e-4)
    page = walker.page(120, 40)
    assert "offset +0.00, +0.00 patches" in page
    assert re.search(r"offset +0\.00014\d image sides", page)


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("depth", ["truecolor", "256"])
def test_the_mark_of_the_query_is_seen_on_every_colour_of_the_scale(light, depth):
    chosen = theme(depth, light=light)
    for colour in chosen.ramp.tolist():
        surface = Surface(2, 1, chosen)
        surface.back[:] = colour
        mark(surface, 0, 0, 2, 0, 0)
        dark, bright = sorted((luminance(colour), luminance(int(surface.fore[0, 0]))))
        assert (bright + 0.05) / (dark + 0.05) > CONTRAST


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    folder = tmp_path_factory.mktemp("six")
    for seed in range(6):
        grid = (8, 8) if seed % 2 else (4, 4)
        synthetic.write(
            folder, layers=2, heads=12, grid=grid, model=f"m{seed}", images=1, gallery=0, classes=(), seed=seed
        )
    return folder


@pytest.mark.parametrize("size", [(40, 12), (60, 15), (80, 24), (120, 40), (200, 50)])
def test_six_models_have_a_line_each_with_a_scale_that_all_share(six, size):
    walker = Walker(six)
    walker.press("enter", "=")
    page = walker.page(*size)
    for n in range(6):
        assert re.search(rf"^ *{n + 1} m{n}", page, re.MULTILINE)
    run = walker.book.run(walker.state)
    value = walker.book.column(run, "distance").values[0, 0]
    assert re.search(rf"{run.model} · head 1 +distance {value:.3f}"[:-1], page)
    if size[1] < 40:
        top = max(walker.book.column(each, "distance").values.max() for each in walker.book.listing.runs)
        assert re.search(rf"^ *0 ▀+ {top:.3f} +(attention )?distance, image sides", page, re.MULTILINE)
        every = [walker.book.column(each, "distance").values for each in walker.book.listing.runs]
        assert top == np.max(every)


def test_where_not_all_maps_fit_there_is_one_of_each_model(six):
    walker = Walker(six)
    walker.press("enter", "=", "l", "l")
    page = walker.page(80, 24)
    assert re.search(r"m0 3 +m1 3 +m2 3 +m3 3 +m4 3 +m5 3", page)
    assert "times uniform; scale of each head" in page
    walker.press("p", "d")
    page = walker.page(80, 24)
    assert "less the pinned model" in page
    pinned = walker.book.run(walker.state).model
    assert f"less {pinned}; heads by index" in page
    walker.press("s")
    assert f"less {pinned}; heads in the order of their distance" in walker.page(80, 24)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
@pytest.mark.parametrize("grid", [(14, 14), (16, 16), (8, 20), (24, 10), (37, 37)])
def test_small_maps_of_twelve_by_twelve_heads_show_three_layers_at_least(grid, size):
    geometry = Geometry(12, 12, ("cls",), *grid, (16, 16))
    cells = maps_only(geometry, size[0] - 8, size[1] - 9)
    rows, columns = pooled(geometry, cells.thumb)
    assert cells.above
    assert 12 * cells.width <= size[0] - 8
    assert cells.width == columns + 1
    assert cells.height >= rows / 2 + 1.5  # a number above, and half a line of space below
    assert (size[1] - 9) // cells.height >= 3


def test_a_map_is_the_mean_of_whole_patches_where_that_costs_little():
    assert maps_only(Geometry(12, 12, (), 14, 14, (16, 16)), 112, 31).thumb == 7
    assert maps_only(Geometry(12, 12, (), 16, 16, (16, 16)), 112, 31).thumb == 8
    assert maps_only(Geometry(12, 12, (), 14, 14, (16, 16)), 72, 15).thumb == 5  # and 2 would be too little


@pytest.mark.parametrize("model", ["square", "wide", "tall"])
def test_z_shows_small_maps_with_their_numbers_above_and_keeps_the_place(shapes, model):
    walker = at_head(shapes, model)
    walker.press("escape", "z")
    assert spelled(walker.state, walker.book.known()).partition("?")[2].split("&")[-1] == "small-maps=yes"
    surface = walker.surface(120, 40)
    value = walker.book.column(walker.book.run(walker.state), "distance").values[0, 2]
    body = surface.back[:-2] == surface.theme.accent
    row = int(np.argwhere(body)[0, 0])
    chosen = "".join(chr(code) for code in surface.char[row][body[row]])
    assert f"{value:.3f}"[1:] in chosen or f"{value:.2f}"[1:] in chosen
    assert (surface.char[row + 1][body[row]] == HALF).all()
    walker.press("z")
    assert not walker.state.small


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40), (200, 50)])
@pytest.mark.parametrize("keys", [("enter",), ("enter", "i"), ("=",), ("L",), ("D",), ()])
def test_nothing_moves_while_head_layer_or_query_change(cache, keys, size):
    walker = Walker(cache)
    walker.press("enter", *keys)
    seen = set()
    for key in (".", ".", ".", "J", ",", "c", "space", "J", "."):
        walker.press(key)
        lines = walker.page(*size).splitlines()
        seen.add(tuple((y, line.index(word)) for word in WORDS for y, line in enumerate(lines) if word in line))
    assert len(seen) == 1


WORDS = ("entropy", "attends most", "by distance", "all heads of layer", "times uniform", "of this query")
