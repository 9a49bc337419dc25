"""One layer: the maps of all of its heads for the same query token, as large as fit, with number and tags."""

from __future__ import annotations

from typing import NamedTuple

from vitscope.derive.heads import Tag
from vitscope.geometry import Geometry
from vitscope.store.reader import Run
from vitscope.tui import items, mouse, searching
from vitscope.tui.book import Book
from vitscope.tui.library import Column, Failure, Maps
from vitscope.tui.render.heat import bar, heat, mark, shrink, span
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import glyph, number, sentence, word
from vitscope.tui.screens import maps, numbers
from vitscope.tui.screens.frame import failed, gone
from vitscope.tui.screens.marks import Marks
from vitscope.tui.screens.reading import reading
from vitscope.tui.state import State

LARGEST = 3  # pixels per patch: a step to the next layer repaints all heads
SMALLEST = 3  # edge in pixels below which a map says nothing
GAP = 2
LABEL = 6  # columns that the line below a map needs at least
BAR = 22  # columns of a scale with its ends at least


class Plan(NamedTuple):
    """How the heads are laid out: so many across, each map `rows` × `columns` pixels, `lines` of words below it."""

    across: int
    rows: int
    columns: int
    times: int  # pixels per patch, 0 where several patches share one
    lines: int

    @property
    def wide(self) -> int:
        """Columns of a head with the gap after it."""
        return max(self.columns, LABEL) + GAP

    @property
    def tall(self) -> int:
        """Lines of a head with its words and the gap below it."""
        return (self.rows + 1) // 2 + self.lines + (1 if self.lines > 1 else 0)


def plan(g: Geometry, width: int, height: int) -> Plan:
    """The largest maps of which all fit; where even small ones do not, small ones, and the page scrolls."""
    sizes = [(g.rows * times, g.columns * times, times) for times in range(LARGEST, 0, -1)]
    longest = max(g.rows, g.columns)
    sizes += [
        (max(1, round(edge * g.rows / longest)), max(1, round(edge * g.columns / longest)), 0)
        for edge in range(longest - 1, SMALLEST - 1, -1)
    ]
    found = None
    for rows, columns, times in sizes:
        for lines in (2, 1):
            one = Plan(1, rows, columns, times, lines)
            across = min(g.heads, (width + GAP) // one.wide)
            found = one._replace(across=max(1, across))
            if across and -(-g.heads // across) * one.tall <= height + (lines > 1):
                return _even(found, g.heads)
    assert found is not None  # there is always one pixel per patch to try
    return found


def _even(found: Plan, heads: int) -> Plan:
    """No more across than the rows need: 12 heads as 6 + 6, not as 10 + 2."""
    rows = -(-heads // found.across)
    return found._replace(across=-(-heads // rows))


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """What is under the cursor, the maps, and what their colours mean."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    values = book.maps(state, run, image=items.pictured(state, run, book))
    if isinstance(values, Failure):
        failed(surface, rect, values)
        return
    reading(surface, Rect(rect.x, rect.y, rect.width, 1), state, book, run)
    top = rect.y + (2 if rect.height > 14 else 1)
    scale_at = rect.bottom - 1
    place = Rect(rect.x, top, rect.width, scale_at - top)
    laid = plan(run.geometry, place.width, place.height)
    visible = max(1, (place.height + (laid.lines > 1)) // laid.tall)
    count = -(-run.geometry.heads // laid.across)
    first = max(0, min(state.head // laid.across - visible // 2, count - visible))
    kept, marks = searching.matches(book, state, run), Marks(surface)
    for head in range(first * laid.across, min(run.geometry.heads, (first + visible) * laid.across)):
        row, column = divmod(head, laid.across)
        at = Rect(place.x + column * laid.wide, place.y + (row - first) * laid.tall, laid.wide - GAP, laid.tall)
        _head(surface, at, laid, head, state, book, run)
        if kept is not None:
            marks.add(at, found=(state.layer, head) in kept, chosen=head == state.head)
    if kept is not None:
        marks.draw()
    if first + visible < count:
        surface.write(rect.right - 1, scale_at - 1, "↓", surface.theme.accent, bold=True)
    if first:
        surface.write(rect.right - 1, top, "↑", surface.theme.accent, bold=True)
    if isinstance(values, Maps):
        bar(surface, rect.x, scale_at, rect.width, maps.scaled(state, values), _label(state, book, rect.width))


def _label(state: State, book: Book, width: int) -> str:
    """What the maps show, in as many words as fit beside a scale."""
    whose = maps.whose(state, book)
    label = f"attention {maps.asked(state)}{whose}"
    if whose and len(label) > width - BAR:
        return f"{maps.asked(state)}, one image"
    full = f"{label}, scale of {maps.scale_label(state)}"
    return full if width >= 60 and not (whose and len(full) > width - BAR) else label


def _head(surface: Surface, rect: Rect, laid: Plan, head: int, state: State, book: Book, run: Run) -> None:
    """A map with its head's index, number and tags below; where words are cut, their characters."""
    theme, here = surface.theme, head == state.head
    surface.spot(rect, mouse.head(state.layer, head))
    values = book.maps(state, run, image=items.pictured(state, run, book))
    if isinstance(values, Maps):
        mine = values.patches[state.layer, head]
        shown = mine if laid.times else shrink(mine, laid.rows, laid.columns)
        scale = span(shown, log=state.log) if state.scale == "head" else maps.scaled(state, values)
        drawn = heat(surface, rect.x, rect.y, shown, scale, max(1, laid.times))
        if state.kind == "patch" and state.patch is not None and laid.times:
            mark(surface, drawn.x, drawn.y, laid.times, *state.patch)
    else:
        surface.fill(Rect(rect.x, rect.y, laid.columns, (laid.rows + 1) // 2), theme.panel)
    y = rect.y + (laid.rows + 1) // 2
    ink = theme.accent if here else theme.dim
    label = f"[{head + 1}]" if here else f" {head + 1} "
    x = surface.write(rect.x, y, label, ink, bold=here)
    column = book.column(run, state.quantity) if state.quantity != "tag" else None
    if isinstance(column, Column):
        text = number(float(column.values[state.layer, head]), 3 if rect.right - x >= 5 else 2)
        x += 1 if x + len(text) < rect.right else 0
        if x + len(text) <= rect.right:
            x = surface.write(x, y, text, theme.text, bold=here) + 1
    found = book.tags(run)
    mine = found[state.layer][head] if isinstance(found, list) else []
    below = laid.lines > 1
    _tags(surface, rect.x if below else x, y + 1 if below else y, rect.right, mine, words=below)


def _tags(surface: Surface, x: int, y: int, stop: int, mine: list[Tag], *, words: bool) -> None:
    """Tags from `x` on, as long as all of them fit before `stop`: in full, shortened, or as one character each."""
    forms = [[glyph(tag.name, tag.detail) for tag in mine]]
    if words:
        forms[:0] = [[way(tag.name, tag.detail) for tag in mine] for way in (sentence, word)]
    texts = next((form for form in forms if x + len(" ".join(form)) <= stop), forms[-1])
    for tag, text in zip(mine, texts, strict=True):
        if x + len(text) <= stop:
            ink = None if surface.theme.plain else numbers.colour(tag.name, light=surface.theme.light)
            x = surface.write(x, y, text, ink, bold=not words) + 1
