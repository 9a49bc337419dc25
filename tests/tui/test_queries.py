"""Saved queries: kept under names, searched with again, offered by Tab, and there at the next start."""

from __future__ import annotations

import json

import pytest

from tests.tui.walker import Walker
from vitscope.tui import memory, start
from vitscope.tui.finding import Finding
from vitscope.tui.keys import press
from vitscope.tui.queries import options
from vitscope.tui.state import Facts, State


@pytest.fixture
def person(cache):
    walker = Walker(cache)
    walker.press("enter")
    return walker


def typing(walker, text):
    walker.press(*("space" if letter == " " else letter for letter in text))
    return walker.state


def command(walker, text):
    walker.press(":")
    typing(walker, text)
    return walker.press("enter")


def test_a_query_is_saved_searched_with_and_forgotten(person):
    person.press("/")
    typing(person, "layer:2 sort:-distance")
    person.press("enter", "escape")
    assert command(person, "save deep").queries == (("deep", "layer:2 sort:-distance"),)
    assert "saved as deep" in person.state.message
    person.press("/", "ctrl+u", "enter", "escape")
    state = command(person, "search de")
    assert (state.view, state.finding.good) == ("find", "layer:2 sort:-distance")
    assert {spot.layer for spot in person.book.facts(state).found} == {1}
    assert state.finding.history[-1] == "layer:2 sort:-distance"
    assert command(person, "forget deep").queries == ()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("save two words", "is no name for a query"),
        ("save " + "x" * 41, "at most 40 letters"),
        ("search nothing", "no query is called 'nothing'; there are: far"),
        ("forget f", "f is forgotten"),
    ],
)
def test_what_cannot_be_done_is_said(person, line, sentence):
    person.press("/")
    typing(person, "distance>.3")
    person.press("enter", "escape")
    command(person, "save far")
    sentence = sentence.replace("f is", "far is")
    assert sentence in command(person, line).message


def test_without_a_query_there_is_nothing_to_save(person):
    assert "no query yet" in command(person, "save nothing").message


def test_tab_offers_saved_queries_then_numbers_tags_and_orders(person):
    person.press("/")
    typing(person, "head:2")
    person.press("enter", "escape")
    command(person, "save second")
    person.press("/", "ctrl+u", *"sec", "tab")
    assert person.state.prompt.text == "head:2"
    assert person.state.finding.good == "head:2"  # the list follows Tab as it follows letters
    person.press("ctrl+u", *"dist", "tab")
    assert person.state.prompt.text == "distance"
    typing(person, "<.3 -ta")
    person.press("tab")
    assert person.state.prompt.text == "distance<.3 -tag:"
    assert "strict-local" not in person.page(80, 24).splitlines()[-6]
    person.press("tab")
    assert person.state.prompt.text == "distance<.3 -tag:strict-local"
    page = person.page(80, 24)
    assert "-tag:offset-local" in page
    assert "heads with this tag" in page
    typing(person, " sort:-ent")
    person.press("tab")
    assert person.state.prompt.text.endswith("sort:-entropy")


def test_an_empty_line_is_offered_everything_that_can_begin_a_query():
    state = State(queries=(("a", "sink"), ("b", "iou>.5")))
    lines = [line for line, _ in options(state, Facts(searchable=("distance",)), "")]
    assert lines == ["sink", "iou>.5", "layer", "head", "distance", "tag:", "model:", "sort:"]


def test_queries_outlive_a_change_of_place(person):
    person.state = State(queries=(("a", "sink"),), finding=Finding(), trail=person.state.trail, run=person.state.run)
    assert command(person, "goto small/2/2").queries == (("a", "sink"),)
    assert press(person.state, "`", person.book.facts(person.state)).queries == (("a", "sink"),)


def test_queries_are_kept_beside_places_and_those_of_others_too(tmp_path):
    memory.remember(tmp_path, memory.Memory("mae/1/1@head"))
    memory.keep_queries((), (("a", "sink"), ("b", "iou>.5")))
    memory.keep_queries((), (("c", "layer:1"),))  # another browser, which began before these were saved
    memory.keep_queries((("a", "sink"), ("b", "iou>.5")), (("b", "iou>.6"),))
    assert memory.queries() == (("b", "iou>.6"), ("c", "layer:1"))
    assert memory.recall(tmp_path).place == "mae/1/1@head"
    memory.remember(tmp_path, memory.Memory("mae/1/2@head"))
    assert memory.queries() == (("b", "iou>.6"), ("c", "layer:1"))


@pytest.mark.parametrize("stored", [[], {"a": 3}, {"a": "\x1b[2J"}, {"\x07": "sink"}])
def test_queries_that_make_no_sense_are_passed_over(stored):
    memory.keep_queries((), (("a", "sink"),))
    file = memory.folder() / "browser.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"queries": stored}))
    assert memory.queries() == ()
    memory.keep_queries(memory.queries(), ())


def test_the_browser_starts_with_them_and_keeps_them_at_its_end(cache, monkeypatch):
    memory.keep_queries((), (("a", "sink"),))
    seen = []

    class Stub:
        """Saves a query instead of being looked at."""

        crash, return_code = None, 0

        def __init__(self, _cache, state, _depth):
            seen.append(state.queries)
            self.state = State(queries=(*state.queries, ("b", "iou>.5")))
            self.book = type("Book", (), {"listing": None})()

        def run(self, *, mouse):
            assert mouse in {True, False}

    monkeypatch.setattr("vitscope.tui.app.Browser", Stub)
    with pytest.raises(SystemExit):
        start.browse(cache)
    assert seen == [(("a", "sink"),)]
    assert memory.queries() == (("a", "sink"), ("b", "iou>.5"))
