"""The command line: what can be typed, what Tab makes of it, what a line does. And the way to the last place."""

from __future__ import annotations

import pytest

from tests.tui.test_keys import FACTS, TRAILS, G, at
from vitscope.tui.bindings import BINDINGS, EVERYWHERE
from vitscope.tui.command import COMMANDS
from vitscope.tui.keys import options, press
from vitscope.tui.state import Facts, Known, State

KNOWN = (Known("r", "mae", G, 3), Known("s", "dino", G, 0))


def facts(**fields) -> Facts:
    from dataclasses import replace

    return replace(FACTS, known=KNOWN, **fields)


def typed(state: State, line: str, *keys: str) -> State:
    for key in (":", *line, *keys):
        state = press(state, key, facts())
    return state


@pytest.mark.parametrize("view", EVERYWHERE)
def test_every_binding_of_a_page_is_a_command(view):
    for binding in BINDINGS:
        if view in binding.views and binding.name not in {"command", "quit", "interrupt"}:
            after = typed(at(view), binding.name, "enter")
            assert after.prompt is None or after.prompt.purpose != "command" or binding.name in COMMANDS
            if binding.name not in COMMANDS:
                assert not after.message.startswith("no command")


def test_a_name_does_what_its_key_does():
    key, name = press(at("head"), "J", facts()), typed(at("head"), "next-layer", "enter")
    assert (name.layer, name.trail, name.prompt) == (key.layer, key.trail, None)
    assert typed(at("head"), "copy-place", "enter").asked == ("copy-place", "")


def test_commands_with_a_word():
    assert typed(at("head"), "palette cividis", "enter").palette == "cividis"
    assert typed(at("head"), "theme l", "enter").light
    assert typed(at("head"), "view cka", "enter").trail == TRAILS["cka"]
    assert typed(at("overview"), "number entropy", "enter").quantity == "entropy"
    there = typed(at("image"), "goto dino/3/2@head?q=4,5", "enter")
    assert (there.run, there.layer, there.head, there.patch, there.view) == ("s", 2, 1, (3, 4), "head")
    assert press(there, "`", facts()).view == "image"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("goto mae/9", "no layer 9"),
        ("goto nobody", "no model is called 'nobody'"),
        ("palette mauve", "no palette is called"),
        ("view", "view what? runs"),
        ("next-lair", "did you mean next-layer"),
        ("run-down", "not for this page, but for runs"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_the_line_stays(line, says):
    after = typed(at("head"), line, "enter")
    assert says in after.message
    assert after.prompt is not None
    assert after.prompt.text == line
    assert after.trail == TRAILS["head"]
    assert press(after, "x", facts()).message == ""


def test_tab_completes_and_goes_through_what_fits():
    state = typed(at("head"), "pal", "tab")
    assert state.prompt.text == "palette "
    assert press(state, "tab", facts()).prompt.text == "palette inferno"
    state = typed(at("head"), "palette ci", "tab")
    assert state.prompt.text == "palette cividis"
    assert press(state, "enter", facts()).palette == "cividis"
    first = typed(at("head"), "next-", "tab")
    second = press(first, "tab", facts())
    assert first.prompt.text != second.prompt.text
    assert press(second, "shift+tab", facts()).prompt.text == first.prompt.text
    assert press(typed(at("head"), "zzz"), "tab", facts()).prompt.text == "zzz"


def test_options_begin_with_what_was_typed_before_they_hold_it():
    lines = [option.line for option in options(at("head"), facts(), "layer")]
    assert lines.index("layer") < lines.index("next-layer")
    assert options(at("head"), facts(), "goto d")[0].line == "goto dino/1/1@overview"
    assert options(at("head"), facts(), "nothing here") == []


def test_lines_are_remembered():
    state = typed(typed(at("head"), "palette cividis", "enter"), "theme light", "enter")
    assert press(press(state, ":", facts()), "up", facts()).prompt.text == "theme light"


def test_backtick_goes_to_the_last_page_and_back():
    assert "no place before" in press(at("head"), "`", facts()).message
    state = press(press(at("head", layer=2), "D", facts()), "k", facts())
    back = press(state, "`", facts())
    assert (back.view, back.layer) == ("head", 2)
    again = press(back, "`", facts())
    assert (again.view, again.layer) == ("distance", 1)
    assert again.last.last is None
    assert press(press(again, "P", facts()), "`", facts()).palette != again.palette


def test_after_a_jump_backtick_leads_back():
    state = press(at("head", layer=2), "D", facts())
    jumped = typed(state, "goto dino/1/1", "enter")
    assert (jumped.view, jumped.last.view) == ("head", "distance")
    assert press(jumped, "`", facts()).view == "distance"


def test_tags_have_no_place_on_the_plot():
    assert typed(at("distance"), "number tag", "enter").quantity == "distance"
    assert typed(at("overview", quantity="tag"), "view distance", "enter").quantity == "distance"


def test_from_the_runs_into_the_run_under_the_cursor():
    state = press(State(cursor=1), "enter", facts())
    assert (state.run, state.view) == ("s", "overview")
    assert press(state, "`", facts()).view == "runs"
