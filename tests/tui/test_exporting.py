"""What is written of a page, and what is not."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from tests.tui.test_app import page, press, settled
from tests.tui.test_keys import FACTS, at
from tests.tui.walker import Walker
from vitscope.errors import VitscopeError
from vitscope.tui import memory
from vitscope.tui.app import Browser
from vitscope.tui.exporting import SUFFIXES, content, plan, target
from vitscope.tui.keys import press as pressed
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


@pytest.mark.parametrize("page", ["head", "layer", "image", "models"])
def test_attention_received_is_written_as_it_is_drawn(walker, page):
    walker.press("enter", "enter", "space", "r", *{"layer": "L", "image": "i", "models": "="}.get(page, ""))
    run, state = walker.book.run(walker.state), walker.state
    maps = walker.book.maps(state, run, image=state.image if page == "image" else None)
    every = {view.model: view for view in views(walker)}
    shown = maps.patches[state.layer] if page in {"layer", "models"} else maps.patches[state.layer, state.head]
    np.testing.assert_allclose(every[run.model].values, shown, rtol=1e-6)
    assert "to patch" in every[run.model].title


@pytest.mark.parametrize("keys", [(), ("enter", "X"), ("enter", "T"), ("enter", "U"), ("enter", "R")])
def test_pages_without_numbers_say_so(walker, keys):
    walker.press(*keys)
    with pytest.raises(VitscopeError, match=r"S keeps a picture|nothing to write"):
        views(walker)


@pytest.mark.parametrize("keys", ["", "v", "vv", "D", "L", "enter", "/"])
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
