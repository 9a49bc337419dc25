"""The page of distance for all models at once."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.derive.distance import uniform_distance
from vitscope.geometry import Geometry
from vitscope.tui.keys import press
from vitscope.tui.needs import needs
from vitscope.tui.screens import every
from vitscope.tui.side import Peer
from vitscope.tui.state import Facts, State

SIZES = [(40, 12), (80, 24), (120, 40), (200, 50)]
G = Geometry(layers=3, heads=4, prefix=("cls",), rows=4, columns=4, patch=(8, 8))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """one and two with all numbers, and three, deeper, with no entropy."""
    folder = tmp_path_factory.mktemp("three")
    synthetic.write(folder, layers=3, heads=4, model="one", gallery=0, seed=1)
    synthetic.write(folder, layers=3, heads=4, model="two", gallery=0, seed=2)
    metrics = ("attention", "distance", "spatial-attention")
    synthetic.write(folder, layers=5, heads=2, model="three", gallery=0, seed=3, metrics=metrics)
    return folder


@pytest.fixture
def person(three) -> Walker:
    walker = Walker(three)
    walker.open("one")
    walker.press("D")
    return walker


def test_a_goes_from_one_model_to_all_to_their_means():
    facts = Facts(geometry=G, peers=(Peer("one", G), Peer("two", G)))
    state = State(trail=("runs", "overview", "distance"), run="one")
    seen = []
    for _ in range(3):
        state = press(state, "A", facts)
        seen.append(state.panels.every)
    assert seen == ["panels", "curves", "one"]
    alone = press(state, "A", replace(facts, peers=facts.peers[:1]))
    assert alone.panels.every == "one"
    assert "extract one more" in alone.message


def test_every_model_has_a_plot_with_the_mean_of_the_layer(person):
    person.press("A", "j")
    page = person.page(120, 40)
    for run in person.book.listing.runs:
        mean = run.array("distance")[1].mean()
        assert re.search(rf"\d {run.model} +layer 2 mean {mean:.3f}", page)
    assert page.count("◆") == 1
    assert len(re.findall(r"\b0\.\d", page)) >= 3


def test_every_head_is_a_dot_or_counted(person):
    person.press("A")
    run = person.book.run(person.state)
    surface = person.surface(120, 40)
    lines = [line[: 116 // 3] for line in surface.text().splitlines()]
    plots = "\n".join(lines[5:])
    counted = re.findall(r"(?<=[ ⠀-⣿])[2-9](?=[ ⠀-⣿\n])", plots)
    there = plots.count("•") + plots.count("◆") + sum(map(int, counted))
    assert there >= run.geometry.layers * run.geometry.heads - 2


def test_lines_are_the_means_over_heads_and_the_open_model_is_marked(person):
    person.press("A", "A", "j")
    page = person.page(120, 40)
    assert "attention distance, image sides: mean over the heads of a layer" in page
    for run in person.book.listing.runs:
        means = run.array("distance").mean(axis=1)
        assert re.search(rf"[AEG] {run.model} +{means[1]:.3f} +{means.max():.3f} @{means.argmax() + 1}", page)
        assert every.means(person.book.column(run, "distance")) == pytest.approx(means)
    surface = person.surface(120, 40)
    y = next(y for y, line in enumerate(page.splitlines()) if re.search(r"[ABC] one ", line))
    x = page.splitlines()[y].rindex("one ")
    assert surface.fore[y, x] == surface.theme.accent


def test_a_number_that_a_model_lacks_is_said_and_the_others_are_drawn(person):
    person.press("A", "v")
    assert person.state.quantity == "entropy"
    page = person.page(120, 40)
    assert "not measured: three" in page
    assert "two" in page


def test_the_offset_of_all_models_is_read_and_drawn(person):
    person.press("A")
    while person.state.quantity != "offset":
        person.press("v")
    assert sum(item.kind == "offsets" for item in needs(person.state, person.book)) == 3
    assert person.page(120, 40).count("mean 0.") == 3


def test_evenly_spread_attention_is_one_line_only_where_grids_agree(person):
    runs = list(person.book.listing.runs)
    assert every._even(person.state, runs) == uniform_distance(runs[0].geometry)
    other = replace(runs[0], geometry=replace(G, rows=2, columns=8))
    assert every._even(person.state, [*runs, other]) is None
    assert every._even(replace(person.state, quantity="entropy"), runs) is None


def test_a_layer_without_the_number_has_no_mean():
    column = every.Column(np.array([[0.1, np.nan], [np.nan, np.nan]]), None, "1")
    assert every.means(column)[0] == 0.1
    assert np.isnan(every.means(column)[1])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("depth", ["256", "mono"])
@pytest.mark.parametrize("keys", [("A",), ("A", "A")])
def test_nothing_is_cut_at_any_size(person, size, depth, keys):
    person.press(*keys, "m", "j")
    page = person.page(*size, depth).splitlines()
    assert len(page) == size[1]
    body = "\n".join(page[1:-1])
    assert "…" not in body
    assert person.book.run(person.state).model in body
