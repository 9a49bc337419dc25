"""Every binding on every page where it holds: it does something, leads to a place that exists, and can be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui import invariants, zoo
from tests.tui.test_screens import WAYS
from tests.tui.walker import Walker
from vitscope.tui.bindings import BINDINGS, EVERYWHERE, Binding
from vitscope.tui.state import State, View

SIZES = [(40, 12), (120, 40)]
BEFORE = ((), (".",), ("J",), ("j",), ("l",), ("G",), ("$",), ("c",), ("m",), ("h",), ("f", "escape"), ("P", "D"))
"""Keys pressed before, since a step to the left does nothing at the left edge."""
LEAVES = {"quit": 0, "interrupt": None}
SAID = {"message", "leaving"}  # of a state, what is no place and no way of looking


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return zoo.write(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def books(cache) -> dict[View, Walker]:
    """Somebody on every page, in the middle of the model "whole"."""
    found = {}
    for view in EVERYWHERE:
        found[view] = Walker(cache)
        found[view].press(*WAYS[view])
        assert found[view].state.view == view
    return found


def pressed(walker: Walker, start: State, keys: tuple[str, ...], key: str) -> tuple[State, State]:
    """The states before and after a key that is pressed after others."""
    walker.state = start
    walker.press(*keys)
    walker.state = before = replace(walker.state, message="")
    return before, walker.press(key)


def outcomes(walker: Walker, view: View, binding: Binding) -> Iterator[tuple[State, State]]:
    """What each key of a binding does, and what its first key does from other places of the page."""
    start = walker.state
    for key in binding.keys:
        yield pressed(walker, start, (), key)
    for keys in BEFORE[1:]:
        walker.state = start
        if walker.press(*keys).view == view:
            yield pressed(walker, start, keys, binding.keys[0])
    walker.state = start


def differ(before: State, after: State) -> bool:
    """Whether anything but what is said has changed."""
    said = dict.fromkeys(SAID, "")
    return replace(before, **said) != replace(after, **said)


@pytest.mark.parametrize("view", EVERYWHERE)
def test_every_key_does_something_that_can_be_drawn(books, view):
    walker = books[view]
    useless = []
    for binding in BINDINGS:
        if view not in binding.views:
            continue
        start, useful = walker.state, False
        for number, (before, after) in enumerate(outcomes(walker, view, binding)):
            assert after.quit == (LEAVES.get(binding.name) if binding.name in LEAVES else None), binding.name
            invariants.check(walker)
            useful = useful or differ(before, after) or bool(after.message) or after.leaving
            if number == 0:
                for size in SIZES:
                    assert walker.surface(*size).char.shape == size[::-1]
        walker.state = start
        if not useful and binding.name != view:  # the key of the page that one is on
            useless.append(binding.name)
    assert useless == []


@pytest.mark.parametrize("view", EVERYWHERE)
def test_every_page_is_drawn_before_anything_has_been_read(cache, view):
    walker = Walker(cache)
    walker.press(*WAYS[view])
    for keys in ((), ("s",), ("d",), ("A",), ("u",)):
        walker.press(*keys)
        walker.book.items.clear()
        for size in (*SIZES, (80, 24), (200, 50)):
            assert walker.surface(*size).char.shape == size[::-1]


@pytest.mark.parametrize("view", EVERYWHERE)
def test_a_key_that_means_nothing_changes_nothing(books, view):
    walker = books[view]
    taken = {key for binding in BINDINGS if view in binding.views for key in binding.keys}
    every = {key for binding in BINDINGS for key in binding.keys} | {"f5", "z", "Z", "ctrl+q", "ctrl+z", "tab"}
    start = replace(walker.state, message="")
    for key in every - taken:
        after = pressed(walker, start, (), key)[1]
        assert replace(after, message="") == start
        assert bool(after.message) is (key in {key for binding in BINDINGS for key in binding.keys})
    walker.state = start
