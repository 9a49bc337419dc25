"""Start: opens the browser where it was left or is told to, and sees to what remains of it when it ends."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vitscope import config
from vitscope.errors import VitscopeError
from vitscope.tui import colors, keys, memory
from vitscope.tui.bindings import BINDINGS, Binding
from vitscope.tui.crash import report
from vitscope.tui.keymap import remapped
from vitscope.tui.palettes import RAMPS
from vitscope.tui.place import spelled, starting
from vitscope.tui.state import State
from vitscope.tui.terminal import settings


def browse(
    cache: Path,
    place: str | None = None,
    *,
    light: bool | None = None,
    fresh: bool = False,
    mouse: bool | None = None,
) -> None:
    """Open the browser over `cache`, at `place` if there is one (see `place`), else where it was left the last time.

    `light` chooses the theme; None: what the environment says. `fresh` starts at the list of runs. `mouse`: whether it
    takes clicks, which the terminal would use to select text; None: as the settings say, else yes. Never returns:
    raises SystemExit with 0, 1 after a crash, 130 after ctrl+c, 128 + n after signal n. Raises VitscopeError before the
    screen is touched when there is no such place, or for colours or keys that make no sense.
    """
    colors.check(os.environ)
    keys.use(own_keys())
    usual = colors.is_light(os.environ) if light is None else light
    state = replace(starting(cache, place), light=usual)
    if place is None and not fresh:
        state = left(cache, state)
        state = state if light is None else replace(state, light=light)
    state = replace(state, queries=memory.queries())
    saved = state.queries
    clicks = config.get("mouse") != "off" if mouse is None else mouse
    os.environ |= settings(os.environ)
    from vitscope.tui.app import Browser  # noqa: PLC0415 (which imports Textual)

    browser = Browser(cache, state, colors.detect(os.environ))
    browser.run(mouse=clicks)
    state = browser.state
    memory.keep_queries(saved, state.queries)
    if browser.crash is not None:
        about = f"at {spelled(state, browser.book.known())}, {browser.size.width} × {browser.size.height}"
        memory.remember(cache, memory.Memory("@runs", state.palette))  # the next start is not led into the same crash
        sys.stderr.write(f"vitscope: {report(browser.crash, about)}\n")
        raise SystemExit(1)
    if browser.book.listing is not None:
        chosen = None if state.light == usual else state.light
        memory.remember(cache, memory.Memory(spelled(state, browser.book.known()), state.palette, chosen))
    raise SystemExit(browser.return_code or 0)


def own_keys() -> tuple[Binding, ...]:
    """The bindings with the keys of the user's settings; ConfigError."""
    if not config.path().exists():
        return BINDINGS
    return remapped(BINDINGS, config.keys(), config.line)


def left(cache: Path, state: State) -> State:
    """`state` where the cache was left the last time; as it is where that cannot be found any more."""
    found = memory.recall(cache)
    if found is None:
        return state
    with suppress(VitscopeError):
        state = replace(starting(cache, found.place), light=state.light)
    palette = found.palette if found.palette in RAMPS else state.palette
    return replace(state, palette=palette, light=state.light if found.light is None else found.light)
