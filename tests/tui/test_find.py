"""Finding heads: the query as it is typed, the list, the way to a head and back, marks, and likeness."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.derive.aligned import aligned
from vitscope.store.lock import lock
from vitscope.store.reader import Cache
from vitscope.store.writer import Measured, RunWriter
from vitscope.tui import census, searching
from vitscope.tui.exporting import content, plan
from vitscope.tui.finding import Spot
from vitscope.tui.render.surface import UNDERLINE

SIZES = [(40, 12), (80, 24), (120, 40), (200, 50)]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three models over the same images, on grids of 6 × 6, 4 × 4 and 6 × 6 patches, and one over other images."""
    folder = tmp_path_factory.mktemp("three")
    synthetic.write(folder, layers=3, heads=5, grid=(6, 6), model="one", images=3, seed=1)
    synthetic.write(folder, layers=2, heads=5, grid=(4, 4), model="two", images=3, seed=2)
    synthetic.write(folder, layers=3, heads=5, grid=(6, 6), model="three", images=3, prefix=(), seed=3)
    synthetic.write(folder, layers=3, heads=5, grid=(6, 6), model="apart", images=4)
    evaluate(folder, "one", np.arange(45, dtype=np.float32).reshape(3, 3, 5) / 100)
    return folder


def evaluate(folder, model, iou):
    """Write an evaluation of saliency with these numbers, (mode, layer, head)."""
    run = Cache(folder).find(model)
    facts = {name: value for name, value in run.facts.items() if name not in {"format", "sha256"}}
    writer = RunWriter(folder, replace(run.spec, task="saliency", settings={"mass": 0.6}), facts)
    with lock(writer.folder):
        arrays = {"iou": Measured(iou, ("mode", "layer", "head"), "1")}
        writer.put_result("saliency", 1, arrays, 3, {"mode": ["cls", "spatial", "centre"]})


@pytest.fixture
def person(three):
    walker = Walker(three)
    walker.open("one")
    return walker


def typing(walker, text):
    for character in text:
        walker.press("space" if character == " " else character)
    return walker.state


def found(walker):
    run = walker.book.run(walker.state)
    return searching.found(walker.book, walker.state, run)


def model(walker):
    return walker.book.run(walker.state).model


def test_the_list_is_what_an_array_says(person, three):
    distance = np.asarray(Cache(three).find("one").array("distance"), dtype=float)
    person.press("/")
    typing(person, "distance<.3 sort:-distance")
    expected = sorted(((value, place) for place, value in np.ndenumerate(distance) if value < 0.3), reverse=True)
    assert [(spot.layer, spot.head) for spot in found(person).spots] == [place for _, place in expected]
    page = person.page(120, 40)
    assert f"{len(expected)} heads of 15 of one" in page
    value, (layer, head) = expected[0]
    assert re.search(rf"▌ +{layer + 1} +{head + 1} +{value:.3g}", page)


def test_the_list_is_live_and_keeps_the_last_result_while_a_query_is_not_understood(person):
    person.press("/")
    typing(person, "layer:2")
    before = found(person).spots
    assert {spot.layer for spot in before} == {1}
    typing(person, " dist")  # so far it could be a word, that of no head
    assert found(person).spots == before
    typing(person, "<")
    assert "is no term" in person.page(80, 24)
    assert found(person).spots == before
    typing(person, ".9")
    assert person.state.finding.good == "layer:2 dist<.9"
    assert found(person).spots == before
    typing(person, " >1")
    page = " ".join(person.page(80, 24).split())
    assert "'>1' is no term" in page
    assert found(person).spots == before
    assert person.state.finding.good == "layer:2 dist<.9 "
    person.press("enter")
    assert "'>1' is no term" in " ".join(person.page(80, 24).split())


def test_enter_takes_the_query_and_then_the_head_and_esc_leads_back_to_the_list(person):
    person.press("/")
    typing(person, "layer:3 sort:-entropy")
    person.press("enter")
    assert person.state.prompt is None
    person.press("j")
    spot = found(person).spots[1]
    person.press("enter")
    assert (person.state.view, person.state.layer, person.state.head) == ("head", spot.layer, spot.head)
    assert person.press("escape").view == "find"
    assert person.state.finding.at == 1
    assert person.press("escape").view == "overview"
    assert person.press("/").prompt.text == "layer:3 sort:-entropy"


def test_all_models_are_those_of_the_same_images_and_enter_opens_the_right_one(person):
    person.press("/")
    typing(person, "layer:2 head:3")
    person.press("enter", "A")
    models = [person.book.listing.run(spot.run).model for spot in found(person).spots]
    assert models == ["one", "three", "two"]
    assert "3 heads of 40 of 3 models" in person.page(120, 40)
    person.press("G", "enter")
    assert (model(person), person.state.layer, person.state.head) == ("two", 1, 2)
    assert person.press("A").finding.everywhere


def test_every_head_that_is_written_names_its_own_model(person):
    person.press("/")
    typing(person, "layer:2 head:3")
    person.press("enter", "A")
    [view] = plan(person.state, person.book)()
    rows = list(csv.DictReader(io.StringIO(content([view], ".csv").decode())))
    assert [row["model"] for row in rows] == ["one", "three", "two"]
    assert [row["place"] for row in rows] == [f"{row['model']}/2/3" for row in rows]
    assert json.loads(content([view], ".json"))["coords"]["model"] == ["one", "three", "two"]


def test_a_query_that_tells_models_apart_is_one_over_all_of_them(person):
    person.press("/")
    typing(person, "model:t")
    assert {person.book.listing.run(spot.run).model for spot in found(person).spots} == {"two", "three"}
    assert "25 heads of 40 of 3 models" in person.page(80, 24)


def test_n_goes_from_match_to_match_on_every_page_of_heads(person):
    assert "nothing has been searched" in person.press("n").message
    person.press("/")
    typing(person, "head:2 sort:-layer")
    person.press("enter", "escape", "enter")
    assert person.state.view == "head"
    places = []
    for key in ("n", "n", "n", "n", "N"):
        state = person.press(key)
        places.append(state.layer)
        assert state.view == "head"
        assert state.head == 1
    assert places == [2, 1, 0, 2, 0]
    assert "match 3 of 3: head:2" in person.page(80, 24)


def test_matches_are_marked_among_all_heads_until_the_query_is_empty(person):
    def underlined():
        surface = person.surface(80, 24)
        return int(((surface.attr & UNDERLINE) > 0).any(axis=1).sum())

    assert underlined() == 0
    person.press("/")
    typing(person, "layer:2 head:1-2")
    person.press("enter", "escape")
    assert searching.matches(person.book, person.state, person.book.run(person.state)) == {(1, 0), (1, 1)}
    assert 1 <= underlined() <= 2
    for depth in ("256", "mono"):
        assert ((person.surface(40, 12, depth).attr & UNDERLINE) > 0).any()
    person.press("/", "ctrl+u", "enter", "escape")
    assert underlined() == 0
    person.press("/")
    typing(person, "sort:distance")
    person.press("enter", "escape")
    assert underlined() == 0  # an order leaves nothing out


def test_queries_are_remembered(person):
    for query in ("head:1", "head:2"):
        person.press("/", "ctrl+u")
        typing(person, query)
        person.press("enter")
    person.press("/", "up", "up")
    assert person.state.prompt.text == "head:1"
    assert {spot.head for spot in found(person).spots} == {0}
    assert person.state.finding.history == ("head:1", "head:2")


def test_numbers_of_an_evaluation_are_numbers_of_heads(person):
    person.press("/")
    typing(person, "iou>.12 sort:-iou")
    assert [(spot.layer, spot.head) for spot in found(person).spots] == [(2, 4), (2, 3)]
    assert re.search(r"▌ +3 +5 +0.140", person.page(120, 40))
    person.press("ctrl+u")
    typing(person, "iou-centre<.31")
    assert [(spot.layer, spot.head) for spot in found(person).spots] == [(0, 0)]
    assert "iou-spatial" in searching.searchable(found(person))


def test_more_like_this_ranks_all_models_by_the_overlap_of_their_maps(person, three):
    person.press("l", "l", "f")
    first = person.state.finding.like
    assert first == Spot(person.state.run, 0, 2)
    brought = found(person)
    assert brought.spots[0] == first
    values = brought.heads.numbers["similarity"][brought.rows]
    assert values[0] == pytest.approx(1, abs=1e-5)
    assert (np.diff(values) <= 1e-12).all()
    assert len(values) == 40
    page = person.page(120, 40)
    assert "more like this" in page
    assert "AAAM like one layer 1 head 3" in page
    maps = []  # on the same grid the common cells are the cells themselves, up to how they are shared out
    for name, (layer, head) in (("one", (0, 2)), ("three", (0, 2)), ("three", (0, 0))):
        run = Cache(three).find(name)
        canvas = np.asarray(aligned(run.array("spatial-attention")[layer : layer + 1], run.geometry))[0, head]
        maps.append(canvas / canvas.sum())
    near, far = (float(np.sqrt(maps[0] * other).sum()) for other in maps[1:])
    assert near > far
    order = [(person.book.listing.run(spot.run).model, spot.layer, spot.head) for spot in brought.spots]
    assert order.index(("three", 0, 2)) < order.index(("three", 0, 0))


def test_likeness_can_be_narrowed_down_and_asked_again(person):
    person.press("f", "/")
    typing(person, "model:two layer:2")
    person.press("enter")
    assert len(found(person).spots) == 5
    assert person.state.finding.like is not None
    second = found(person).spots[1]
    person.press("j", "f")
    assert person.state.finding.like == second
    assert found(person).spots[0] == second
    assert person.press("escape").view == "overview"
    assert person.press("/").finding.like is None
    assert person.state.prompt.text == "model:two layer:2"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("depth", ["256", "mono"])
def test_the_page_at_every_size(person, size, depth):
    person.press("/")
    typing(person, "sort:-distance")
    for keys_ in ((), ("enter",), ("A",), ("f",)):
        person.press(*keys_)
        page = person.page(*size, depth).splitlines()
        assert len(page) == size[1]
        assert all(len(line) <= size[0] for line in page)
        assert sum(line.startswith(("▌", " ▌", "  ▌")) for line in page) == 1
        assert re.search(r"0\.\d\d|1\.00", "\n".join(page[3:]))
    assert ("aligned (AAAM)" in "\n".join(page)) == (size[0] >= 80)


def test_the_cursor_is_always_on_the_page(person):
    person.press("/", "enter", "A")
    for key in ("G", "g", "ctrl+d", "pagedown", "ctrl+d", "ctrl+d", "ctrl+u", "k"):
        person.press(key)
        assert sum("▌" in line for line in person.page(80, 24).splitlines()) == 1


def test_nothing_fits(person):
    person.press("/")
    typing(person, "distance>9")
    page = person.page(80, 24)
    assert "0 heads of 15" in page
    assert "No head fits. A searches all models." in page
    person.press("enter", "j", "enter", "f")
    assert person.state.view == "find"
    assert person.press("escape", "n").message == "no head fits"


def test_without_numbers_the_page_says_that_they_are_read(three):
    walker = Walker(three)
    walker.press("enter")
    walker.book.items.clear()
    walker.state = replace(walker.state, trail=("runs", "overview", "find"))
    assert "reading the numbers" in walker.page(80, 24)


def test_models_alone_say_so(tmp_path):
    synthetic.write(tmp_path, layers=1, heads=2, grid=(3, 3))
    walker = Walker(tmp_path)
    walker.press("enter", "/", "enter")
    assert "no other model" in walker.press("A").message


LETTERS = [*"lahd:<>=.-|0123 ", "enter", "escape", "backspace", "up", "down", "/", "n", "N", "f", "A", "j", "k", "G"]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(walk=st.lists(st.sampled_from(LETTERS), max_size=40))
def test_no_walk_breaks_the_page(three, walk):
    walker = Walker(three)
    walker.press("enter", "/")
    for key in walk:
        walker.press("space" if key == " " else key)
        if walker.state.view == "runs":
            walker.press("enter")
        assert len(walker.page(80, 24).splitlines()) == 24


def test_the_table_of_heads_is_made_once(person, monkeypatch):
    person.press("/", "enter", "A")
    found(person)
    made = []
    monkeypatch.setattr(census, "_table", lambda known: made.append(known.run.model))
    first = found(person)
    person.press("/")
    typing(person, "layer:2")
    assert found(person) is found(person)
    assert len(found(person).spots) < len(first.spots)
    assert made == []
