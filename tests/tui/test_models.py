"""Models side by side."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.geometry import Geometry
from vitscope.tui import beside
from vitscope.tui.palettes import diverging, luminance, theme
from vitscope.tui.screens import models
from vitscope.tui.side import patch_of


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Three models over the same images; grids of 4 × 4, 2 × 2 and 4 × 4; the last has more heads."""
    folder = tmp_path_factory.mktemp("several")
    synthetic.write(folder, layers=3, heads=4, grid=(4, 4), model="one", gallery=2, images=3)
    synthetic.write(folder, layers=2, heads=4, grid=(2, 2), model="two", gallery=2, images=3)
    synthetic.write(folder, layers=3, heads=6, grid=(4, 4), model="three", gallery=2, images=3)
    return folder


@pytest.fixture
def person(several):
    walker = Walker(several)
    walker.open("one")
    walker.press("=")
    return walker


def model(walker):
    return walker.book.run(walker.state).model


def test_every_model_on_the_same_images_has_a_row_and_a_number(person):
    page = person.page(120, 40)
    assert [f"{n} {name}" in page for n, name in ((1, "one"), (2, "three"), (3, "two"))] == [True] * 3
    assert person.press("=").view == "overview"


def test_moving_between_models_keeps_layer_head_and_the_place_in_the_picture(person):
    person.press("J", "l", "l", "space")
    person.state = type(person.state)(**{**vars(person.state), "patch": (3, 1)})
    person.press("3")
    assert (model(person), person.state.layer, person.state.head, person.state.patch) == ("two", 1, 2, (1, 0))
    person.press("M")
    assert (model(person), person.state.patch) == ("three", (3, 1))
    assert person.press("m").run == person.book.listing.run(person.state.run).folder.name
    assert model(person) == "two"


def test_columns_of_numbers_have_those_of_their_heads_above_where_there_is_room(tmp_path):
    for seed in range(6):
        synthetic.write(tmp_path, layers=2, heads=6, model=f"model{seed}", images=3, seed=seed)
    walker = Walker(tmp_path)
    walker.press("enter", "=")

    def heads(size):
        return [y for y, line in enumerate(walker.page(*size).splitlines()) if line.split() == list("123456")]

    [above] = heads((80, 24))
    lines = walker.page(80, 24).splitlines()
    for y in range(above + 1, above + 7):
        starts = [match.start() for match in re.finditer(r"0?\.\d+", lines[y])]
        assert [near for near in starts if abs(near - lines[above].index("1")) <= 3]
        assert len(starts) == 6
    assert "times uniform" in lines[-3]
    assert heads((40, 12)) == []
    walker.press("s")
    assert heads((80, 24)) == []


def test_a_number_that_no_model_has_is_said(person):
    assert person.press("9").message == "there is no model 9: 3 were measured on these images"


def test_in_order_a_step_goes_to_the_next_rank_and_another_model_keeps_the_rank(person):
    person.press("s", "h", "h", "h", "h", "h")
    run = person.book.run(person.state)
    order = person.book.column(run, "distance").values[0].argsort(kind="stable")
    assert person.state.head == order[0]
    assert person.press("l").head == order[1]
    person.press("2")
    other = person.book.run(person.state)
    assert person.state.head == person.book.column(other, "distance").values[0].argsort(kind="stable")[1]


def rows(walker, size=(4, 4)):
    run = walker.book.run(walker.state)
    return beside.sized(beside.rows(walker.state, walker.book, run), walker.state, size)


def test_maps_are_multiples_of_uniform_attention_whatever_the_grid(person):
    for row in rows(person):
        patches = person.book.maps(row.state, row.run).patches
        g = row.run.geometry
        mean = patches[row.state.layer].mean(axis=(-2, -1)) * g.patches
        assert row.maps.mean(axis=(-2, -1)) == pytest.approx(mean)
        assert row.maps.shape == (g.heads, 4, 4)


def test_differences_are_those_of_the_columns_and_columns_that_the_pinned_model_lacks_are_empty(person):
    plain = {row.run.model: row.maps for row in rows(person)}
    person.press("p", "d")
    less = {row.run.model: row.maps for row in rows(person)}
    assert np.array_equal(less["one"], np.zeros((4, 4, 4)))
    assert np.allclose(less["two"], plain["two"] - plain["one"])
    assert np.allclose(less["three"][:4], plain["three"][:4] - plain["one"])
    assert np.isnan(less["three"][4:]).all()
    scale = models._scales(person.state, rows(person))[0]
    most = max(np.nanmax(np.abs(maps)) for maps in less.values())
    assert (scale.low, scale.high) == pytest.approx((-most, most))
    assert "pinned" in person.page()
    assert person.press("p").side.difference is False


def test_a_single_model_has_nothing_to_be_compared_with(tmp_path):
    synthetic.write(tmp_path, layers=1, heads=2, grid=(2, 2), model="alone")
    state = Walker(tmp_path).press("enter", "=")
    assert state.view == "overview"
    assert "extract one more" in state.message


@pytest.mark.parametrize("depth", ["truecolor", "256", "16", "mono"])
@pytest.mark.parametrize("size", [(40, 12), (60, 20), (80, 24), (120, 40), (200, 50)])
def test_it_is_drawn_everywhere(person, size, depth):
    person.press("d", "s")
    assert len(person.page(*size, depth).splitlines()) == size[1]


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("depth", ["truecolor", "256"])
def test_differences_get_further_from_the_page_the_larger_they_are(light, depth):
    chosen = theme(depth, light=light)
    colours = diverging(chosen)
    middle = len(colours) // 2
    away = [abs(luminance(int(colour)) - luminance(chosen.back)) for colour in colours]
    assert len(colours) % 2 == 1
    assert away[middle] == min(away)
    assert away[:middle] == sorted(away[:middle], reverse=True)
    assert away[middle:] == sorted(away[middle:])


def test_the_middle_of_a_patch_stays_over_the_same_place():
    grids = [Geometry(1, 1, (), rows, columns, (16, 16)) for rows, columns in ((7, 7), (14, 14), (3, 5))]
    for here in grids:
        for there in grids:
            for row in range(here.rows):
                y, _ = patch_of((row, 0), here, there)
                assert y <= (row + 0.5) / here.rows * there.rows <= y + 1
