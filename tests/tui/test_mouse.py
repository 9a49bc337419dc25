"""Clicks: where keys would lead, a click on what is drawn there leads too."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from tests import synthetic
from tests.benchmarks.terminal import Terminal
from tests.tui import invariants
from tests.tui.test_keys import FACTS, TRAILS, at, inside
from tests.tui.test_terminal import START
from tests.tui.walker import Walker
from vitscope.tui import mouse
from vitscope.tui.bindings import BINDINGS, EVERYWHERE
from vitscope.tui.features import START as FEATURES
from vitscope.tui.palettes import theme
from vitscope.tui.panels import Sheet
from vitscope.tui.render.surface import Surface
from vitscope.tui.screens import matrix
from vitscope.tui.state import Facts, State

SIZES = [(80, 24), (120, 40), (200, 50)]
PAGES = {  # keys to each page from the list of runs
    "runs": "", "overview": "\r", "layer": "\rL", "head": "\r\r", "image": "\r\ri", "models": "\r=", "distance": "\rD",
    "cka": "\rC", "residual": "\rB", "curves": "\rT", "images": "\r\riI", "results": "\rR", "saliency": "\rU",
    "info": "\rX",
}  # fmt: skip


def walk(walker: Walker, keys: str) -> None:
    walker.press(*("enter" if key == "\r" else key for key in keys))


def click(walker: Walker, x: int, y: int, surface: Surface) -> State:
    """Click on a page as it is drawn."""
    action = surface.at(x, y)
    assert action is not None, surface.text().splitlines()[y]
    walker.state = mouse.clicked(walker.state, action, walker.book.facts(walker.state))
    walker.read()
    return walker.state


def find(surface: Surface, text: str) -> tuple[int, int]:
    """Where a text stands on a page."""
    lines = surface.text().splitlines()
    y = next(y for y, line in enumerate(lines) if text in line)
    return lines[y].index(text), y


def accented(surface: Surface) -> tuple[int, int]:
    """The first cell in the colour of the cursor below the header."""
    ys, xs = np.nonzero(surface.back[1:-1] == surface.theme.accent)
    return int(xs[0]), int(ys[0]) + 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", ["jjl", "lll", "j"])
def test_a_click_on_a_head_of_the_grid_chooses_it_and_another_goes_into_it(walker, size, keys):
    walk(walker, "\r" + keys)
    place = accented(walker.surface(*size))
    there = walker.state
    walker.press("g", "0")
    surface = walker.surface(*size)
    assert click(walker, *place, surface) == there
    assert click(walker, *place, surface).view == "head"
    assert (walker.state.layer, walker.state.head) == (there.layer, there.head)


@pytest.mark.parametrize("size", SIZES)
def test_a_click_on_a_map_of_a_layer_chooses_its_head(walker, size):
    walk(walker, "\rLl")
    x, y = find(walker.surface(*size), "[2]")
    walker.press("h")
    assert click(walker, x, y, walker.surface(*size)).head == 1
    assert click(walker, x + 1, y - 1, walker.surface(*size)).view == "head"


@pytest.mark.parametrize("page", ["head", "image"])
def test_every_patch_of_a_picture_can_be_clicked(walker, page):
    walk(walker, PAGES[page])
    surface = walker.surface(120, 40)
    facts, patches = walker.book.facts(walker.state), {}
    for y in range(2, 38):
        for x in range(120):
            action = surface.at(x, y)
            if action is not None and not isinstance(action, str):
                patches.setdefault(action(walker.state, facts).patch, (x, y))
    assert set(patches) - {None} == {(row, column) for row in range(4) for column in range(4)}
    (left, top), (right, low) = patches[0, 0], patches[3, 3]
    assert left < right
    assert top < low
    before = walker.state.image
    assert click(walker, right, low, surface).patch == (3, 3)
    assert walker.state.kind == "patch"
    assert walker.state.image == before


def test_runs_and_found_heads_are_clicked_as_lines(walker):
    x, y = find(walker.surface(), "bare")
    assert click(walker, x, y, walker.surface()).cursor == 1
    assert click(walker, x, y, walker.surface()).view == "overview"
    walker.press("escape", "k", "enter", "/", *"layer:2", "enter")
    x, y = find(walker.surface(), "▌")
    click(walker, x + 8, y + 1, walker.surface())
    assert walker.state.finding.at == 1
    assert click(walker, x + 8, y + 1, walker.surface()).view == "head"


def test_heads_of_other_models_are_clicked(tmp_path):
    for model in ("one", "two"):
        synthetic.write(tmp_path, layers=2, heads=3, grid=(4, 4), model=model)
    walker = Walker(tmp_path)
    walk(walker, "\r=jl")
    there = walker.state
    place = accented(walker.surface())
    walker.press("k", "h")
    assert walker.state.run != there.run
    click(walker, *place, walker.surface())
    assert (walker.state.run, walker.state.head) == (there.run, there.head)
    assert click(walker, *place, walker.surface()).view == "head"


def test_every_dot_is_clicked(walker):
    walk(walker, PAGES["distance"])
    surface, facts = walker.surface(), walker.book.facts(walker.state)
    lines = surface.text().splitlines()
    places = [(x, y) for y, line in enumerate(lines) for x, character in enumerate(line) if character in "●◆"]
    actions = [action for place in places if (action := surface.at(*place)) and not isinstance(action, str)]
    heads = {(after.layer, after.head) for action in actions if (after := action(walker.state, facts))}
    assert heads == {(layer, head) for layer in range(3) for head in range(4)}


def test_cells_of_a_matrix_are_clicked():
    surface = Surface(60, 20, theme("256", light=False, palette="inferno"))
    names = matrix.Names(["1", "2", "3"], ["1", "2", "3"])
    state = at("residual", features=replace(FEATURES, column=1))
    matrix.draw(
        surface, surface.rect, np.array([[0.11, 0.12, 0.13], [0.21, 0.22, 0.23], [0.31, 0.32, 0.33]]), names, (1, 1)
    )
    for text, row, column in ((".13", 0, 2), (".31", 2, 0), (".22", 1, 1)):
        action = surface.at(*find(surface, text))
        assert action is not None
        after = mouse.clicked(state, action, FACTS)
        assert (after.layer, after.features.column) == (row, column)
        assert (after.view == "residual") == (text != ".22")


def test_results_are_clicked():
    facts = Facts(sheet=Sheet(models=("mae", "dino"), columns=("k-NN", "purity")))
    state = mouse.clicked(at("results"), mouse.result("dino", "purity"), facts)
    assert (state.panels.model, state.panels.column) == ("dino", "purity")
    assert mouse.clicked(at("results"), mouse.result("clip", "purity"), facts).panels.model != "clip"


def test_the_breadcrumbs_lead_out(walker):
    for crumb, view in [("layer 1", "layer"), ("small", "overview"), ("vitscope", "runs"), ("head 1", "head")]:
        walker.state = State()
        walk(walker, PAGES["image"])
        x, _ = find(walker.surface(), crumb)
        assert click(walker, x, 0, walker.surface()).view == view


def test_hints_press_their_keys(walker):
    walk(walker, "\r")
    surface = walker.surface(200, 40)
    x, y = find(surface, "hjkl")
    assert click(walker, x + 3, y, surface).head == 1
    assert click(walker, x + 1, y, surface).layer == 1
    assert click(walker, *find(surface, "? help"), surface).help
    assert not click(walker, 3, 20, walker.surface()).help


@pytest.mark.parametrize("page", PAGES)
def test_wherever_one_clicks_there_is_such_a_place(walker, page):
    walk(walker, PAGES[page])
    start, surface = walker.state, walker.surface(120, 40)
    for rect, _ in list(surface.spots):
        walker.state = start
        click(walker, rect.x, rect.y, surface)
        invariants.check(walker)


def test_what_is_typed_is_not_disturbed(walker):
    walk(walker, "\r:")
    before = walker.state
    for action in ("q", mouse.head(1, 1)):
        assert mouse.clicked(before, action, walker.book.facts(before)) == before
    assert mouse.wheeled(before, 1, walker.book.facts(before)) == before


def test_a_click_on_an_old_page_stays_in_the_model():
    for view in TRAILS:
        for move in (mouse.head(99, 99), mouse.run(99), mouse.found(99), mouse._patch(99, 99)):
            assert inside(mouse.clicked(at(view), move, FACTS))


@pytest.mark.parametrize("view", EVERYWHERE)
def test_the_wheel_goes_back_where_it_came_from(view):
    start = at(view, cursor=0, features=replace(FEATURES, score="purity"))
    down = mouse.wheeled(start, 1, FACTS)
    assert inside(down)
    assert down.view == view
    assert mouse.wheeled(down, -1, FACTS) == start


def test_the_wheel_scrolls_the_help(walker):
    walk(walker, "\r?")
    assert mouse.wheeled(walker.state, 1, walker.book.facts(walker.state)).scroll == 1


def test_all_names_are_bindings():
    names = {binding.name for binding in BINDINGS}
    assert {*mouse.INTO, *(name for pair in mouse.WHEEL for name in pair)} <= names


def sgr(button: int, x: int, y: int, end: str = "M") -> str:
    return f"\x1b[<{button};{x + 1};{y + 1}{end}"


def test_the_terminal_is_asked_for_clicks_and_not_for_motion(cache):
    with Terminal([sys.executable, "-c", START, str(cache)], columns=80, rows=24) as terminal:
        terminal.until("small")
        terminal.settle(0.5)
        for mode, asked in ((1000, True), (1006, True), (1002, False), (1003, False), (1015, False), (1016, False)):
            assert (b"\x1b[?%dh" % mode in terminal.data) == asked
        assert terminal.press(sgr(35, 10, 10), 0.3).size == 0  # as of a terminal that reports motion all the same
        y = next(y for y, line in enumerate(terminal.screen().splitlines()) if "bare" in line)
        terminal.press(sgr(0, 10, y) + sgr(0, 10, y, "m"), 0.4)
        terminal.press(sgr(0, 10, y) + sgr(0, 10, y, "m"), 0.6)
        assert "all heads" in terminal.screen()
        assert terminal.settle(0.5) == 0
        terminal.press(sgr(65, 10, 10), 0.4)
        assert "layer 2" in terminal.screen()
        terminal.press("q")
        assert terminal.wait() == 0
        assert b"\x1b[?1000l" in terminal.data
        assert b"\x1b[?1006l" in terminal.data


@pytest.mark.parametrize("way", ["option", "setting"])
def test_the_mouse_can_be_left_to_the_terminal(cache, way):
    words = ["--no-mouse"] if way == "option" else []
    command = [sys.executable, "-m", "vitscope", "browse", "--cache", str(cache), *words]
    environment = {} if words else {"VITSCOPE_MOUSE": "off"}
    with Terminal(command, columns=80, rows=24, environment=environment) as terminal:
        terminal.until("small")
        terminal.press("q")
        assert terminal.wait() == 0
        assert b"\x1b[?1000" not in terminal.data
        assert b"\x1b[?1006" not in terminal.data
