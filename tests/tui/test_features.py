"""The pages of CKA, residual branches and tasks: where their keys lead, and what they show."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.derive.cka import cka
from vitscope.geometry import Geometry
from vitscope.store.lock import lock
from vitscope.store.reader import Cache
from vitscope.store.writer import Measured, RunWriter
from vitscope.tui.features import Candidate, Features
from vitscope.tui.keys import press
from vitscope.tui.needs import needs
from vitscope.tui.palettes import theme
from vitscope.tui.render import chart
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import matrix
from vitscope.tui.state import Facts, State
from vitscope.views.grams import blocks

SIZES = [(40, 12), (60, 16), (80, 24), (120, 40), (200, 50)]
G = Geometry(layers=3, heads=4, prefix=("cls",), rows=4, columns=4, patch=(8, 8))
DEEP = replace(G, layers=5, prefix=())
FACTS = Facts(
    geometry=G, candidates=(Candidate("one", G), Candidate("two", DEEP)), scores=("purity", "nmi"), longest=5
)  # fmt: skip


def at(view: str, **fields) -> State:
    return State(trail=("runs", "overview", view), run="one", features=Features(**fields))


def walk(state: State, *keys: str) -> State:
    for key in keys:
        state = press(state, key, FACTS)
    return state


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    """one (3 layers) and two (5) over the same 12 images in blocks of 6; other over 11; evaluations of clusters."""
    folder = tmp_path_factory.mktemp("features")
    shape = {"heads": 2, "gallery": 0, "block": 6}
    synthetic.write(folder, layers=3, images=12, model="one", seed=1, started="2026-03-03T03:00:00+00:00", **shape)
    synthetic.write(folder, layers=5, images=12, model="two", seed=2, started="2026-02-03T03:00:00+00:00", **shape)
    synthetic.write(folder, layers=2, images=11, model="other", seed=3, started="2026-01-03T03:00:00+00:00", **shape)
    for model, curve in (("one", [0.2, 0.4, 0.3]), ("two", [0.1, 0.2, 0.3, 0.8, 0.5]), ("random", [0.04, 0.06, 0.05])):
        evaluate(folder, model, np.array(curve, dtype=np.float32))
    return folder


def evaluate(folder: Path, model: str, purity: np.ndarray, beside: str = "one") -> None:
    """Write an evaluation of clusters, over what `beside` is over, with this purity of CLS, half of it for patches."""
    run = Cache(folder).find(beside)
    spec = replace(run.spec, model=model, task="clusters", settings={"clusters": 2})
    facts = {name: value for name, value in run.facts.items() if name not in {"format", "sha256"}}
    facts["geometry"] = {**run.geometry.to_json(), "layers": len(purity)}
    writer = RunWriter(folder, spec, facts)
    both = np.stack([purity, purity / 2])
    arrays = {name: Measured(both * share, ("tokens", "layer"), "1")
              for name, share in (("purity", np.float32(1)), ("nmi", np.float32(0.5)))}  # fmt: skip
    with lock(writer.folder):
        writer.put_result("clusters", 1, arrays, 12, {"tokens": ["cls", "spatial"]})


@pytest.fixture
def person(features) -> Walker:
    return Walker(features)


def test_the_cursor_walks_rows_of_one_model_and_columns_of_the_other():
    state = walk(at("cka", other="two"), "j", "l", "l", "l")
    assert (state.layer, state.features.column) == (1, 3)
    assert walk(state, "G", "$").layer == 2
    assert walk(state, "G", "$").features.column == 4
    assert walk(state, "g", "0").features.column == 0
    assert walk(at("residual", other="two"), "$").features.column == 2


def test_m_goes_round_the_models_and_keeps_the_place():
    state = walk(at("cka", column=2), "m")
    assert state.features.other == "two"
    assert walk(replace(state, features=replace(state.features, column=4)), "m").features == Features(
        other="one", column=2
    )
    assert walk(at("cka"), "M").features.other == "two"
    alone = press(at("cka"), "m", replace(FACTS, candidates=FACTS.candidates[:1]))
    assert "no other model" in alone.message


def test_x_turns_the_matrix_around():
    turned = walk(replace(at("cka", other="two", column=4), layer=1), "x")
    assert (turned.run, turned.layer, turned.features.other, turned.features.column) == ("two", 4, "one", 1)
    same = walk(replace(at("cka", column=2), layer=1), "x")
    assert (same.run, same.layer, same.features.column) == ("one", 2, 1)


def test_from_all_models_to_two_of_them_to_heads():
    state = walk(at("cka"), "A", "l")
    assert (state.features.across, state.features.pair) == (True, (0, 1))
    state = walk(state, "j", "j", "enter")
    assert (state.run, state.features.other, state.features.across) == ("two", "two", False)
    assert walk(state, "enter").view == "overview"


def test_cls_is_offered_where_both_models_have_it():
    assert [walk(at("cka", other="one"), *["v"] * n).features.tokens for n in range(4)] == [
        "all", "spatial", "cls", "all",
    ]  # fmt: skip
    assert [walk(at("cka", other="two"), *["v"] * n).features.tokens for n in range(3)] == ["all", "spatial", "all"]
    assert walk(at("cka", other="two", tokens="cls"), "v").features.tokens == "all"


def test_numbers_and_branches_go_round():
    assert walk(at("curves"), "v").features.score == "nmi"
    assert walk(at("curves", score="nmi"), "j").features.score == "purity"
    assert walk(at("curves"), "V").features.score == "nmi"
    assert walk(at("residual"), "v").features.branch == "mlp"
    assert walk(at("residual"), "v", "v").features.branch == "tokens"
    assert walk(at("residual"), "v", "v", "v").features.branch == "attention"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "keys", [("C",), ("C", "m", "l"), ("C", "A", "l"), ("C", "v", "v"), ("B",), ("B", "v", "v"), ("T",)]
)
@pytest.mark.parametrize("depth", ["256", "mono"])
def test_every_page_at_every_size(person, size, keys, depth):
    person.press("enter", *keys)
    page = person.page(*size, depth).splitlines()
    assert len(page) == size[1]
    assert "? help" in page[-1]
    assert re.search(r"0\.\d{2}|1\.00|\.\d\d", "\n".join(page[1:-1]))


def test_the_number_under_the_cursor_is_the_cka_of_these_layers(person, features):
    cache = Cache(features)
    one, two = (blocks(cache.find(name), "grams", "all") for name in ("one", "two"))
    expected = cka(one, two)
    person.press("enter", "C", "m", "j", "l", "l")
    page = person.page(100, 30)
    assert "one (rows) with two, all tokens" in page
    assert f"layer 2 with layer 3  {expected[1, 2]:.3f}"[:28] in page
    for row in expected:
        assert f"{row[0]:.3f}" in page
    person.press("x")
    assert f"layer 3 with layer 2  {expected[1, 2]:.3f}"[:28] in person.page(100, 30)
    assert "2 blocks of 6 images in random order" in person.page(100, 30)


def test_a_matrix_turned_around_is_not_computed_again(person):
    person.press("enter", "C", "m")
    known = set(person.book.items)
    person.press("x")
    assert "two (rows) with one, all tokens" in person.page(100, 30)
    assert set(person.book.items) == known


def test_all_models_are_entered_at_the_pair_that_was_looked_at():
    assert walk(at("cka", other="two"), "A").features.pair == (0, 1)
    assert walk(at("cka"), "A").features.pair == (0, 0)


def test_models_of_the_catalog_come_in_its_order_and_others_after_them(tmp_path):
    names = ("mine", "demo-beit", "demo-fs", "demo-dino")
    for month, model in enumerate(names, 1):
        started = f"2026-0{month}-03T03:00:00+00:00"
        synthetic.write(tmp_path, model=model, images=8, block=8, layers=2, heads=2, gallery=0, started=started)
    for model in names:
        evaluate(tmp_path, model, np.array([0.1, 0.2], dtype=np.float32), beside="mine")
    person = Walker(tmp_path)
    person.press("enter", "C", "A")
    page = person.page(120, 40)
    assert re.search(r"demo-fs +demo-dino +demo-beit +mine", page)
    person.press("T")
    assert re.findall(r"[A-Z] (demo-\w+|mine) ", person.page(120, 40)) == ["demo-fs", "demo-dino", "demo-beit", "mine"]


def test_models_over_other_images_are_left_out_with_the_reason(person):
    person.press("enter", "C", "A")
    page = " ".join(person.page(120, 40).split())
    assert "different images (12 of shapes; 11 of shapes)" in page
    line = next(line for line in person.page(120, 40).splitlines() if line.strip().startswith("other"))
    assert line.count("–") == 2
    assert "1.000" in line
    person.press("A", "M")
    assert "measured on different images" in " ".join(person.page(120, 40).split())


def test_a_run_without_features_says_what_measures_them(tmp_path):
    synthetic.write(tmp_path, model="bare")
    bare = Walker(tmp_path)
    for key, metric in (("C", "grams"), ("B", "residual-grams")):
        bare.press("enter", key)
        assert f"vitscope extract --model bare --data DIR --metrics {metric}" in " ".join(bare.page(100, 30).split())
        bare.press("escape", "escape")
    bare.press("enter", "T")
    assert "vitscope evaluate clusters" in " ".join(bare.page(100, 30).split())


def test_residual_shows_matrix_and_ratios(person, features):
    run = Cache(features).find("one")
    person.press("enter", "B", "v", "j")
    page = person.page(120, 40)
    assert "stream before MLP" in page
    skip, branch = (blocks(run, "residual-grams", f"mlp-{side}") for side in ("skip", "branch"))
    assert f"layer 2 with layer 1  {cka(skip, branch)[1, 0]:.3f}"[:28] in page
    ratios = run.array("residual-norms")
    assert f"{ratios[1, 1, 0]:.3g}"[:4] in page


def test_tasks_are_curves_with_the_best_layer_and_noise(person):
    person.press("enter", "T", "l", "l", "l")
    page = person.page(120, 40)
    assert "clusters purity, cls · shapes" in page
    assert "1/4" in page
    assert re.search(r"[AB] one +– +0\.400 @2", page)
    assert re.search(r"[AB] two +0\.800 +0\.800 @4", page)
    assert re.search(r"random +0\.0500 ± 0\.010", page)
    person.press("v")
    assert "clusters purity, spatial" in person.page(120, 40)


def test_evaluations_are_no_runs_to_look_into(person):
    assert [run.model for run in person.book.listing.runs] == ["one", "two", "other"]
    assert len(person.book.listing.evaluations) == 3


def test_runs_that_hold_only_vectors_for_a_task_are_neither_listed_nor_compared(tmp_path):
    shape = {"images": 12, "block": 6, "gallery": 0}
    for seed, (model, metrics) in enumerate({"one": None, "two": None, "made": ["vectors"]}.items()):
        synthetic.write(tmp_path, model=model, seed=seed, metrics=metrics, **shape)
    person = Walker(tmp_path)
    person.press("enter", "C", "A")
    assert sorted(run.model for run in person.book.candidates()) == ["one", "two"]
    assert sorted(run.model for run in person.book.listing.runs) == ["one", "two"]


def test_what_takes_long_is_never_waited_for(person):
    for keys in (("enter", "C"), ("A",), ("B",), ("T",), ("R",), ("X",)):
        person.press(*keys)
        assert all(item.slow for item in needs(person.state, person.book))


def test_a_matrix_scrolls_to_its_cursor():
    surface = Surface(40, 10, theme("256"))
    values = np.arange(900.0).reshape(30, 30) / 900
    names = matrix.Names([f"r{i}" for i in range(30)], [f"c{i}" for i in range(30)])
    matrix.draw(surface, Rect(0, 0, 40, 10), values, names, (29, 29))
    page = surface.text()
    assert "r29" in page
    assert "r0 " not in page
    assert "↑" in page
    assert (surface.back == surface.theme.accent).any()


def test_lines_pass_through_their_points():
    surface = Surface(40, 12, theme("256"))
    axes = chart.Axes(Rect(2, 1, 36, 9), 0.0, 1.0, 4)
    chart.line(surface, axes, np.array([0.0, 1.0, np.nan, 0.5]), 0)
    rows = surface.text().splitlines()
    assert rows[9][int(axes.x(0))] == "A"
    assert rows[1][int(axes.x(1))] == "A"
    assert rows[5][int(axes.x(3))] == "A"
    dots = [(x, y) for y, row in enumerate(rows) for x, c in enumerate(row) if "⠀" < c < "⣿"]
    assert dots
    assert all(axes.x(0) - 1 <= x <= axes.x(1) + 1 for x, _ in dots)
