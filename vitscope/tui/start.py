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

    `light` chooses the theme; None: as it was left, else what the environment says. `fresh` starts at the list of runs.
    `mouse`: whether it takes clicks, which the terminal would use to select text; None: as the settings say, else yes.
    Never returns: raises SystemExit with 0, 1 after a crash, 130 after ctrl+c, 128 + n after signal n. Raises
    VitscopeError before the screen is touched when there is no such place, or for colours or keys that make no sense.
    """
    colors.check(os.environ)
    keys.use(own_keys())
    left, saved = memory.recall(cache) or memory.Memory("@runs"), memory.queries()
    began = replace(begun(cache, place, left, light=light, fresh=fresh), queries=saved)
    clicks = config.get("mouse") != "off" if mouse is None else mouse
    os.environ |= settings(os.environ)
    from vitscope.tui.app import Browser  # noqa: PLC0415 (which imports Textual)

    browser = Browser(cache, began, colors.detect(os.environ))
    browser.run(mouse=clicks)
    state = browser.state
    memory.keep_queries(saved, state.queries)
    chosen = None if state.light == colors.is_light(os.environ) else state.light
    chosen = left.light if state.light == began.light else chosen
    if browser.crash is not None:
        about = f"at {spelled(state, browser.book.known())}, {browser.size.width} × {browser.size.height}"
        memory.remember(cache, memory.Memory("@runs", state.palette, chosen))  # not led into the same crash again
        sys.stderr.write(f"vitscope: {report(browser.crash, about)}\n")
        raise SystemExit(1)
    if browser.book.listing is not None:
        memory.remember(cache, memory.Memory(spelled(state, browser.book.known()), state.palette, chosen))
    raise SystemExit(browser.return_code or 0)


def begun(cache: Path, place: str | None, left: memory.Memory, *, light: bool | None = None, fresh: bool) -> State:
    """The state to start with: at `place`, else where it was left unless `fresh`, in the colours that it was left in.

    Raises VitscopeError for a place that is not there; one that was left may be gone.
    """
    state = starting(cache, place)
    if place is None and not fresh:
        with suppress(VitscopeError):
            state = starting(cache, left.place)
    theme = next(theme for theme in (light, left.light, colors.is_light(os.environ)) if theme is not None)
    return replace(state, light=theme, palette=left.palette if left.palette in RAMPS else state.palette)


def own_keys() -> tuple[Binding, ...]:
    """The bindings with the keys of the user's settings; ConfigError."""
    if not config.path().exists():
        return BINDINGS
    return remapped(BINDINGS, config.keys(), config.line)
