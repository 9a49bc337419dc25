"""Random walks: keys, texts and sizes of every kind, over a cache with one of everything, and nothing breaks.

`pytest -m long tests/tui/test_walks.py` presses more than 10,000 keys; `--hypothesis-seed=N` others.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tui import invariants, zoo
from tests.tui.test_app import settled
from tests.tui.walker import Walker
from vitscope.tui.app import Browser
from vitscope.tui.bindings import BINDINGS
from vitscope.tui.place import starting
from vitscope.tui.prompt import inserted
from vitscope.tui.widgets.canvas import Canvas

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


async def driven(cache: Path, seed: int, count: int) -> None:
    """Press keys in the application, faster than it reads; files are read in threads, and pages drawn when they may."""
    rng = random.Random(seed)
    app = Browser(cache, starting(cache, None), "256")
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(count):
            if rng.random() < 0.1:
                await pilot.resize_terminal(rng.randint(40, 220), rng.randint(12, 60))
            pressed = list(rng.choice(TEXTS)) if app.state.prompt and rng.random() < 0.5 else [rng.choice(KEYS)]
            for name in pressed:
                app.action_key("space" if name == " " else name)
            if rng.random() < 0.5:
                await pilot.pause(0)
        app.live.close()
        await settled(pilot)
        watcher = Walker(cache)
        watcher.book, watcher.state = app.book, app.state
        invariants.check(watcher)
        assert app.query_one(Canvas).size == app.size
    assert app.crash is None


async def test_no_walk_breaks_the_application(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    await driven(cache, 0, 100)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 6))
async def test_no_long_walk_breaks_the_application(cache, tmp_path, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    await driven(cache, seed, 1000)
