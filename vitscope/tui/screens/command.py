"""The list above the line that is typed: what it could become, or why it means nothing."""

from __future__ import annotations

from vitscope.tui import keys
from vitscope.tui.book import Book
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import wrap
from vitscope.tui.state import State

MOST = 10  # lines of the list
ABOUT = 26  # column where it says what something does


def draw(surface: Surface, state: State, book: Book) -> None:
    """Over the lowest lines of the page, as many as there are matches."""
    line = state.prompt
    if line is None or line.purpose not in keys.COMPLETE or surface.height < 4:
        return
    if line.purpose in keys.FOLLOW and line.stem is None:
        return  # what is typed shows on the page at once, and the list would hide it: Tab asks for it
    theme = surface.theme
    stem = line.text if line.stem is None else line.stem
    found = keys.COMPLETE[line.purpose](state, book.facts(state), stem)
    said = wrap(state.message, surface.width - 2)[:3] if state.message else []
    room = min(MOST, surface.height - 3 - len(said))
    at = next((i for i, option in enumerate(found) if option.line == line.text), -1)
    first = max(0, min(at - room + 2, len(found) - room))
    rows = found[first : first + room]
    top = surface.height - 1 - len(rows) - len(said)
    surface.blank(Rect(0, top, surface.width, len(rows) + len(said)))
    wide = max((len(option.line) for option in rows), default=0) + 3
    for y, option in enumerate(rows, start=top):
        chosen = option.line == line.text
        surface.write(1, y, "▌" if chosen else " ", theme.accent)
        surface.write(2, y, option.line, theme.accent if chosen else theme.text, bold=chosen, width=surface.width - 3)
        room = surface.width - max(wide, ABOUT) - 1
        if (room >= 10 and max(wide, ABOUT) + len(option.about) <= surface.width) or room >= 24:
            surface.write(max(wide, ABOUT), y, option.about, theme.dim, width=room)
    for y, sentence in enumerate(said, start=top + len(rows)):
        surface.write(1, y, sentence, theme.bad, bold=True)
