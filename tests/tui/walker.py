"""Walker: presses keys on the pure state, reads what its page needs, and draws; the application without a terminal."""

from __future__ import annotations

from pathlib import Path

from vitscope.tui import keys, readers
from vitscope.tui.book import Book
from vitscope.tui.colors import Depth
from vitscope.tui.needs import needs
from vitscope.tui.render.surface import Surface
from vitscope.tui.screens import draw
from vitscope.tui.state import State


class Walker:
    """A state, a book, and keys."""

    def __init__(self, cache: Path) -> None:
        listing = readers.listing(cache)
        self.book = Book(listing, images={run.folder.name: readers.image_names(run) for run in listing.runs})
        self.state = State()

    def press(self, *names: str) -> State:
        """Press keys one after the other."""
        for key in names:
            before = self.state
            self.state = keys.press(before, key, self.book.facts(before))
            self.read()
        return self.state

    def open(self, model: str) -> State:
        """Open the run of a model from the list of runs."""
        while self.book.listing.runs[self.state.cursor].model != model:
            self.press("j")
        return self.press("enter")

    def read(self) -> None:
        """Read what the page needs."""
        run = self.book.run(self.state)
        others = {other.folder: other for other in self.book.candidates()}
        for item in needs(self.state, self.book):
            if self.book.get(item) is None:
                self.book.keep(item, readers.read(others.get(item.run, run), item))

    def surface(self, width: int = 120, height: int = 40, depth: Depth = "256") -> Surface:
        """The page."""
        return draw(self.state, self.book, width, height, depth)

    def page(self, width: int = 120, height: int = 40, depth: Depth = "256") -> str:
        """The page as text."""
        return self.surface(width, height, depth).text()
