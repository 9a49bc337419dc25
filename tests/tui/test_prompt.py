"""The line that is typed into."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitscope.tui import keys
from vitscope.tui.prompt import Prompt, inserted, prompt, remembered, typed
from vitscope.tui.state import Facts, State

NAMED = (
    *("left", "right", "home", "end", "backspace", "delete", "up", "down"),
    *("ctrl+u", "ctrl+w", "ctrl+a", "ctrl+e", "f5", "space"),
)


def test_letters_go_where_the_cursor_is():
    line = prompt("find", "ac")
    for key in ("left", "b", "space"):
        line = typed(line, key)
    assert (line.text, line.at) == ("ab c", 3)


def test_what_is_pasted_after_tab_is_what_tab_goes_on_with():
    line = inserted(replace(prompt("command", "goto small"), stem="goto s"), "er")
    assert (line.text, line.stem) == ("goto smaller", None)


@pytest.mark.parametrize(
    ("key", "text", "at"),
    [
        ("backspace", "one tw three", 6),
        ("delete", "one twothree", 7),
        ("ctrl+u", " three", 0),
        ("ctrl+w", "one  three", 4),
    ],
)
def test_what_is_taken_away(key, text, at):
    line = Prompt("find", "one two three", 7)
    assert typed(line, key) == Prompt("find", text, at)


def test_a_pasted_path_loses_its_line_break_and_control_characters():
    assert inserted(prompt("open"), "/photos/a b.png\n\x1b[31m").text == "/photos/a b.png [31m"


@given(st.lists(st.one_of(st.sampled_from(NAMED), st.characters(min_codepoint=32, max_codepoint=0x2FF)), max_size=60))
def test_the_cursor_never_leaves_the_line_and_nothing_unprintable_enters(pressed):
    line = prompt("command", "start", ("one", "two"))
    for key in pressed:
        line = typed(line, key)
        assert 0 <= line.at <= len(line.text)
        assert line.text.isprintable()


def test_escape_leaves_and_enter_hands_the_text_on(monkeypatch):
    taken = []

    def take(state, facts, text):
        taken.append(text)
        return state

    monkeypatch.setitem(keys.TAKE, "open", take)
    typing = State(prompt=prompt("open", "x"))
    assert keys.press(typing, "escape", Facts()).prompt is None
    assert taken == []
    assert keys.press(keys.press(typing, "y", Facts()), "enter", Facts()).prompt is None
    assert taken == ["xy"]


def test_keys_that_mean_something_elsewhere_are_only_letters_here():
    assert keys.press(State(prompt=prompt("find")), "q", Facts()).quit is None


def test_up_and_down_walk_the_lines_taken_before():
    line = prompt("find", "half typ", ("first", "second"))
    seen = []
    for key in ("up", "up", "up", "down", "down", "down"):
        line = typed(line, key)
        seen.append((line.text, line.at))
    assert [text for text, _ in seen] == ["second", "first", "first", "second", "", ""]
    assert all(at == len(text) for text, at in seen)
    assert typed(prompt("find", "kept"), "up").text == "kept"


def test_a_line_is_remembered_once_and_blank_ones_are_not():
    assert remembered(remembered(("a", "b", "c"), "b"), "  ") == ("a", "c", "b")
