"""The browser without a terminal: the same application, keys from a line of text, and the last page as a file."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from vitscope.errors import StoreError, ViewError
from vitscope.store.files import atomic
from vitscope.store.text import printable, shown
from vitscope.tui import colors, keys
from vitscope.tui.app import Browser
from vitscope.tui.colors import Depth
from vitscope.tui.place import starting
from vitscope.tui.render.surface import Surface
from vitscope.tui.render.svg import svg
from vitscope.tui.screens import draw
from vitscope.tui.start import own_keys

SMALLEST, LARGEST = (20, 6), (500, 200)  # columns and rows of a page
SUFFIXES = (".svg", ".txt")
PATIENCE = 600.0  # seconds that a page may take to be read
OTHER_NAMES = {"esc": "escape", "return": "enter", "del": "delete"}
WRITING = ("up", "down", "left", "right", "home", "end", "backspace", "delete", "tab", "shift+tab", "enter", "escape")


def screenshot(
    cache: Path, file: Path, *, place: str | None, presses: str, size: str, light: bool, environment: Mapping[str, str]
) -> None:
    """Write the page that `presses` lead to as SVG or as text; the same cache and keys give the same bytes.

    `presses` are names of keys with spaces between them, those of the user's settings where they change some; a word
    that is none is typed letter by letter where a line is being typed. Colours are the terminal's finest unless
    `environment` asks for others. Raises ViewError for keys, a size or a file name that make no sense, ConfigError for
    settings that make none, StoreError where there is no cache or the file cannot be written, and for what `starting`
    raises.
    """
    if file.suffix not in SUFFIXES:
        raise ViewError(f"{file.name} should end with .svg for a picture or .txt for text.")
    if not cache.is_dir():
        raise StoreError(f"there is no cache {shown(cache)}: choose another folder with --cache.")
    words, shape = words_of(presses), shape_of(size)
    keys.use(own_keys())
    depth: Depth = colors.chosen(environment) or "truecolor"
    browser = Browser(cache, replace(starting(cache, place), light=light), depth)
    surface = last_page(browser, words, shape)
    text = (
        svg(surface, f"vitscope {printable(place or '')}".rstrip()) if file.suffix == ".svg" else surface.text() + "\n"
    )
    with atomic(file) as target:
        target.write(text.encode())


def last_page(browser: Browser, words: list[str], shape: tuple[int, int]) -> Surface:
    """The page after all keys, each pressed when all that the page before it needs has been read."""
    return pages(browser, words, shape)[-1]


def pages(browser: Browser, words: list[str], shape: tuple[int, int]) -> list[Surface]:
    """The page before all keys, and after each of them."""
    problems: list[ViewError] = []
    found: list[Surface] = []

    async def walk(pilot: Pilot[object]) -> None:
        try:
            await _settled(browser, pilot)
            for word in words:
                for key in _keys(browser, word):
                    found.append(draw(browser.state, browser.book, *shape, browser.depth))
                    browser.action_key(key)
                    await _settled(browser, pilot)
        except ViewError as error:
            problems.append(error)
        browser.exit()

    browser.run(headless=True, mouse=False, size=shape, auto_pilot=walk)
    if browser.crash is not None:
        raise browser.crash
    if problems:
        raise problems[0]
    return [*found, draw(browser.state, browser.book, *shape, browser.depth)]


async def _settled(browser: Browser, pilot: Pilot[object]) -> None:
    """Return when nothing is being read or computed any more."""
    end = time.monotonic() + PATIENCE
    quiet = 0
    while quiet < 2:
        if time.monotonic() > end:
            raise ViewError(f"the page was not complete after {PATIENCE:.0f} seconds.")
        if browser.crash is not None or browser.state.quit is not None:
            return
        await pilot.pause(0.002)
        quiet = quiet + 1 if browser.settled else 0


def _keys(browser: Browser, word: str) -> list[str]:
    """What a word presses: one key, or every letter of it into the line that is being typed."""
    key = OTHER_NAMES.get(word, word)
    if len(key) == 1 or key in WRITING or any(key in binding.keys for binding in keys.bindings()):
        return [key]
    if browser.state.prompt is not None:
        return list(word)
    near = printable(word)
    raise ViewError(
        f"--keys: no key is called {near!r} on this page: write letters one by one, as in `--keys 'l l enter'`."
    )


def words_of(presses: str) -> list[str]:
    """Keys and texts of a line; quotes keep spaces together.

    >>> words_of("l l enter : 'palette cividis' enter")
    ['l', 'l', 'enter', ':', 'palette cividis', 'enter']
    """
    reader = shlex.shlex(presses, posix=True, punctuation_chars=False)
    reader.whitespace_split, reader.commenters, reader.escape = True, "", ""
    try:
        return list(reader)
    except ValueError:
        raise ViewError(f"--keys {printable(presses)}: a quotation mark is not closed.") from None


def shape_of(size: str) -> tuple[int, int]:
    """Columns and rows of a size such as 120x40.

    >>> shape_of("120x40")
    (120, 40)
    """
    found = re.fullmatch(r"(\d{1,4})[x×](\d{1,4})", size.strip())
    shape = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(low <= value <= high for low, value, high in zip(SMALLEST, shape, LARGEST, strict=True)):
        raise ViewError(
            f"--size {printable(size)} is not a page: give columns and rows, such as 120x40, from "
            f"{SMALLEST[0]}x{SMALLEST[1]} to {LARGEST[0]}x{LARGEST[1]}."
        )
    return shape
