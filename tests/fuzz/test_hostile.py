"""No string of a cache or a data set steers the terminal, leaves its cell, or breaks what is written of it."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pyte
import pytest
from rich.cells import cell_len

from tests.cli.conftest import vitscope  # noqa: F401 (a fixture)
from tests.fuzz import hostile
from tests.tui.walker import Walker
from vitscope.store.text import printable
from vitscope.tui import clipboard
from vitscope.tui.place import VIEWS, resolved, spelled, trail
from vitscope.tui.render.encode import encode, row
from vitscope.tui.render.svg import svg
from vitscope.tui.state import State

OURS = re.compile(r"\x1b\[[0-9;]*[mC]")
SIZES = [(60, 16), (120, 40)]


@pytest.fixture(scope="module", params=hostile.STRINGS)
def cache(request, tmp_path_factory):
    """A cache full of one hostile string."""
    return hostile.cache(tmp_path_factory.mktemp("hostile"), hostile.STRINGS[request.param])


def test_pages_keep_their_cells(cache):
    walker = Walker(cache)
    assert walker.book.listing is not None
    assert walker.book.listing.runs
    for run in walker.book.listing.runs:
        for number, view in enumerate(VIEWS):
            walker.state = replace(walker.state, trail=trail(view), run=run.folder.name)
            walker.read()
            walker.read()
            sane(walker, *SIZES[number % 2])
    walker.state = replace(walker.state, message=printable(hostile.STRINGS["wide"]))
    sane(walker, *SIZES[0])


def sane(walker: Walker, width: int, height: int) -> None:
    """What is sent holds no sequence but ours, and a terminal shows it where the page says."""
    surface = walker.surface(width, height)
    screen = pyte.Screen(width, height)
    stream = pyte.Stream(screen)
    for y in range(height):
        sent = encode(row(surface, y), "256")
        assert OURS.sub("", sent).isprintable(), sent
        stream.feed(f"\x1b[{y + 1};1H{sent}")
    for line, shown in zip(surface.text().split("\n"), screen.display, strict=True):
        assert cell_len(line) <= width
        assert letters(shown) == letters(line) or cell_len(line) != len(line)
    ElementTree.fromstring(svg(surface))


def letters(line: str) -> str:
    """A line without pixels, which the same two colours can be sent as in several ways."""
    return line.translate(dict.fromkeys(map(ord, "▀▄█"), " ")).rstrip()


def test_places_and_copies(cache):
    walker = Walker(cache)
    known = walker.book.known()
    for run in known:
        state = replace(State(), trail=trail("head"), run=run.name)
        place = spelled(state, known)
        assert place.isprintable()
        if "?" not in run.name:  # vitscope calls no folder so, and a place reads what follows as its own
            assert resolved(place, known, State()).run is not None
        assert clipboard.sequence(place, {}).isascii()
