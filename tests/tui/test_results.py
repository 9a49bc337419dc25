"""The page of results, and what it is made of."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests import evaluations, synthetic
from tests.tui.walker import Walker
from vitscope.store.reader import Cache
from vitscope.tui.curves import curves
from vitscope.tui.keys import press
from vitscope.tui.panels import Panels, Sheet
from vitscope.tui.results import table
from vitscope.tui.screens.results import said
from vitscope.tui.state import Facts, State
from vitscope.views.summary import in_words

SIZES = [(40, 12), (80, 24), (120, 40), (200, 50)]
SHEET = Sheet(("one", "two"), ("davis", "knn"), {("one", "knn"): ("knn top1, 20 · imagenet", 3)})
FACTS = Facts(sheet=SHEET)
PAPER = {"image_size": (224, 224), "protocol": "paper", "dataset": "davis-val"}


def at(**fields) -> State:
    return State(trail=("runs", "overview", "results"), run="one", panels=Panels(**fields))


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> Path:
    """mae with the paper's video segmentation, dino, small and noise with their own; small also in k-NN."""
    folder = tmp_path_factory.mktemp("judged")
    synthetic.write(folder, model="small", layers=3)
    whole = {"units": 30}
    objects = {"object": [f"o/{i}" for i in range(61)]}
    for model, values in (("mae", [0.5, 0.57, 0.56]), ("dino", [0.3, 0.61])):
        each = np.zeros((len(values), 61))
        arrays = {"jf": (np.array(values), ("layer",)), "j-object": (each, ("layer", "object"))}
        evaluations.write(folder, "davis", arrays, model=model, counts=whole, coords=objects, **PAPER)
    for model, values in (("small", [0.2, 0.1, 0.15]), ("random", [0.06, 0.04, 0.05])):
        evaluations.write(folder, "davis", {"jf": (np.array(values), ("layer",))}, model=model, dataset="davis-val")
    top1 = np.array([[0.1, 0.2], [0.3, 0.4], [0.2, 0.1]])
    evaluations.write(
        folder, "knn", {"top1": (top1, ("layer", "k"))}, model="small", coords={"k": ["10", "20"]}, dataset="imagenet"
    )
    return folder


@pytest.fixture
def person(judged) -> Walker:
    walker = Walker(judged)
    walker.press("enter", "R")
    return walker


def test_the_cursor_is_a_name_and_walks_the_table():
    state = press(press(at(), "l", FACTS), "j", FACTS)
    assert (state.panels.model, state.panels.column) == ("two", "knn")
    assert press(state, "j", FACTS).panels.model == "two"
    assert press(press(state, "g", FACTS), "0", FACTS).panels == Panels(model="one", column="davis")
    assert press(at(), "$", FACTS).panels.column == "knn"


def test_sorting_keeps_the_model_under_the_cursor():
    state = press(at(model="two", column="knn"), "s", FACTS)
    assert state.panels == Panels(model="two", column="knn", sort="knn")
    assert press(state, "s", FACTS).panels.sort == ""


def test_enter_leads_to_the_curves_at_the_best_layer():
    state = press(at(column="knn"), "enter", FACTS)
    assert state.trail[-1] == "curves"
    assert (state.features.score, state.features.column) == ("knn top1, 20 · imagenet", 3)
    refused = press(at(model="two"), "enter", FACTS)
    assert refused.view == "results"
    assert "not evaluated" in refused.message
    assert press(at(), "enter", Facts()).view == "results"


def test_every_model_has_its_best_layer_and_chance_its_spread(person):
    page = person.page(120, 40)
    assert re.search(r"mae +– +0\.5700 @2", page)
    assert re.search(r"dino +– +0\.6100 @2", page)
    assert re.search(r"small +0\.4000 @2 +0\.2000 @1", page)
    assert re.search(r"random +– +0\.0500 ±\.0100", page)
    assert page.index("small") < page.index("random")


def test_the_papers_number_stands_beside_where_it_is_of_the_same(person):
    page = person.page(120, 40)
    assert ".5400 +.0300" in page
    assert ".6000 +.0100" in page
    assert "Table 1 has no such model" in " ".join(page.split())
    person.press("l")
    while person.state.panels.model != "mae":
        person.press("j")
    assert "the paper's 0.5400 at layer 12, difference +0.0300" in person.page(120, 40)
    assert "mae 0.5700 at layer 2 of 3 · davis jf, davis-val, n = 7" in person.page(120, 40)


def test_sorted_the_best_is_first_noise_last_and_what_is_missing_before_it(person):
    person.press("s")
    table = person.book.table(person.book.run(person.state))
    assert table.columns == ("knn", "davis")
    assert table.ordered("knn")[0] == "small"
    assert table.ordered("davis") == ("dino", "mae", "small", "random")
    assert table.ordered("") == table.ordered("nothing") == table.models
    assert table.best("davis") == 0.61


def test_the_best_of_a_task_is_bold(person):
    surface = person.surface(120, 40)
    lines = surface.text().splitlines()
    y = next(y for y, line in enumerate(lines) if line.strip().startswith("dino"))
    assert surface.attr[y, lines[y].index("0.6100")] & 1
    y = next(y for y, line in enumerate(lines) if line.strip().startswith("mae"))
    assert not surface.attr[y, lines[y].index("0.5700")] & 1


def test_enter_shows_the_number_of_the_cell_on_the_page_of_tasks(person):
    person.press("0")
    while person.state.panels.model != "small":
        person.press("j")
    person.press("enter")
    page = person.page(120, 40)
    assert "knn top1, 20 · imagenet" in page
    assert re.search(r"small +0\.400 +0\.400 @2", page)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("depth", ["256", "mono"])
def test_nothing_is_cut_at_any_size(person, size, depth):
    for keys in ((), ("$", "G"), ("s",)):
        person.press(*keys)
        page = person.page(*size, depth).splitlines()
        assert len(page) == size[1]
        assert "results" in page[0]
        assert "…" not in "\n".join(page[1:-1])


def test_arrows_stand_at_the_edges_beyond_which_the_table_goes_on(tmp_path):
    for task in ("davis", "spair", "objects", "parts", "clusters"):
        evaluations.write(tmp_path, task, {"jf": (np.array([0.1, 0.2]), ("layer",))}, model="small")
    synthetic.write(tmp_path, model="small", layers=2)
    walker = Walker(tmp_path)
    walker.press("enter", "R")

    def edges():
        lines = walker.page(50, 24).splitlines()
        top = next(line for line in lines if "davis" in line or "parts" in line or "→" in line or "←" in line)
        rule = next(line for line in lines if "──" in line)
        return top.find("←") == rule.index("─"), top.find("→") == rule.rindex("─")

    assert edges() == (False, True)
    walker.press("$")
    assert edges() == (True, False)


def test_a_cache_without_evaluations_says_what_measures_one(tmp_path):
    synthetic.write(tmp_path, model="alone")
    walker = Walker(tmp_path)
    walker.press("enter", "R", "j", "l", "s", "enter")
    assert walker.state.view == "results"
    assert "vitscope evaluate knn" in " ".join(walker.page(80, 24).split())


def test_a_table_without_a_number_is_drawn(tmp_path):
    synthetic.write(tmp_path, model="alone")
    evaluations.write(tmp_path, "davis", {"jf": (np.full(3, np.nan), ("layer",))}, model="alone")
    walker = Walker(tmp_path)
    walker.press("enter", "R", "s")
    table = walker.book.table(walker.book.run(walker.state))
    cell = table.cells["alone", "davis"]
    assert said(cell) == said(None) == ("–", "")
    assert said(replace_value(cell)) == ("0.2500", " @4")
    assert "–" in walker.page(80, 24)


def replace_value(cell):
    return cell._replace(value=0.25, layer=3)


def test_what_decides_is_named_by_what_it_is_of_and_shown_once(tmp_path):
    purity = np.array([[0.2, 0.6, 0.4], [0.1, 0.3, 0.5]])
    for model, kinds in (("seeing", ["cls", "spatial"]), ("blind", ["spatial"])):
        rows = purity[-len(kinds) :]
        arrays = {"layer-purity": (rows[0], ("layer",)), "purity": (rows, ("tokens", "layer"))}
        evaluations.write(tmp_path, "clusters", arrays, model=model, coords={"tokens": kinds})
    runs = {run.model: run for run in Cache(tmp_path).runs()}
    assert [in_words(runs[model]) for model in ("seeing", "blind")] == [
        "purity (tokens cls) 0.6000 at layer 2 of 3",
        "purity (tokens spatial) 0.5000 at layer 3 of 3",
    ]
    scores = curves([run.folder for run in runs.values()])
    assert {name: set(score.models) for name, score in scores.items()} == {
        "clusters purity, spatial · shapes": {"seeing", "blind"},
        "clusters purity, cls · shapes": {"seeing"},
    }
    assert next(iter(scores)) == "clusters purity, spatial · shapes"  # which both have
    assert [cell.score for cell in table([run.folder for run in runs.values()]).cells.values() if cell.layer == 1] == [
        "clusters purity, cls · shapes"
    ]
