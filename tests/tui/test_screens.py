from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.store.files import read_json, write_json
from vitscope.store.reader import Cache
from vitscope.tui.bindings import BINDINGS, EVERYWHERE
from vitscope.tui.book import Book
from vitscope.tui.library import Failure
from vitscope.tui.render.surface import HALF
from vitscope.tui.screens import draw
from vitscope.tui.screens.dots import ticks
from vitscope.tui.screens.head import layout
from vitscope.tui.state import State

SIZES = [(40, 12), (80, 24), (100, 30), (120, 40), (200, 50)]
WAYS = {
    "runs": (),
    "overview": ("enter",),
    "head": ("enter", "enter"),
    "image": ("enter", "enter", "i"),
    "images": ("enter", "I", "l"),
    "distance": ("enter", "D"),
    "models": ("enter", "="),
    "cka": ("enter", "C"),
    "residual": ("enter", "B"),
    "curves": ("enter", "T"),
    "results": ("enter", "R"),
    "layer": ("enter", "L"),
    "saliency": ("enter", "U"),
    "info": ("enter", "X"),
    "find": ("enter", "f"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", WAYS)
@pytest.mark.parametrize("depth", ["256", "mono"])
def test_every_page_at_every_size_says_where_one_is(walker, view, size, depth):
    walker.press(*WAYS[view])
    page = walker.page(*size, depth).splitlines()
    assert len(page) == size[1]
    assert "vitscope" in page[0]
    last = {
        "runs": "runs",
        "overview": "all heads",
        "head": "head 1",
        "image": "cat/000.jpg",
        "images": "images",
        "distance": "heads by layer",
        "models": "models",
        "cka": "CKA with itself",
        "residual": "residual branches",
        "curves": "tasks by layer",
        "results": "results",
        "layer": "layer 1",
        "saliency": "heads against masks",
        "info": "run information",
        "find": "more like this",
    }
    assert last[view] in page[0] or (view == "head" and "H1" in page[0])
    assert "? help" in page[-1]
    assert "q leave" in page[-1]
    assert ("esc back" in page[-1]) == (view != "runs")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", ["overview", "distance"])
def test_the_number_under_the_cursor_has_its_unit_at_every_size(walker, view, size):
    walker.press(*WAYS[view], "j", "l")
    place = (walker.state.layer, walker.state.head)
    value = Cache(walker.book.listing.folder).find("small").array("distance")[place]
    assert re.search(rf"distance +{value:.3f}|distance +{value:.3g} image sides", walker.page(*size))
    assert "image sides" in walker.page(*size)


def test_layers_and_heads_are_counted_from_one(walker):
    walker.press("enter")
    page = walker.page(80, 24)
    assert "layer 1 · head 1" in page
    assert re.search(r"^ +1 +2 +3 +4$", page, re.MULTILINE)
    walker.press("G", "$")
    assert "layer 3 · head 4" in walker.page(80, 24)


def test_the_runs_are_listed_with_what_they_are(walker):
    page = walker.page(120, 40)
    line = next(line for line in page.splitlines() if "small" in line)
    for word in ("shapes", "3", "3 × 4", "4 × 4", "2026-01-02 03:04"):
        assert word in line
    assert "bare" in page
    assert "attention, class-attention, distance" in page


def test_the_head_page_shows_map_aligned_numbers_and_shares(walker):
    walker.press("enter", "enter", "h")
    surface = walker.surface(120, 40)
    page = surface.text()
    for words in ("attention from patch 2,2", "aligned (AAAM)", "entropy", "nat", "offset", "patches", "itself", "cls"):
        assert words in page
    assert (surface.char == HALF).sum() > 100
    assert "all heads of layer 1" in page
    walker.press("c", "r")
    assert "attention to CLS" in walker.page(120, 40)


def test_the_shares_of_a_query_add_up(walker):
    walker.press("enter", "enter", "h")
    shares = dict(re.findall(r"(itself|patches|cls) +(\d+\.\d)%", walker.page(120, 40)))
    assert float(shares["patches"]) + float(shares["cls"]) == pytest.approx(100, abs=0.2)


def test_map_pixels_are_the_attention_of_the_query(walker):
    walker.press("enter", "enter", "h")
    run = Cache(walker.book.listing.folder).find("small")
    surface = walker.surface(120, 40)
    values = run.array("attention")[0, 0, 1 + 5, 1:].reshape(4, 4)
    level = np.minimum((values / values.max() * len(surface.theme.ramp)).astype(int), len(surface.theme.ramp) - 1)
    times, _ = layout(run, surface.rect)
    middle = times // 2  # of a patch: its corners hold the mark of the query
    drawn = [[surface.fore[3 + (r * times + middle) // 2, 2 + c * times + middle] for c in range(4)] for r in range(4)]
    assert drawn == surface.theme.ramp[level].tolist()


def test_scale_is_of_the_head_its_layer_or_the_model(walker):
    walker.press("enter", "enter", "c")
    maps = Cache(walker.book.listing.folder).find("small").array("attention")[:, :, 0, 1:]
    for part, label in ((maps[0, 0], "this head"), (maps[0], "this layer"), (maps, "all layers")):
        assert f"{part.max():.3g}"[:5] in walker.page(120, 40)
        assert label in walker.page(120, 40)
        walker.press("u")
    walker.press("\\")
    assert "log" in walker.page(120, 40)


def test_tags_can_be_the_colour(walker):
    walker.press("enter", "V")
    assert walker.state.quantity == "tag"
    page = walker.page(120, 40)
    assert "strict-local" in page
    assert "local" in page


def test_the_image_page_names_the_image_and_whose_attention_it_is(walker):
    walker.press("enter", "enter", "i")
    page = walker.page(120, 40)
    assert "this image" in page
    assert "1/3" in page
    walker.press("i", "A")
    page = walker.page(120, 40)
    assert "all images (mean)" in page
    assert "2/3" in page


def test_the_plot_shows_every_head(walker):
    walker.press("enter", "D")
    page = walker.page(80, 24)
    dots = sum(page.count(mark) for mark in "●◆")
    stacked = [int(n) for n in re.findall(r"(?<=[ ●])([2-9])(?=[ ●│┊])", "\n".join(page.splitlines()[4:7]))]
    assert dots + sum(stacked) >= 10
    assert "spread evenly" in page
    assert "0.2" in page


@pytest.mark.parametrize("values", [[0.03, 0.57], [3.0, 4.2], [0.0, 0.0], [5.0, 5.0], [1e-6, 2e-6], [-1.0, 1.0]])
def test_ticks_hold_all_values(values):
    found = ticks(np.array(values), zero=False)
    assert found[0] <= min(values) + 1e-9
    assert found[-1] >= max(values) - 1e-9
    assert 2 <= len(found) <= 12


def test_a_missing_number_says_which_command_measures_it(walker):
    walker.press("j", "enter", "v")
    assert walker.state.quantity == "entropy"
    page = " ".join(walker.page(120, 40).split())
    assert "not measured" in page
    assert "vitscope extract --model bare" in page
    assert "--metrics entropy" in page
    walker.press("enter")
    assert "not measured; run:" in walker.page(120, 40)
    assert "spatial-attention" in walker.page(120, 40)
    assert walker.press("i").view == "head"
    assert "--metrics gallery" in walker.page(120, 40)


def test_numbers_that_do_not_apply_are_not_offered(walker):
    walker.press("enter")
    assert "position-deviation" in walker.book.quantities(walker.book.run(walker.state))
    walker.press("escape", "j", "enter")
    quantities = walker.book.quantities(walker.book.run(walker.state))
    assert "prefix-mass" not in quantities
    assert "position-deviation" not in quantities
    assert walker.state.kind == "spatial"


def test_an_empty_cache_says_what_to_do(tmp_path):
    page = Walker(tmp_path / "nothing").page(80, 24)
    assert "vitscope extract --model MODEL --data FOLDER" in page
    assert "nothing" in page
    assert "esc" not in page.splitlines()[-1]


def test_broken_runs_are_listed_with_the_reason(tmp_path):
    good = synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2), model="good")
    bad = synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2), model="bad", seed=1)
    (bad / "run.json").write_text("{")
    for size in SIZES:
        page = Walker(tmp_path).page(*size)
        assert "good" in page
        assert "annot be read" in page
        assert bad.name[:12] in page
    shutil.rmtree(good)
    assert "annot be read" in Walker(tmp_path).page(80, 24)


@pytest.mark.parametrize("size", [size for size in SIZES if size[1] > 12])
def test_many_broken_runs_leave_room_for_those_that_can_be_read(tmp_path, size):
    for seed in range(12):
        folder = synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2), model=f"model{seed}", seed=seed)
        if seed >= 6:
            (folder / "run.json").write_text("{")
    page = Walker(tmp_path).page(*size)
    assert page.split("Cannot be read (6)")[0].count(" shapes ") >= 4


def test_arrows_say_where_the_list_of_runs_goes_on(tmp_path):
    for seed in range(12):
        synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2), model=f"model{seed}", seed=seed)
    walker = Walker(tmp_path)
    seen = []
    for keys in ("", "jjjjjj", "G"):
        walker.press(*keys)
        rows = [line for line in walker.page(80, 14).splitlines() if "model" in line]
        seen.append((rows[1][-1], rows[-1][-1]))
        assert sum("↑" in row or "↓" in row for row in rows) == sum(mark in "↑↓" for mark in seen[-1])
    assert [(up == "↑", down == "↓") for up, down in seen] == [(False, True), (True, True), (True, False)]
    assert not set("↑↓") & set(walker.page(120, 40).split("folder")[0])


@pytest.mark.parametrize("size", SIZES)
def test_of_a_long_name_of_an_image_the_end_is_kept_and_the_models_name_gives_way_last(tmp_path, size):
    synthetic.write(
        tmp_path, layers=2, heads=2, images=2, gallery=2, classes=("a-class-with-a-name-" + "of-its-own" * 3,)
    )
    walker = Walker(tmp_path)
    walker.press("enter", "enter", "i")
    lines = walker.page(*size).splitlines()
    assert "000.jpg" in lines[0]
    assert size[0] < 80 or "synthetic › layer 1 › head 1" in lines[0]
    for line in lines[1:]:
        assert "…" not in line or "000.jpg" in line


def test_a_cache_of_another_version_says_so(tmp_path):
    folder = synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2))
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"format": 999}))
    page = " ".join(Walker(tmp_path).page(80, 24).split())
    assert "999" in page
    assert "annot be read" in page


def test_arrays_that_do_not_fit_the_model_are_damaged_not_a_crash(tmp_path):
    folder = synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3))
    record = read_json(folder / "run.json")
    record["geometry"]["layers"] = 3
    write_json(folder / "run.json", record)
    walker = Walker(tmp_path)
    for view in WAYS.values():
        walker.press("escape", "escape", "escape", *view)
        walker.page(120, 40)
    failures = [found.sentence for found in walker.book.items.values() if isinstance(found, Failure)]
    misfits = [said for said in failures if "where the run's geometry asks for" in said]
    assert misfits
    assert all("is damaged" in said and "with --restart" in said for said in misfits)


def test_a_run_that_vanishes_leaves_a_sentence(tmp_path):
    folder = synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3))
    walker = Walker(tmp_path)
    walker.press("enter")
    shutil.rmtree(folder)
    walker.press("enter", "h")
    assert "is gone" in " ".join(walker.page(80, 24).split())


def test_names_from_files_cannot_steer_the_terminal(tmp_path):
    synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2), model="evil\x1b[2J\u202emodel", dataset="日本語のデータ")
    walker = Walker(tmp_path)
    for keys in ((), ("enter",)):
        walker.press(*keys)
        surface = walker.surface(80, 24)
        assert "\x1b" not in surface.text()
        assert "\u202e" not in surface.text()
        assert "日本語" in surface.text()


@pytest.mark.parametrize("view", EVERYWHERE)
def test_the_help_names_every_key_of_its_page(walker, view):
    walker.press(*WAYS[view], "?")
    shown = walker.page(120, 60)
    for binding in BINDINGS:
        if view in binding.views:
            assert binding.about in shown
            assert binding.shown in shown
    short = walker.page(80, 12)
    walker.press("j")
    assert walker.page(80, 12) != short


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    walk=st.lists(st.sampled_from(sorted({key for binding in BINDINGS for key in binding.keys})), max_size=30),
    width=st.integers(1, 210),
    height=st.integers(1, 60),
    depth=st.sampled_from(["truecolor", "256", "16", "mono"]),
)
def test_no_walk_and_no_size_breaks_a_page(cache, walk, width, height, depth):
    walker = Walker(cache)
    for key in walk:
        walker.press(key)
        surface = walker.surface(width, height, depth)
        assert surface.char.shape == (height, width)


@pytest.mark.parametrize("view", EVERYWHERE)
def test_no_width_breaks_a_page(tmp_path, view):
    synthetic.write(tmp_path, images=50, gallery=50)
    walker = Walker(tmp_path)
    walker.press(*WAYS[view])
    for width in range(1, 41):
        for height in (1, 7, 12, 20):
            assert walker.surface(width, height).char.shape == (height, width)


@pytest.mark.parametrize("grid", [(1, 2), (37, 37), (4, 24), (24, 4)])
def test_grids_of_any_shape_are_drawn(tmp_path, grid):
    synthetic.write(tmp_path, layers=1, heads=2, grid=grid, images=1, gallery=1, classes=())
    walker = Walker(tmp_path)
    for keys in (("enter",), ("enter", "l"), ("i",), ("D",)):
        walker.press(*keys)
        for size in SIZES:
            page = walker.page(*size)
            assert len(page.splitlines()) == size[1]
            assert walker.state.view == "distance" or chr(HALF) in page


def test_before_the_cache_was_looked_through_no_run_is_said_to_be_gone():
    state = State(trail=("runs", "overview", "head"), run="mae-1", kind="cls")
    text = draw(state, Book(), 80, 24, "mono").text()
    assert "reading the cache" in text
    assert "not in the cache" not in text
