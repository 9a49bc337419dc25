"""What the application does beside showing a state: reads the cache again, copies, writes files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from vitscope.store.text import printable
from vitscope.tui import clipboard
from vitscope.tui.place import spelled

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
    browser.list_runs()


def _copy_place(browser: Browser, _word: str) -> None:
    place = spelled(browser.state, browser.book.known())
    copy(browser, place, printable(place))


def copy(browser: Browser, text: str, what: str) -> None:
    """Send `text` to the terminal's clipboard and into the file for it, and say so."""
    asked = clipboard.sequence(text, os.environ)
    browser.send(asked)
    where = clipboard.keep(text)
    browser.say(f"sent to the clipboard: {what} (and to {where})" if asked else f"copied to {where}: {what}")


ACTIONS: dict[str, Callable[[Browser, str], None]] = {"refresh": _refresh, "copy-place": _copy_place}
"""By the name that a move asks with."""
