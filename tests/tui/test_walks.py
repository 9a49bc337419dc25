"""Random walks: keys, texts and sizes of every kind, over a cache with one of everything, and nothing breaks.

`pytest -m long tests/tui/test_walks.py` presses 10,000 keys; `--hypothesis-seed=N` others.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tui import invariants, zoo
from tests.tui.walker import Walker
from vitscope.tui.bindings import BINDINGS
from vitscope.tui.prompt import inserted

LEAVING = {"q", "ctrl+c"}
KEYS = sorted(
    {key for binding in BINDINGS for key in binding.keys} - LEAVING | {"z", "f5", "tab", "shift+tab", "delete"}
)
TEXTS = (
    "tag:offset layer:>=2 distance<.4", "sort:-entropy", "model:deep | -tag:global", "distance<", "((", "head:1",
    "goto deep/4/2@cka?with=whole", "goto bare@models", "goto @runs", "view results", "view image", "palette",
    "number iou", "theme light", "export no/such/folder/x.svg", "next-head", "quit!", "help",
)  # fmt: skip
PURPOSES = ("/", ":", "o", "e")

key = st.sampled_from(KEYS).map(lambda name: ("key", name))
size = st.tuples(st.integers(40, 220), st.integers(12, 60)).map(lambda shape: ("size", shape))
typed = st.tuples(
    st.sampled_from(PURPOSES),
    st.one_of(st.sampled_from(TEXTS), st.text(max_size=12)),
    st.sampled_from(["enter", "escape", "tab", ""]),
).map(lambda line: ("text", line))
step = st.one_of(key, key, key, key, key, key, size, typed)


def presses(step) -> list[str]:
    """The keys of a step; text is typed letter by letter."""
    kind, what = step
    if kind == "key":
        return [what]
    purpose, text, end = what
    return [purpose, *text, *[end] * bool(end)]


def walk(cache: Path, steps: list[tuple[str, object]]) -> None:
    """Press keys on the pure state; after each, all that must be true is, and the page can be drawn."""
    walker, shape = Walker(cache), (80, 24)
    walker.press("enter")
    for number, each in enumerate(steps):
        if each[0] == "size":
            shape = each[1]
        else:
            for name in presses(each):
                walker.press(name)
                walker.state = replace(walker.state, quit=None, asked=None)
        if walker.state.prompt is not None and number % 5 == 0:
            walker.state = replace(walker.state, prompt=inserted(walker.state.prompt, "pasted\n\x1b[2J"))
        invariants.check(walker)
        depth = ("256", "truecolor", "16", "mono")[number % 4]
        surface = walker.surface(*shape, depth)
        assert surface.char.shape == shape[::-1]


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return zoo.write(tmp_path_factory.mktemp("zoo"))


def steps(count: int) -> st.SearchStrategy:
    return st.lists(step, min_size=count, max_size=count)


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(steps(30))
def test_no_walk_breaks_anything(cache, steps):
    walk(cache, steps)


@pytest.mark.long
@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(steps(100))
def test_no_walk_of_ten_thousand_keys_breaks_anything(cache, steps):
    walk(cache, steps)
