"""Heads that a search left over, on every page that draws heads."""

from __future__ import annotations

import numpy as np
import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.tui import searching
from vitscope.tui.palettes import code_of, rgb_of, theme
from vitscope.tui.render.surface import UNDERLINE, Rect, Surface
from vitscope.tui.screens.marks import Marks

SIZES = [(40, 12), (80, 24), (120, 40), (200, 50)]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two models over the same images."""
    folder = tmp_path_factory.mktemp("two")
    for seed, model in enumerate(("one", "two")):
        synthetic.write(folder, layers=3, heads=5, grid=(6, 6), model=model, images=3, seed=seed)
    return folder


@pytest.fixture
def person(two):
    walker = Walker(two)
    walker.open("one")
    return walker


def search(walker, text):
    walker.press("/", "ctrl+u", *("space" if letter == " " else letter for letter in text), "enter", "escape")


def underlined(walker, size=(120, 40), depth="256"):
    surface = walker.surface(*size, depth)
    return (surface.attr & UNDERLINE) > 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", ["L", "="])
def test_matches_are_underlined_on_the_pages_of_maps(person, key, size):
    assert not underlined(person, size).any()
    search(person, "head:2")
    person.press(key)
    assert underlined(person, size).any()
    search(person, "layer:3")
    assert not underlined(person, size).any()


def test_matches_are_underlined_among_all_heads_of_the_layer_on_the_page_of_one(person):
    search(person, "head:4")
    person.press("enter")
    marks = underlined(person)
    row = int(np.flatnonzero(marks.any(axis=1))[0])
    assert person.page().splitlines()[row].split() == ["[1]", "2", "3", "4", "5"]
    assert "".join(chr(code) for code in person.surface().char[row][marks[row]]) == "4"


@pytest.mark.parametrize("every", [0, 1])
def test_dots_that_do_not_fit_become_rings(person, every):
    person.press("D", *["A"] * every)
    assert "○" not in person.page() and "◦" not in person.page()
    search(person, "head:1 layer:2")
    page = person.page()
    assert ("◦" if every else "○") in page
    bright = person.surface()
    dots = np.isin(bright.char, [ord("●"), ord("•")]) & (bright.fore == bright.theme.text)
    assert dots[4:-2].sum() >= 1


def test_a_model_that_is_not_searched_keeps_its_looks(person):
    search(person, "head:1")
    run = person.book.run(person.state)
    other = next(each for each in person.book.listing.runs if each is not run)
    assert searching.matches(person.book, person.state, run) == {(0, 0), (1, 0), (2, 0)}
    assert searching.matches(person.book, person.state, run, other) is None
    person.press("/", "enter", "A", "escape")
    assert searching.matches(person.book, person.state, run, other) == {(0, 0), (1, 0), (2, 0)}


def test_a_search_in_a_place_is_there_again_without_its_page(two):
    walker = Walker(two)
    walker.press("enter", "/", *"distance<.3", "enter", "escape", "O")
    state = walker.state
    again = Walker(two)
    again.state = state
    again.read()
    assert searching.matches(again.book, state, again.book.run(state))
    assert underlined(again).any()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_header_says_what_is_searched_for(person, size):
    search(person, "head:2")
    for keys in ((), ("L",), ("enter",), ("escape", "D"), ("=",)):
        person.press(*keys)
        assert "/head:2" in person.page(*size).splitlines()[0]
    search(person, "")
    assert "/" not in person.page(*size).splitlines()[0]


@pytest.mark.parametrize("light", [False, True])
def test_in_256_colours_what_fades_is_grey_in_the_order_of_its_brightness(light):
    chosen = theme("256", light=light)
    surface = Surface(len(chosen.ramp), 1, chosen)
    surface.back[0] = chosen.ramp
    marks = Marks(surface)
    marks.add(Rect(0, 0, surface.width, 1), found=False, chosen=False)
    marks.draw()
    faded = [rgb_of(code_of(int(colour))) for colour in surface.back[0]]
    assert all(len({colour >> 16, colour >> 8 & 255, colour & 255}) == 1 for colour in faded)
    assert faded == sorted(faded, reverse=light)
