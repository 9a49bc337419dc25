"""Models side by side: a row for each, a column for each head of one layer, all for the same query token."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui import mouse, searching, side
from vitscope.tui.beside import Row, rows, run_of, sized
from vitscope.tui.book import QUANTITIES, Book
from vitscope.tui.library import Column, Failure
from vitscope.tui.palettes import diverging
from vitscope.tui.render.heat import Span, bar, heat, span
from vitscope.tui.render.surface import Rect, Surface, fit
from vitscope.tui.render.words import compact, number, short
from vitscope.tui.screens import maps, numbers
from vitscope.tui.screens.frame import failed, gone, notice
from vitscope.tui.screens.marks import Marks
from vitscope.tui.state import State

LABEL = 16  # columns that the names of models take at most
SMALLEST = 3  # a smaller map says nothing
GAP = 2  # columns between maps
WORDS = 3  # lines about the head under the cursor


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The rows, the scale they share, and the number under the cursor; where there is no room for maps, one of each."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    every = [run_of(peer, run, book) for peer in book.peers(state, run)]
    found = rows(state, book, run)
    count, heads = len(found), max(other.geometry.heads for other in every)  # of all: columns stay where they are
    longest = max(len(short(other.model)) for other in every) + len(str(len(every)))
    label = min(LABEL, longest + 2, max(rect.width // 6, rect.width - 2 * heads))
    wide = max(1, (rect.width - label) // heads)
    edge = min(14, wide - 1, 2 * (max(1, (rect.height - 5) // count) - 1))
    edge = edge if edge >= SMALLEST else 0
    free = rect.height - count - 3 - WORDS
    one = min(14, (rect.width + 1) // count - GAP, 2 * (free - 3))
    numbered = (
        not (edge or state.side.ordered) and wide > len(str(heads)) and free >= (one // 2 + 3 if one >= SMALLEST else 0)
    )
    size = _size(run, edge or one)
    shown = sized(found, state, size)
    here = next(i for i, row in enumerate(shown) if row.run is run)
    high = -(-size[0] // 2) + 1 if edge else 1
    top = rect.y + 1 + numbered
    table = Rect(rect.x, top, rect.width, rect.bottom - 2 - top)
    visible = min(count, max(1, table.height // high))
    part = "" if visible == len(every) else f"{visible} of {len(every)} models; "
    _title(surface, rect, state, shown, part, maps.whose(state, book))
    for head in range(heads if numbered else 0):
        column = rect.x + label + head * wide
        surface.write(column, top - 1, str(head + 1), surface.theme.dim, width=wide - 1, align="centre")
    colours = _shared(state, every, book)
    y = _table(surface, table, (label, wide, high), shown, here, (colours, book))
    if edge:
        _bar(surface, Rect(rect.x, y, rect.width, rect.bottom - y), shown, here)
    else:
        _colours(surface, Rect(rect.x, y, rect.width, 1), shown, colours)
    y = _words(surface, Rect(rect.x, y + 1, rect.width, rect.bottom - y - 1), shown[here], state, book)
    if not edge and min(size) >= SMALLEST and rect.bottom - y >= size[0] // 2 + 3:
        _one_of_each(surface, Rect(rect.x, y + 1, rect.width, rect.bottom - y - 1), shown, here)


def _size(run: Run, edge: int) -> tuple[int, int]:
    """Rows and columns in pixels of a map whose longer side has `edge`, in the shape of the open model's grid."""
    g = run.geometry
    longest = max(g.rows, g.columns)
    return max(0, round(edge * g.rows / longest)), max(0, round(edge * g.columns / longest))


def _table(
    surface: Surface, rect: Rect, widths: tuple[int, int, int], rows: list[Row], here: int, rest: tuple[Span, Book]
) -> int:
    """A line for each model, as many as fit, with its heads in columns; returns the row below.

    `widths` are those of a name and of a head, and the lines that a head takes; `rest` the scale of numbers, the book.
    """
    (label, wide, high), (colours, book) = widths, rest
    scales, state, marks, marked = _scales(rows[here].state, rows), rows[here].state, Marks(surface), False
    visible = max(1, rect.height // high)
    first = max(0, min(here - visible // 2, len(rows) - visible))
    y = rect.y
    for i, row in list(enumerate(rows))[first : first + visible]:
        _label(surface, Rect(rect.x, y, label - 1, high), row, state.layer, chosen=i == here)
        surface.spot(Rect(rect.x, y, label - 1, high), side.numbered(row.number))
        kept = searching.matches(book, state, rows[here].run, row.run)
        for place, head in enumerate(row.heads):
            cell = Rect(rect.x + label + place * wide, y, wide, high)
            chosen = i == here and head == row.state.head
            _cell(surface, cell, row, place, scales[i], colours, chosen=chosen)
            surface.spot(cell, mouse.peer(row.number, head))
            if kept is not None:
                marks.add(cell, found=(row.state.layer, head) in kept, chosen=chosen)
                marked = True
        if high > 1 and isinstance(row.maps, Failure):
            _why(surface, Rect(rect.x + label, y, rect.width - label, high - 1), row.maps)
        y += high
    if marked:
        marks.draw()
    return y


def _why(surface: Surface, rect: Rect, failure: Failure) -> None:
    """Why a model has no maps, in place of them: what is to be done about it is said where it is the open one."""
    surface.fill(rect, surface.theme.back)
    notice(surface, rect, re.split(r"[:;(]", failure.sentence)[0].rstrip())


def _title(surface: Surface, rect: Rect, state: State, rows: list[Row], part: str, whose: str) -> None:
    """How many of the models, what is shown, in which order, and less what; in as many words as fit."""
    asked = maps.asked(state)
    by = f"heads in the order of their {QUANTITIES[state.quantity].short}"
    if not state.side.ordered:
        by = "heads by index: the same index is not the same head, s puts them in order"
    short = f"by {QUANTITIES[state.quantity].short}" if state.side.ordered else "by index"
    pinned = next((row.name for row in rows if row.pinned), "")
    less = f"less {pinned}; " if pinned and state.side.difference else f"{pinned} is pinned; " if pinned else ""
    layer, one = f"layer {state.layer + 1}", ", one image" if whose else ""
    ways = [
        f"{part}{layer}, attention {asked}{whose}; {less}{by}",
        f"{part}{layer}, attention {asked}{whose}; {less}heads {short}",
        f"{part}{layer}, {asked}{whose}; {less}{short}",
        f"{part}{asked}{whose}; {less}{short}",
        f"{part}{asked}{one}; {less}{short}",
        f"{part}{less}{short}{one}",
    ]
    text = next((way for way in ways if len(way) <= rect.width), ways[-1])
    surface.write(rect.x, rect.y, text, surface.theme.dim, width=min(len(text), rect.width))


def _scales(state: State, rows: list[Row]) -> list[Span]:
    """The scale of each row: of its own values, or of all; of differences the same for all, with 0 in the middle."""
    drawn = [row.maps if isinstance(row.maps, np.ndarray) else np.zeros(1) for row in rows]
    every = np.concatenate([values.ravel() for values in drawn] or [np.zeros(1)])
    if state.side.difference:
        most = float(np.nanmax(np.abs(every), initial=0)) or 1.0
        return [Span(-most, most)] * len(rows)
    if state.scale == "model":
        return [span(every, log=state.log)] * len(rows)
    return [span(values, log=state.log) for values in drawn]


def _own(row: Row, place: int, scale: Span) -> Span:
    """The scale of one map, where every head has its own."""
    state = row.state
    if state.scale != "head" or state.side.difference or not isinstance(row.maps, np.ndarray):
        return scale
    return span(row.maps[place], log=state.log)


def _shared(state: State, runs: list[Run], book: Book) -> Span:
    """The scale of the chosen number over all heads of all models, those that are not on the page among them."""
    columns = [book.column(run, state.quantity) for run in runs if state.quantity != "tag"]
    values = [column.values.ravel() for column in columns if isinstance(column, Column)]
    return span(np.concatenate(values or [np.zeros(1)]), zero=QUANTITIES[state.quantity].zero)


def _label(surface: Surface, rect: Rect, row: Row, layer: int, *, chosen: bool) -> None:
    """Number and name of a model; below, where there is room, that it is pinned, and its layer if that is another."""
    theme = surface.theme
    ink = theme.accent if chosen else theme.dim
    surface.write(rect.x, rect.y, f"{row.number} {row.name}", ink, bold=chosen, width=rect.width)
    notes = [("pinned", theme.accent)] if row.pinned else []
    if row.state.layer != layer:
        notes.append((f"layer {row.state.layer + 1}", theme.dim))
    for line, (text, colour) in enumerate(notes[: rect.height - 1], 1):
        if rect.width >= len(text) + 2:
            surface.write(rect.x + 2, rect.y + line, text, colour, width=rect.width - 2)


def _cell(surface: Surface, rect: Rect, row: Row, place: int, scale: Span, shared: Span, *, chosen: bool) -> None:
    """One head: its small map with its number below; where there is no room for maps, the number on its colour."""
    theme, head = surface.theme, row.heads[place]
    value = float(row.column.values[row.state.layer, head]) if isinstance(row.column, Column) else None
    width = max(1, rect.width - 1)
    if rect.height > 1 and isinstance(row.maps, np.ndarray):
        ramp = diverging(theme) if row.state.side.difference else None
        heat(surface, rect.x, rect.y, row.maps[place], _own(row, place, scale), 1, ramp=ramp)
    elif rect.height > 1:
        surface.fill(Rect(rect.x, rect.y, width, rect.height - 1), theme.panel)
    text, back = str(head + 1), None
    if value is not None and rect.height > 1:
        text = f"{head + 1} {compact(value, width - 3)}" if width >= 6 else text
    elif value is not None:
        back = theme.back if theme.plain else int(theme.ramp[shared.levels(np.array([value]), len(theme.ramp))[0]])
        text = compact(value, width) if width >= 3 else " "
    ink = theme.dim if back is None else theme.on(back)
    long = min(width, len(text)) if back is None else width
    if chosen:
        ink, back = theme.on(theme.accent), theme.accent
    shown = fit(text, long, "left" if rect.height > 1 else "centre")
    turned = chosen and theme.depth == "mono"
    surface.write(rect.x, rect.bottom - 1, shown, ink, back=back, bold=chosen, reverse=turned)


def _bar(surface: Surface, rect: Rect, rows: list[Row], here: int) -> None:
    """The scale of the maps, of the open model where each has its own; or why there are none."""
    row = rows[here]
    if isinstance(row.maps, Failure):
        failed(surface, Rect(rect.x, rect.y, rect.width, 1), row.maps)
    elif isinstance(row.maps, np.ndarray):
        state = row.state
        place = row.heads.index(state.head) if state.head in row.heads else 0
        whose = {"head": "each head", "layer": "each model", "model": "these models"}[state.scale]
        label = f"times uniform; scale of {whose}{', log' if state.log else ''}"
        if state.side.difference:
            label = "times uniform, less the pinned model"
        ramp = diverging(surface.theme) if state.side.difference else None
        bar(surface, rect.x, rect.y, rect.width, _own(row, place, _scales(state, rows)[here]), label, ramp=ramp)


def _colours(surface: Surface, rect: Rect, rows: list[Row], scale: Span) -> None:
    """What the colours of the numbers mean."""
    column = next((row.column for row in rows if isinstance(row.column, Column)), None)
    if column is not None:
        unit, quantity = numbers.unit(column.unit), QUANTITIES[rows[0].state.quantity]
        title = quantity.title if rect.width >= 50 else quantity.short
        bar(surface, rect.x, rect.y, rect.width, scale, f"{title}{f', {unit}' if unit else ''}")


def _words(surface: Surface, rect: Rect, row: Row, state: State, book: Book) -> int:
    """The head under the cursor in words, the chosen number first; returns the row below."""
    if rect.height < 1:
        return rect.y
    title = f"{row.name} · head {state.head + 1}"
    x = surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width)) + 2
    if isinstance(row.column, Column) and row.state.layer < len(row.column.values):
        value = number(float(row.column.values[row.state.layer, state.head]))
        x = surface.write(x, rect.y, f"{QUANTITIES[state.quantity].short} ", surface.theme.dim)
        surface.write(x, rect.y, value, surface.theme.accent, bold=True, width=max(0, min(len(value), rect.right - x)))
    below = Rect(rect.x, rect.y + 1, rect.width, min(WORDS - 1, rect.height - 1))
    numbers.flow(surface, below, state, book, row.run)
    return rect.y + min(WORDS, rect.height)


def _one_of_each(surface: Surface, rect: Rect, rows: list[Row], here: int) -> None:
    """The map of one head of every model, that of the cursor's column: for pages without room for those of all."""
    state, pitch = rows[here].state, (rect.width + 1) // len(rows)
    at = rows[here].heads.index(state.head) if state.head in rows[here].heads else 0
    shown = {
        i: replace(row, heads=row.heads[at : at + 1], maps=row.maps[at : at + 1])
        for i, row in enumerate(rows)
        if isinstance(row.maps, np.ndarray) and at < len(row.maps)
    }
    y = rect.y
    ramp = diverging(surface.theme) if state.side.difference else None
    for (i, row), scale in zip(shown.items(), _scales(state, [*shown.values()]), strict=True):
        assert isinstance(row.maps, np.ndarray)
        drawn = heat(surface, rect.x + i * pitch, rect.y, row.maps[0], _own(row, 0, scale), 1, ramp=ramp)
        text = f"{row.number}: {row.heads[0] + 1}" if pitch < 12 else f"{row.name} {row.heads[0] + 1}"
        ink = surface.theme.accent if i == here else surface.theme.dim
        surface.write(drawn.x, drawn.bottom, fit(text, min(len(text), pitch - 1)), ink, bold=i == here)
        y = drawn.bottom + 1
    for i, row in enumerate(rows):
        if isinstance(row.maps, Failure):
            _why(surface, Rect(rect.x + i * pitch, rect.y, pitch - 1, (y if shown else rect.bottom) - rect.y), row.maps)
    if here in shown and y < rect.bottom:
        _bar(surface, Rect(rect.x, y, rect.width, 1), [*shown.values()], [*shown].index(here))
