"""The pages of CKA, residual branches and tasks: where their keys lead, and what they show."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import evaluations, synthetic
from tests.tui.walker import Walker
from vitscope.derive.cka import cka
from vitscope.geometry import Geometry
from vitscope.store.lock import lock
from vitscope.store.reader import Cache
from vitscope.store.writer import Measured, RunWriter
from vitscope.tui.features import Candidate, Features
from vitscope.tui.keys import press
from vitscope.tui.needs import needs
from vitscope.tui.palettes import luminance, rgb_of, theme
from vitscope.tui.render import chart
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import matrix
from vitscope.tui.state import Facts, State
from vitscope.views.grams import blocks

SIZES = [(40, 12), (60, 16), (80, 24), (120, 40), (200, 50)]
G = Geometry(layers=3, heads=4, prefix=("cls",), rows=4, columns=4, patch=(8, 8))
DEEP = replace(G, layers=5, prefix=())
FACTS = Facts(
    geometry=G, candidates=(Candidate("one", G), Candidate("two", DEEP)), scores=("purity", "nmi", "top1", "top5"),
    tasks=("purity", "top1"), longest=5,
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
    deep = replace(state, features=replace(state.features, column=4))
    assert walk(deep, "m").features == Features(other="one", column=4)  # of three layers, of which the last is shown
    assert walk(deep, "m", "h").features.column == 1
    assert walk(deep, "m", "m").features.column == 4
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
    assert (state.features.across, state.features.pair) == (True, ("one", "two"))
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
    alone = at("curves", alone=True)
    assert walk(alone, "j").features.score == "nmi"
    assert walk(alone, "j", "j").features.score == "top1"
    assert walk(alone, "k").features.score == "top5"
    assert walk(walk(alone, "j"), "v").features.score == "top1"
    assert walk(walk(alone, "k"), "v").features.score == "purity"
    assert walk(alone, "V").features.score == "top1"
    assert walk(at("residual"), "v").features.branch == "mlp"
    assert walk(at("residual"), "v", "v").features.branch == "tokens"
    assert walk(at("residual"), "v", "v", "v").features.branch == "attention"


def test_all_tasks_are_beside_each_other_until_one_is_chosen():
    state = walk(at("curves"), "j")
    assert (state.features.score, state.features.alone) == ("top1", False)
    assert walk(state, "enter").features == replace(state.features, alone=True)
    assert walk(state, "enter", "A").features.alone is False
    assert walk(at("curves"), "2").features == Features(score="top1", alone=True)
    refused = walk(at("curves"), "3")
    assert (refused.features, refused.message) == (Features(), "there is no task 3 here")


def test_on_the_norms_the_cursor_walks_over_patches_and_the_query_stays():
    state = walk(at("residual", branch="tokens"), "j", "l", "J")
    assert (state.patch, state.kind, state.layer) == ((2, 2), "cls", 1)
    assert walk(state, "g", "0").patch == (0, 0)


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
    assert walk(at("cka", other="two"), "A").features.pair == ("one", "two")
    assert walk(at("cka"), "A").features.pair == ("one", "one")


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
    assert "1 of its 4 numbers" in page
    assert re.search(r"[AE] one +– +0\.400 @2", page)
    assert re.search(r"[AE] two +0\.800 +0\.800 @4", page)
    assert re.search(r"random +0\.0500 ± 0\.010", page)
    person.press("j")
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
    assert rows[9][int(axes.x(0))] == "F"
    assert rows[1][int(axes.x(1))] == "F"
    assert rows[5][int(axes.x(3))] == "F"
    dots = [(x, y) for y, row in enumerate(rows) for x, c in enumerate(row) if "⠀" < c < "⣿"]
    assert dots
    assert all(axes.x(0) - 1 <= x <= axes.x(1) + 1 for x, _ in dots)


@pytest.fixture
def judged(features, tmp_path) -> Walker:
    """one and two in clusters and in k-NN, whose top-1 with twenty neighbours is the paper's number."""
    cache = tmp_path / "cache"
    shutil.copytree(features, cache)
    for model, top1 in (("one", [0.1, 0.3, 0.2]), ("two", [0.2, 0.1, 0.4, 0.5, 0.3])):
        both = np.stack([np.array(top1) / 2, np.array(top1)], axis=1)
        evaluations.write(
            cache, "knn", {"top1": (both, ("layer", "k"))}, model=model, coords={"k": ["10", "20"]}, dataset="imagenet"
        )
    return Walker(cache)


def test_every_task_is_a_plot_with_the_number_that_decides(judged):
    judged.press("enter", "T")
    page = judged.page(120, 40)
    assert "1 knn top1, 20" in page
    assert "2 clusters purity, cls" in page
    assert "knn top1, 20 · imagenet, in layer 1" in page
    assert re.search(r"A one +0\.100|E one +0\.100", page)
    judged.press("v")
    assert "clusters purity, cls · shapes, in layer 1" in judged.page(120, 40)
    judged.press("enter")
    assert "1 knn · imagenet" in judged.page(120, 40)
    judged.press("1")
    assert "knn top1, 20 · imagenet  1 of its 2 numbers" in judged.page(80, 24)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("depth", ["256", "mono"])
def test_all_tasks_at_every_size(judged, size, depth):
    judged.press("enter", "T", "l")
    page = judged.page(*size, depth).splitlines()
    assert len(page) == size[1]
    assert re.search(r"0\.300|0\.3\b", "\n".join(page[1:-1]))


def test_each_method_has_its_letter_and_colour_whichever_models_are_there():
    assert [chart.LETTERS[at] for at in chart.places(["demo-beit", "mae", "fs"])] == ["B", "M", "F"]
    twice = chart.places(["dino", "demo-dino", "somebodys"])
    assert len(set(twice)) == 3
    assert chart.LETTERS[twice[0]] == "D"


SEEN = {  # how colours look to people without one kind of cone (Machado et al. 2009), linear RGB
    "all": np.eye(3),
    "no red": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                        [-0.003882, -0.048116, 1.051998]]),
    "no green": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                          [-0.011820, 0.042940, 0.968881]]),
    "no blue": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                         [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(rgb: int, seen: np.ndarray) -> np.ndarray:
    """CIELAB of a colour as somebody sees it."""
    channels = np.array([(rgb >> shift & 255) / 255 for shift in (16, 8, 0)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    x, y, z = XYZ @ np.clip(seen @ linear, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("codes", [chart.INKS, chart.LIGHT], ids=["dark", "light"])
def test_lines_are_told_apart_without_one_kind_of_cone(seen, codes):
    colours = [lab(rgb_of(code), SEEN[seen]) for code in codes]
    apart = np.array([[np.linalg.norm(one - other) for other in colours] for one in colours])
    np.fill_diagonal(apart, np.inf)
    assert apart[:6, :6].min() > 30  # the six methods
    assert apart.min() > 20
    back = luminance(theme("256", light=codes is chart.LIGHT).back)
    for code in codes:
        low, high = sorted((back, luminance(rgb_of(code))))
        assert (high + 0.05) / (low + 0.05) > 4.4


def test_a_patch_that_stands_far_out_is_crossed_and_read(tmp_path):
    synthetic.write(tmp_path, model="register", layers=2, heads=2, images=4, gallery=0)
    run = Cache(tmp_path).find("register")
    long = np.ones((2, run.geometry.patches), dtype=np.float32)
    long[1, 3] = 30.0
    writer = RunWriter(tmp_path, run.spec, {n: v for n, v in run.facts.items() if n not in {"format", "sha256"}})
    each = {name: Measured(np.full(2, 0.1, dtype=np.float32), ("layer",), "1")
            for name in ("median", "outliers", "outliers-std")}  # fmt: skip
    with lock(writer.folder):
        writer.put_result("token-norms", 1, {"mean": Measured(long, ("layer", "patch"), "1"), **each}, 4, {})
    person = Walker(tmp_path)
    person.press("enter", "B", "v", "v")
    assert "no patch stands far out" in person.page(120, 40)
    person.press("J", "g", "$")
    page = person.page(120, 40)
    assert f"patch 1,{run.geometry.columns}" in page
    assert "30.0, 30.0 × median" in page
    assert f"× 1 of {run.geometry.patches} far out" in page
    assert sum(line.count("×") for line in page.splitlines()) >= 3  # on the map as well


def test_models_that_begin_alike_keep_what_tells_them_apart_and_all_are_read(tmp_path):
    for seed, model in enumerate(("demo-fs", "demo-clip", "demo-dino", "demo-moco", "demo-mae", "demo-beit")):
        synthetic.write(tmp_path, model=model, seed=seed, images=12, block=6, gallery=0, layers=4)
        run = Cache(tmp_path).find(model)
        arrays = {"jf": (evaluations.curve(seed, run.geometry.layers), ("layer",))}
        evaluations.write(tmp_path, "davis", arrays, model=model, dataset="davis-val")
    person = Walker(tmp_path)
    person.press("enter", "C", "A")
    page = person.page(40, 12)
    assert re.search(r"fs +clip +dino +moco +mae +beit\n", page)
    assert "…" not in page
    person.press("T", "1", "l")
    for size in ((40, 12), (60, 15), (80, 24)):
        page = person.page(*size)
        for seed, model in enumerate(("demo-fs", "demo-clip", "demo-dino", "demo-moco", "demo-mae", "demo-beit")):
            assert re.search(rf"{model} +{evaluations.curve(seed, 4)[1]:.3f}"[:24], page), (size, model)
