"""Run information: what was measured, on what and how, wrapped and scrolled by entries."""

from __future__ import annotations

from vitscope.tui.book import Book
from vitscope.tui.information import Entry
from vitscope.tui.library import Failure
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import wrap
from vitscope.tui.screens.frame import failed, gone
from vitscope.tui.state import State

LABEL = 20  # columns of what an entry is called
WIDEST = 120  # longer lines are hard to read


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The entries from the one that is scrolled to, or as many at the end as fill the page."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    found = book.information(run)
    if isinstance(found, Failure):
        failed(surface, rect, found)
        return
    if found is None:
        surface.write(rect.x, rect.y, "run information …", surface.theme.dim)
        return
    _entries(surface, rect, state, found)


def _entries(surface: Surface, rect: Rect, state: State, found: tuple[Entry, ...]) -> None:
    label = LABEL if rect.width >= 60 else 11
    width = min(rect.width, WIDEST) - label - 1
    blocks = [_lines(entry, width, first=i == 0) for i, entry in enumerate(found)]
    first = min(state.panels.scroll, _last(blocks, rect.height))
    y = rect.y
    whole = 0  # entries that are on the page to their last line
    for entry, lines in list(zip(found, blocks, strict=True))[first:]:
        if entry.text:
            surface.write(rect.x, y, entry.label, surface.theme.dim, width=label - 1)
        for i, line in enumerate(lines[: max(0, rect.bottom - y)]):
            if entry.text:
                surface.write(rect.x + label, y + i, line)
            else:
                surface.write(rect.x, y + i, line, surface.theme.accent, bold=True, width=rect.width - 1)
        y += len(lines)
        whole += y <= rect.bottom
        if y >= rect.bottom:
            break
    if first:
        surface.write(rect.right - 1, rect.y, "↑", surface.theme.accent, bold=True)
    if first + whole < len(found):
        surface.write(rect.right - 1, rect.bottom - 1, "↓", surface.theme.accent, bold=True)


def _lines(entry: Entry, width: int, *, first: bool) -> list[str]:
    """The lines that an entry takes: a heading has a blank one above it."""
    if entry.text:
        return wrap(entry.text, width)
    return [entry.label] if first else ["", entry.label]


def _last(blocks: list[list[str]], height: int) -> int:
    """The first entry of the last page."""
    room, at = height, len(blocks)
    while at and len(blocks[at - 1]) <= room:
        at -= 1
        room -= len(blocks[at])
    return min(at, max(0, len(blocks) - 1))
