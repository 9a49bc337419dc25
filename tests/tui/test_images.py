"""The page of an image: photograph and attention in every depth, on grids of any size."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.store.reader import Cache
from vitscope.tui.palettes import code_of, rgb_of, theme
from vitscope.tui.render.heat import Span
from vitscope.tui.render.photo import dithered, overlay
from vitscope.tui.render.surface import HALF

SIZES = [(40, 12), (60, 15), (80, 24), (120, 40), (200, 50)]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Grids that are wide, tall and larger than a small terminal."""
    folder = tmp_path_factory.mktemp("shapes")
    for model, grid in (("wide", (4, 18)), ("tall", (24, 5)), ("fine", (37, 37))):
        synthetic.write(folder, layers=1, heads=2, grid=grid, model=model, images=2, gallery=2)
    return folder


def at_image(cache: Path, model: str) -> Walker:
    walker = Walker(cache)
    walker.open(model)
    walker.press("enter", "h", "i")
    return walker


def rgb(pixels):
    return pixels[..., 0].astype(int) << 16 | pixels[..., 1].astype(int) << 8 | pixels[..., 2].astype(int)


def test_in_256_colours_an_overlay_has_the_terminals_own_colours_and_more_dots_where_attention_is_stronger():
    photo = np.full((16, 40, 3), 160.0)
    shares = np.array([[0.0, 0.04, 0.1, 0.2, 1.0]] * 2)
    laid = rgb(overlay(photo, shares, Span(0, 1), theme("256")))
    quiet = laid[0, 0]
    glowing = (laid != quiet).reshape(2, 8, 5, 8).mean(axis=(0, 1, 3))
    assert glowing.tolist() == sorted(glowing.tolist())
    assert glowing[:2].tolist() == [0.0, 0.0]
    assert 0.1 < glowing[2] < 0.5 < glowing[3] < 1.0
    assert glowing[4] == 1.0
    for colour in {*laid.ravel().tolist()} - {quiet}:
        assert rgb_of(code_of(colour)) == colour


@pytest.mark.parametrize("colour", [(90, 50, 30), (70, 130, 130), (120, 120, 125), (3, 250, 140)])
def test_dots_of_two_colours_have_a_photographs_colour_on_average(colour):
    photo = np.broadcast_to(np.array(colour, dtype=np.float32), (16, 16, 3))
    made = dithered(photo)
    assert np.abs(made.mean(axis=(0, 1)) - colour).max() < 24  # half a step of the colour cube is 20 to 48
    assert {rgb_of(code_of(each)) for each in rgb(made).ravel().tolist()} == {*rgb(made).ravel().tolist()}
    assert len({*rgb(made).ravel().tolist()}) <= 8


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("model", ["wide", "tall", "fine"])
def test_a_picture_never_runs_into_the_footer_or_the_numbers(shapes, model, size):
    walker = at_image(shapes, model)
    surface = walker.surface(*size)
    assert not (surface.char[-1] == HALF).any()
    lines = surface.text().splitlines()
    assert any("this head" in line and re.search(r"\d\.\d+", line) for line in lines[2:])
    if size[0] >= 80:
        title = next(line for line in lines if "from patch" in line)
        rest = title.partition("this image")[2]
        assert not rest or rest.startswith("  ")
    assert "distance" in surface.text()


@pytest.mark.parametrize("model", ["wide", "fine"])
def test_the_photograph_stands_beside_or_below_on_grids_of_any_shape(shapes, model):
    page = at_image(shapes, model).page(120, 40)
    assert re.search(r"cat/000\.jpg +1/2", page)


def test_where_the_query_looks_in_this_image_is_said(cache):
    walker = at_image(cache, "small")
    values = Cache(cache).find("small").array("gallery", "attention")[0, 0, 0, 1 + 5, 1:].astype(float).reshape(4, 4)
    row, column = np.unravel_index(values.argmax(), values.shape)
    page = walker.page(120, 40)
    assert "attends most to, here" in page
    assert f"{row + 1},{column + 1} {values.max():.1%}" in page
    walker.press("A")
    assert "attends most to\n" in re.sub(" +\n", "\n", walker.page(120, 40))
