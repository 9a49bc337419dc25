"""What the application does beside showing a state: reads the cache again, copies, writes files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitscope.errors import VitscopeError
from vitscope.spec import slug
from vitscope.store.files import atomic
from vitscope.store.text import printable, shown
from vitscope.tui import clipboard, exporting
from vitscope.tui.place import spelled
from vitscope.tui.render.svg import svg
from vitscope.tui.screens import draw

if TYPE_CHECKING:
    from vitscope.tui.app import Browser


def perform(browser: Browser) -> None:
    """Do what the state asks for, and take that off it."""
    asked = browser.state.asked
    if asked is None:
        return
    browser.state = replace(browser.state, asked=None)
    name, word = asked
    ACTIONS[name](browser, word)


def _refresh(browser: Browser, _word: str) -> None:
    browser.list_runs(anew=True)


def _copy_place(browser: Browser, _word: str) -> None:
    place = spelled(browser.state, browser.book.known())
    copy(browser, place, printable(place))


def copy(browser: Browser, text: str, what: str) -> None:
    """Send `text` to the terminal's clipboard and into the file for it, and say so."""
    asked = clipboard.sequence(text, os.environ)
    browser.send(asked)
    where = clipboard.keep(text)
    browser.say(f"sent to the clipboard: {what} (and to {where})" if asked else f"copied to {where}: {what}")


def _export(browser: Browser, text: str) -> None:
    """Write what is on the screen, in a worker thread; a name that cannot be used is asked for again."""
    try:
        file = exporting.target(text)
        views = exporting.plan(browser.state, browser.book, text)
    except VitscopeError as error:
        browser.state = exporting.refused(browser.state, text, error)
        return
    browser.state = replace(browser.state, message=f"writing {printable(file.name)} …")

    def work() -> str:
        _write(file, exporting.content(views(), file.suffix))
        return f"written to {shown(file.absolute())}"

    _in_thread(browser, work)


def _copy_values(browser: Browser, _word: str) -> None:
    """Copy the numbers on the screen as CSV."""
    try:
        views = exporting.plan(browser.state, browser.book)
    except VitscopeError as error:
        browser.state = replace(browser.state, message=printable(str(error)))
        return

    def work() -> str:
        text = exporting.content(views(), ".csv").decode()
        lines = text.count("\n")
        browser.call_from_thread(copy, browser, text, f"{lines} lines of CSV")
        return ""

    _in_thread(browser, work)


def _screenshot(browser: Browser, _word: str) -> None:
    """Keep the page as a picture in the current folder."""
    state, size = replace(browser.state, message=""), browser.size
    depth = "mono" if browser.depth == "mono" else "truecolor"
    surface = draw(state, browser.book, size.width, size.height, depth)
    place = spelled(state, browser.book.known())
    stem = f"vitscope-{slug(place.replace('/', '-').replace('?', '-'))}"
    names = (Path(f"{stem}{number}.svg") for number in ["", *(f"-{n}" for n in range(2, 1000))])
    file = next((name for name in names if not name.exists()), None)

    def work() -> str:
        if file is None:
            return f"there are too many pictures called {stem} here already"
        _write(file, svg(surface, f"vitscope {printable(place)}").encode())
        return f"written to {shown(file.absolute())}"

    _in_thread(browser, work)


def _write(file: Path, content: bytes) -> None:
    with atomic(file) as target:
        target.write(content)


def _in_thread(browser: Browser, work: Callable[[], str]) -> None:
    """Do something that takes a while, and say what came of it."""

    def run() -> None:
        try:
            said = work()
        except (VitscopeError, OSError) as error:
            said = printable(str(error))
        if said:
            browser.call_from_thread(browser.say, said)

    browser.run_worker(run, thread=True, group="files", exit_on_error=True)


ACTIONS: dict[str, Callable[[Browser, str], None]] = {
    "refresh": _refresh,
    "copy-place": _copy_place,
    "copy-values": _copy_values,
    "export": _export,
    "screenshot": _screenshot,
}
"""By the name that a move asks with."""
