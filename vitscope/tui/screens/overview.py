"""All heads of a run: layers down, heads across, coloured by a number, with the head under the cursor beside them."""

from __future__ import annotations

from vitscope.store.reader import Run
from vitscope.tui import mouse, searching
from vitscope.tui.book import QUANTITIES, Book
from vitscope.tui.library import Column, Failure, Maps
from vitscope.tui.render.heat import Span, bar, span
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import TAGS, glyph
from vitscope.tui.screens import maps, numbers, peek
from vitscope.tui.screens.cells import Cells, Head, choose, draw_cell, maps_only, pooled, small, thumb
from vitscope.tui.screens.frame import failed, gone
from vitscope.tui.screens.marks import Marks
from vitscope.tui.screens.reading import reading
from vitscope.tui.state import State

LABEL = 4  # columns for the numbers of layers
READING = 56  # columns that the line below the grid wants


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The grid, the number under the cursor, the scale; at the side, where there is room, the head itself."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    g = run.geometry
    low = 4 if rect.height >= 18 else 3 if rect.height >= 12 else 2
    side = 0 if state.small else peek.width(rect)
    choice = maps_only if state.small else choose
    cells = choice(g, rect.width - (side + 3 if side else 0) - LABEL, rect.height - low - 1)
    if side and cells.width < 3:
        side, cells = 0, choose(g, rect.width - LABEL, rect.height - low - 1)
    grid = Rect(rect.x, rect.y, min(LABEL + g.heads * cells.width, rect.width), rect.height - low)
    _grid(surface, grid, cells, state, book, run)
    width = max(grid.width, READING) if side else rect.width
    y = min(grid.y + 1 + g.layers * cells.height, grid.bottom) + (1 if low > 2 else 0)
    _below(surface, Rect(rect.x, y, width, rect.bottom - y), cells, state, book, run)
    if side:
        x = rect.x + width + 3
        peek.draw(surface, Rect(x, rect.y, rect.right - x, rect.height), state, book, run)


def _grid(surface: Surface, rect: Rect, cells: Cells, state: State, book: Book, run: Run) -> None:
    g = run.geometry
    _heads(surface, rect, cells, state, g.heads)
    column = book.column(run, state.quantity) if state.quantity != "tag" else None
    column = column if isinstance(column, Column) else None
    values = column.values.tolist() if column else None
    levels = _scale(column, state).share(column.values).tolist() if column else None
    tags, kept, marks = book.tags(run), searching.matches(book, state, run), Marks(surface)
    found = book.maps(state, run) if cells.thumb else None
    thumbs = small(found, cells.thumb) if isinstance(found, Maps) else None
    shown = max(1, (rect.height - 1) // cells.height)
    first = max(0, min(state.layer - shown // 2, g.layers - shown))
    for layer in range(first, min(first + shown, g.layers)):
        y = rect.y + 1 + (layer - first) * cells.height
        here = layer == state.layer
        ink = surface.theme.accent if here else surface.theme.dim
        surface.write(rect.x, y, str(layer + 1), ink, bold=here, width=LABEL - 1, align="right")
        for head in range(g.heads):
            place = Rect(rect.x + LABEL + head * cells.width, y, cells.width, cells.height)
            shows = Head(
                values[layer][head] if values else None,
                levels[layer][head] if levels else 0.0,
                tags[layer][head] if isinstance(tags, list) else [],
                state.quantity == "tag",
                here and head == state.head,
            )
            down = 1 if cells.above else 0
            if thumbs is not None:
                thumb(surface, place.x, place.y + down, thumbs, (layer, head), state)
            elif cells.thumb:
                rows, columns = pooled(g, cells.thumb)
                surface.fill(Rect(place.x, place.y + down, columns, (rows + 1) // 2), surface.theme.panel)
            draw_cell(surface, place, cells, shows)
            surface.spot(place, mouse.head(layer, head))
            if kept is not None:
                marks.add(place, found=(layer, head) in kept, chosen=shows.chosen)
    if kept is not None:
        marks.draw()
    if first + shown < g.layers:
        surface.write(rect.x, rect.bottom - 1, "↓", surface.theme.accent, bold=True)
    if first > 0:
        surface.write(rect.x, rect.y + 1, "↑", surface.theme.accent, bold=True)


def _scale(column: Column, state: State) -> Span:
    """The scale of the chosen number over all heads."""
    return span(column.values, zero=QUANTITIES[state.quantity].zero)


def _heads(surface: Surface, rect: Rect, cells: Cells, state: State, heads: int) -> None:
    """The numbers of heads above their columns."""
    for head in range(heads):
        here = head == state.head
        label = str(head + 1)
        if len(label) >= cells.width and not here and (head + 1) % 5:
            continue
        ink = surface.theme.accent if here else surface.theme.dim
        x = rect.x + LABEL + head * cells.width
        surface.write(x, rect.y, label, ink, bold=here, width=max(cells.ink, len(label)), align="centre")


def _below(surface: Surface, rect: Rect, cells: Cells, state: State, book: Book, run: Run) -> None:
    """The number under the cursor with its unit, what the colours mean, and how many heads have each tag."""
    reading(surface, Rect(rect.x, rect.y, rect.width, 1), state, book, run)
    y = rect.y + 1
    if state.quantity != "tag":
        column = book.column(run, state.quantity)
        if isinstance(column, Failure):
            y = failed(surface, Rect(rect.x, y, rect.width, rect.bottom - y), column)
        elif column is not None:
            quantity = QUANTITIES[state.quantity]
            unit = numbers.unit(column.unit)
            title = quantity.title if rect.width >= 50 else quantity.short
            label = f"{title}{f', {unit}' if unit else ''}"
            bar(surface, rect.x, y, rect.width, _scale(column, state), label)
            y += 1
    if cells.thumb and y + 1 < rect.bottom:
        text = f"small maps: attention {maps.asked(state)}, scale of {maps.scale_label(state)}"
        surface.write(rect.x, y, text, surface.theme.dim, width=min(len(text), rect.width))
        y += 1
    gap = 1 if y + 1 < rect.bottom else 0
    _legend(surface, Rect(rect.x, y + gap, rect.width, rect.bottom - y - gap), book, run)


def _legend(surface: Surface, rect: Rect, book: Book, run: Run) -> None:
    """Every tag with its character and how many heads have it: in columns, closer together, or without its name."""
    tags = book.tags(run)
    if not isinstance(tags, list):
        return
    every = [tag.name for layer in tags for head in layer for tag in {t.name: t for t in head}.values()]
    found = {name: every.count(name) for name in TAGS if name in every}
    entries = [(glyph(name, ""), name, str(count)) for name, count in found.items()]
    closer = 4 + max((len(f"{name} {count}") for _, name, count in entries), default=0)
    ways = [(wide, max(1, (rect.width + 2) // wide)) for wide in (26, closer, 6)]
    wide, across = next((way for way in ways if -(-len(entries) // way[1]) <= rect.height), ways[-1])
    named = wide > 6
    for i, (character, name, count) in enumerate(entries):
        x, y = rect.x + (i % across) * wide, rect.y + i // across
        if y >= rect.bottom:
            return
        surface.write(x, y, character, numbers.colour(name, light=surface.theme.light), bold=True)
        x = surface.write(x + 2, y, name, surface.theme.dim) + 1 if named else x + 2
        surface.write(x, y, count)
