"""What is written of a page, and what is not."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests import evaluations, synthetic
from tests.tui.test_app import page, press, settled
from tests.tui.test_keys import FACTS, at
from tests.tui.walker import Walker
from vitscope.derive.aligned import aligned
from vitscope.errors import VitscopeError
from vitscope.store.reader import Cache
from vitscope.tui import memory
from vitscope.tui.app import Browser
from vitscope.tui.exporting import AAAM, SUFFIXES, content, options, plan, target
from vitscope.tui.keys import press as pressed
from vitscope.tui.render.heat import shrink
from vitscope.tui.state import State
from vitscope.views import View


def views(walker: Walker) -> list[View]:
    return plan(walker.state, walker.book)()


def test_numbers_are_those_under_the_cursor(walker):
    walker.press("enter", "j", "l")
    column = walker.book.column(walker.book.run(walker.state), "distance")
    rows = list(csv.DictReader(io.StringIO(content(views(walker), ".csv").decode())))
    assert len(rows) == 12
    here = next(row for row in rows if (row["layer"], row["head"]) == ("2", "2"))
    assert float(here["distance"]) == pytest.approx(float(column.values[1, 1]))


def test_a_map_is_that_of_the_head_and_its_query(walker):
    walker.press("enter", "j", "l", "enter", "space", "l", "j")
    run, state = walker.book.run(walker.state), walker.state
    [view] = views(walker)
    shown = walker.book.maps(state, run).patches[state.layer, state.head]
    assert state.query == (2, 2)
    np.testing.assert_allclose(np.squeeze(view.values), shown, rtol=1e-3)
    array = np.load(io.BytesIO(content([view], ".npy")))
    np.testing.assert_allclose(np.squeeze(array), shown, rtol=1e-3)


def test_an_image_is_that_on_the_screen_or_the_mean(walker):
    walker.press("enter", "enter", "c", "i", "i")
    run, state = walker.book.run(walker.state), walker.state
    shown = walker.book.maps(state, run, image=state.image).patches[state.layer, state.head]
    np.testing.assert_allclose(np.squeeze(views(walker)[0].values), shown, rtol=1e-3)
    walker.press("A")
    mean = walker.book.maps(state, run).patches[state.layer, state.head]
    np.testing.assert_allclose(np.squeeze(views(walker)[0].values), mean, rtol=1e-3)


@pytest.mark.parametrize("page", ["head", "layer", "image"])
def test_attention_received_is_written_as_it_is_drawn(walker, page):
    walker.press("enter", "enter", "space", "r", *{"layer": "L", "image": "i"}.get(page, ""))
    run, state = walker.book.run(walker.state), walker.state
    maps = walker.book.maps(state, run, image=state.image if page == "image" else None)
    every = {view.model: view for view in views(walker)}
    shown = maps.patches[state.layer] if page == "layer" else maps.patches[state.layer, state.head]
    np.testing.assert_allclose(every[run.model].values, shown, rtol=1e-6)
    assert "to patch" in every[run.model].title


def beside(folder: Path) -> Walker:
    """Somebody in layer 3 of "deep", beside "flat", which has two layers, another grid and fewer heads."""
    synthetic.write(folder, layers=3, heads=4, grid=(4, 4), model="deep", images=3, gallery=2, seed=1)
    synthetic.write(folder, layers=2, heads=3, grid=(2, 6), model="flat", images=3, gallery=2, seed=2)
    walker = Walker(folder)
    walker.open("deep")
    walker.press("G", "enter", "space", "G", "$", "=")
    assert walker.state.patch == (3, 3)
    return walker


def test_models_of_other_depths_and_grids_are_written_as_they_are_drawn(tmp_path):
    walker = beside(tmp_path)
    deep, flat = views(walker)
    assert [view.model for view in (deep, flat)] == ["deep", "flat"]
    assert [view.unit for view in (deep, flat)] == ["times uniform"] * 2
    cache = Cache(tmp_path)
    stored = cache.find("deep").array("attention")[2, :, 1 + 15, 1:].reshape(4, 4, 4) * 16
    np.testing.assert_allclose(deep.values, stored, rtol=1e-5)
    stored = cache.find("flat").array("attention")[1, :, 1 + 11, 1:].reshape(3, 2, 6) * 12
    np.testing.assert_allclose(flat.values, stored, rtol=1e-5)
    assert "patch 2,6" in flat.title
    assert "layer 2" in flat.title
    assert (flat.coords["head"], len(flat.coords["row"]), len(flat.coords["column"])) == ([1, 2, 3], 2, 6)


def test_models_are_written_in_the_order_of_the_page(tmp_path):
    walker = beside(tmp_path)
    plain = {view.model: view.values for view in views(walker)}
    walker.press("s")
    for view in views(walker):
        run = walker.book.listing.run(next(r.folder.name for r in walker.book.listing.runs if r.model == view.model))
        layer = min(2, run.geometry.layers - 1)
        order = walker.book.column(run, "distance").values[layer].argsort(kind="stable")
        assert view.coords["head"] == (order + 1).tolist()
        np.testing.assert_allclose(view.values, plain[view.model][order])
    assert content(views(walker), ".svg").startswith(b"<?xml")


def test_differences_of_models_are_written_as_such(tmp_path):
    walker = beside(tmp_path)
    walker.press("m", "p", "M")
    plain = {view.model: view.values for view in views(walker)}
    walker.press("d")
    less = {view.model: view for view in views(walker)}
    base = shrink(plain["flat"], 4, 4)
    np.testing.assert_allclose(less["deep"].values, plain["deep"][:3] - base, atol=1e-6)
    assert less["deep"].coords["head"] == [1, 2, 3]  # the fourth has none to be compared with
    assert list(less) == ["deep"]
    assert "less flat" in less["deep"].title
    walker.press("p", "m")
    [flat] = views(walker)
    assert (flat.model, flat.coords["row"], flat.coords["column"]) == ("flat", [1, 2], [1, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(flat.values, plain["flat"] - shrink(plain["deep"], 2, 6)[:3], atol=1e-6)
    assert content(list(less.values()), ".svg").startswith(b"<?xml")


def test_one_image_of_models_is_written_of_those_that_have_it(tmp_path):
    synthetic.write(tmp_path, layers=3, heads=4, model="blind", images=3, gallery=0, seed=3)
    walker = beside(tmp_path)
    walker.press("=", "i", "i", "=")
    written = {view.model: view for view in views(walker)}
    assert set(written) == {"deep", "flat"}
    stored = Cache(tmp_path).find("flat").array("gallery", "attention")[1, 1, :, 1 + 11, 1:].astype(float)
    np.testing.assert_allclose(written["flat"].values, stored.reshape(3, 2, 6) * 12, rtol=1e-3)
    assert written["flat"].images == 1
    assert "dog/001.jpg" in written["flat"].title


def test_every_image_of_the_sheet_is_written(walker):
    walker.press("enter", "l", "I", "c", "l")
    run, state = walker.book.run(walker.state), walker.state
    [view] = views(walker)
    names = walker.book.gallery(state)
    assert (view.dims, view.coords["image"]) == (("image", "row", "column"), names)
    for i, values in enumerate(view.values):
        np.testing.assert_allclose(values, walker.book.maps(state, run, image=i).patches[0, 1], rtol=1e-6)
    rows = list(csv.DictReader(io.StringIO(content([view], ".csv").decode())))
    assert len(rows) == len(names) * 16
    assert np.load(io.BytesIO(content([view], ".npy"))).shape == (len(names), 4, 4)
    assert content([view], ".png")
    walker.press("w")
    with pytest.raises(VitscopeError, match="these are photographs"):
        views(walker)


@pytest.mark.parametrize("corrected", [False, True])
def test_the_aaam_of_a_head_is_written_where_it_is_asked_for(walker, corrected):
    walker.press("enter", "j", "l", "enter", *["x"] * corrected)
    run, state = walker.book.run(walker.state), walker.state
    [view] = plan(state, walker.book, "aligned a.npy")()
    assert (view.name, view.coords["row"], view.coords["head"]) == ("aligned", list(range(-3, 4)), [2])
    spatial = run.array("spatial-attention")[1:2]
    np.testing.assert_allclose(view.values, aligned(spatial, run.geometry, corrected=corrected)[0, 1], rtol=1e-5)
    assert np.load(io.BytesIO(content([view], ".npy"))).shape == (7, 7)
    assert content([view], ".svg").startswith(b"<?xml")
    [query] = plan(state, walker.book, "a.npy")()
    assert query.values.shape[-2:] == (4, 4)
    walker.press("L")
    with pytest.raises(VitscopeError, match="on the page of a head"):
        plan(walker.state, walker.book, "aligned a.npy")


def test_the_line_offers_both_maps_of_a_head_and_only_there():
    lines = [option.line for option in options(at("head"), FACTS, "mae-head.svg")]
    assert lines[0] == "mae-head.svg"
    assert f"aligned mae-head{AAAM}.csv" in lines
    assert options(at("head"), FACTS, lines[-1]) == options(at("head"), FACTS, "mae-head.svg")
    assert not any("aligned" in option.line for option in options(at("layer"), FACTS, "mae-layer.svg"))


@pytest.mark.parametrize("keys", [(), ("enter", "X"), ("enter", "T"), ("enter", "U"), ("enter", "R")])
def test_pages_without_numbers_say_so(walker, keys):
    walker.press(*keys)
    with pytest.raises(VitscopeError, match=r"S keeps a picture|nothing to write"):
        views(walker)


@pytest.mark.parametrize("keys", ["", "v", "vv", "D", "L", "I", "enter", "/"])
@pytest.mark.parametrize("suffix", [".csv", ".json", ".npy", ".svg"])
def test_every_page_with_numbers_can_be_written(walker, keys, suffix):
    walker.press("enter", *([keys] if keys in {"enter"} else keys))
    walker.press("escape") if walker.state.prompt else None
    assert content(views(walker), suffix)


def test_an_array_of_several_models_is_refused_in_the_words_of_the_browser(walker):
    walker.press("enter")
    with pytest.raises(VitscopeError, match=r"this page has 2: \.csv and \.json") as refused:
        content(views(walker) * 2, ".npy")
    assert "--" not in str(refused.value)


def test_names_are_proposed_and_tab_goes_through_the_suffixes():
    facts = FACTS
    state = pressed(at("head"), "e", facts)
    assert state.prompt.text == "mae-head-layer2-head2.svg"
    seen = []
    for _ in SUFFIXES:
        state = pressed(state, "tab", facts)
        seen.append(state.prompt.text.rpartition(".")[2])
    assert sorted(seen) == sorted(suffix[1:] for suffix in SUFFIXES)
    assert pressed(state, "enter", facts).asked == ("export", state.prompt.text)


def test_files_are_not_replaced_unless_asked(tmp_path):
    file = tmp_path / "a.csv"
    assert target(str(file)) == file
    file.write_text("mine")
    with pytest.raises(VitscopeError, match="there already"):
        target(str(file))
    assert target(f"{file}!") == file
    assert target(f"aligned {tmp_path / 'b.csv'}") == tmp_path / "b.csv"
    for name, says in [("a.pdf", "should end with"), ("no/where.csv", "no folder")]:
        with pytest.raises(VitscopeError, match=says):
            target(str(tmp_path / name))


async def test_from_the_key_to_the_file(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = Browser(cache, State(), "256")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "enter", "e", "ctrl+e", *["backspace"] * 3, *"json", "enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert "written to" in page(pilot)
        stored = json.loads((tmp_path / "small-overview.json").read_text())
        assert stored["view"] == "distance"
        await press(pilot, "e", "ctrl+e", *["backspace"] * 3, *"json", "enter")
        assert "there already" in page(pilot)
        assert app.state.prompt is not None
        await press(pilot, "escape", "S")
        await pilot.app.workers.wait_for_complete()
        await press(pilot, "S")
        await pilot.app.workers.wait_for_complete()
        await press(pilot, "Y")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
    pictures = sorted(tmp_path.glob("*.svg"))
    assert [path.name for path in pictures] == [
        "vitscope-small-1-1-overview-2.svg",
        "vitscope-small-1-1-overview.svg",
    ]
    assert "all heads" not in pictures[0].read_text()  # words are texts of their own
    assert ">heads<" in pictures[0].read_text()
    assert (memory.folder() / "copied.txt").read_text().startswith("model,layer,head,distance")


def test_a_curve_says_what_it_was_evaluated_on(tmp_path):
    synthetic.write(tmp_path, model="mae", images=40)
    asked = {"model": "mae", "dataset": "davis-val"}
    evaluated = evaluations.write(tmp_path, "davis", {"jf": (np.ones(3), ("layer",))}, **asked)
    walker = Walker(tmp_path)
    walker.press("enter", "T")
    [view] = views(walker)
    assert (view.dataset, view.images, view.protocol) == ("davis-val", evaluated.images, evaluated.spec.protocol)
    assert view.images != 40


def test_heads_that_were_found_are_written_in_their_order(walker):
    walker.press("enter", "/", *"sort:-distance layer:2", "enter")
    [view] = views(walker)
    rows = list(csv.DictReader(io.StringIO(content([view], ".csv").decode())))
    spots = walker.book.facts(walker.state).found
    assert [row["place"] for row in rows] == [f"small/{spot.layer + 1}/{spot.head + 1}" for spot in spots]
    distances = [float(row["distance"]) for row in rows]
    assert len(rows) == 4
    assert distances == sorted(distances, reverse=True)
    walker.press("/", *" layer:9", "enter")
    with pytest.raises(VitscopeError, match="no head fits"):
        views(walker)
