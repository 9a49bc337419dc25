"""All heads of a run: layers down, heads across, coloured by a number, with the head under the cursor beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui.book import QUANTITIES, Book
from vitscope.tui.library import Column, Failure, Maps, WantTags
from vitscope.tui.palettes import luminance, rgb_of
from vitscope.tui.render.heat import Span, bar, heat, shrink, span
from vitscope.tui.render.surface import Rect, Surface, fit
from vitscope.tui.render.words import TAGS, compact, glyph, number, sentence, word
from vitscope.tui.screens import numbers, peek
from vitscope.tui.screens.frame import notice
from vitscope.tui.state import State


@dataclass(frozen=True)
class Cells:
    """How large a head is in the grid, and what there is room for."""

    width: int
    height: int
    thumb: int = 0  # edge of the map in pixels, 0 for none


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The grid, the number under the cursor, the scale; at the side, where there is room, the head itself."""
    run = book.run(state)
    if run is None:
        notice(surface, rect, "this run is gone from the cache: esc leads back to the runs.")
        return
    g = run.geometry
    low = 3 if rect.height >= 12 else 2
    side = peek.width(rect)
    cells = choose(g.layers, g.heads, rect.width - (side + 3 if side else 0) - 4, rect.height - low - 1)
    if side and cells.width < 3:
        side, cells = 0, choose(g.layers, g.heads, rect.width - 4, rect.height - low - 1)
    grid = Rect(rect.x, rect.y, min(4 + g.heads * cells.width, rect.width), rect.height - low)
    _grid(surface, grid, cells, state, book, run)
    used = grid.y + 1 + min(g.layers * cells.height, grid.height - 1)
    under = Rect(rect.x, min(used + (1 if low > 2 else 0), rect.bottom - 2), grid.width if side else rect.width, 2)
    _reading(surface, under, state, book, run)
    if side:
        x = grid.right + 3
        peek.draw(surface, Rect(x, rect.y, rect.right - x, rect.height), state, book, run)


def choose(layers: int, heads: int, width: int, height: int) -> Cells:
    """The largest cells with which all heads fit; if the layers do not, one line each, and the page scrolls."""
    tall = height // layers
    for thumb in range(12, 3, -1):
        rows = (thumb + 2) // 2
        if rows <= tall and rows >= 3 and heads * (thumb + 8) <= width:
            return Cells(thumb + 8, rows, thumb)
    for cell in (Cells(8, 2), Cells(7, 2), Cells(6, 2)):
        if cell.height <= tall and heads * cell.width <= width:
            return cell
    for wide in (6, 5, 4, 3, 2):
        if heads * wide <= width:
            return Cells(wide, 1)
    return Cells(1, 1)


def _grid(surface: Surface, rect: Rect, cells: Cells, state: State, book: Book, run: Run) -> None:
    g, theme = run.geometry, surface.theme
    column = book.column(run, state.quantity) if state.quantity != "tag" else None
    tags = book.get(WantTags(run.folder))
    for head in range(g.heads):
        here = head == state.head
        label = str(head + 1) if cells.width > 2 or (head + 1) % 5 == 0 or here else ""
        if cells.width >= len(label):
            surface.write(
                rect.x + 4 + head * cells.width, rect.y, label, theme.accent if here else theme.dim,
                bold=here, width=cells.width - (1 if cells.thumb else 0), align="centre",
            )  # fmt: skip
    shown = max(1, (rect.height - 1) // cells.height)
    first = max(0, min(state.layer - shown // 2, g.layers - shown))
    maps = book.maps(state, run) if cells.thumb else None
    scale = span(column.values, zero=QUANTITIES[state.quantity].zero) if isinstance(column, Column) else None
    for layer in range(first, min(first + shown, g.layers)):
        y = rect.y + 1 + (layer - first) * cells.height
        here = layer == state.layer
        surface.write(rect.x, y, str(layer + 1), theme.accent if here else theme.dim, bold=here, width=3, align="right")
        for head in range(g.heads):
            place = Rect(rect.x + 4 + head * cells.width, y, cells.width, cells.height)
            mine = tags[layer][head] if isinstance(tags, list) else None
            value = float(column.values[layer, head]) if isinstance(column, Column) else None
            chosen = here and head == state.head
            if cells.thumb:
                _thumb(surface, place, cells.thumb, maps, (layer, head), state)
                place = Rect(place.x + cells.thumb + 1, y, cells.width - cells.thumb - 2, min(2, cells.height))
            _cell(surface, place, value, scale, mine, chosen=chosen, by_tag=state.quantity == "tag")
    if first + shown < g.layers:
        surface.write(rect.x, rect.bottom - 1, " ↓", theme.accent)
    if first > 0:
        surface.write(rect.x, rect.y, " ↑", theme.accent)


def _cell(
    surface: Surface, rect: Rect, value: float | None, scale: Span | None, tags: Any, *, chosen: bool, by_tag: bool
) -> None:
    """One head: its colour, its number and its first tag, as far as there is room."""
    theme = surface.theme
    back = _back(surface, value, scale, tags, by_tag=by_tag)
    ink = 0x000000 if luminance(back) > 0.18 else 0xFFFFFF
    if theme.plain:
        ink = theme.text
    if chosen:
        back, ink = theme.accent, theme.on_accent
    surface.fill(rect, back)
    tag = tags[0] if tags else None
    mark = glyph(tag.name, tag.detail) if tag else " "
    text = "" if value is None else compact(value, min(5, rect.width - 1))
    if rect.height >= 2:
        caption = word(tag.name, tag.detail) if tag else ""
        upper, lower = (text, caption) if not by_tag else (caption, "")
        rows = [fit(upper, rect.width, "centre"), fit(lower, rect.width, "centre")]
    elif rect.width >= 5:
        rows = [fit(f"{compact(value, rect.width - 2)}{mark}" if value is not None else mark, rect.width, "centre")]
    else:
        shades = theme.plain and value is not None and scale is not None and not by_tag
        middle = " ░▒▓█"[int(scale.levels(np.array(value), 5))] if shades and scale and value is not None else mark
        rows = [fit(middle, rect.width, "centre")]
    for i, row in enumerate(rows):
        surface.write(rect.x, rect.y + i, row, ink, back=back, bold=chosen, reverse=chosen and theme.depth == "mono")


def _back(surface: Surface, value: float | None, scale: Span | None, tags: Any, *, by_tag: bool) -> int:
    theme = surface.theme
    if theme.plain:
        return theme.back
    if by_tag:
        return rgb_of(TAGS.get(tags[0].name, ("", "", 246))[2]) if tags else theme.panel
    if value is None or scale is None:
        return theme.panel
    return int(theme.ramp[int(scale.levels(np.array(value), len(theme.ramp)))])


def _thumb(surface: Surface, rect: Rect, edge: int, maps: Any, place: tuple[int, int], state: State) -> None:
    if not isinstance(maps, Maps):
        surface.fill(Rect(rect.x, rect.y, edge, (edge + 1) // 2), surface.theme.panel)
        return
    values = maps.patches[place]
    rows, columns = values.shape
    longest = max(rows, columns)
    small = shrink(values, max(1, round(edge * rows / longest)), max(1, round(edge * columns / longest)))
    heat(surface, rect.x, rect.y, small, span(small, log=state.log), 1)


def _reading(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    """The number under the cursor with its unit, and what the colours mean."""
    theme, quantity = surface.theme, QUANTITIES[state.quantity]
    place = f"layer {state.layer + 1} · head {state.head + 1}"
    x = surface.write(rect.x, rect.y, place, theme.accent, bold=True) + 2
    tags = book.get(WantTags(run.folder))
    mine = tags[state.layer][state.head] if isinstance(tags, list) else []
    if state.quantity != "tag":
        column = book.column(run, state.quantity)
        if isinstance(column, Failure):
            notice(surface, Rect(rect.x, rect.y + 1, rect.width, rect.height), column.sentence)
            surface.write(x, rect.y, f"{quantity.title}: not measured", theme.bad)
            return
        if column is None:
            surface.write(x, rect.y, f"{quantity.title} …", theme.dim)
            return
        here = state.layer, state.head
        x = surface.write(x, rect.y, f"{quantity.title} ", theme.dim)
        x = surface.write(x, rect.y, number(float(column.values[here])), bold=True)
        unit = {"1": "", "image side": "image sides"}.get(column.unit, column.unit)
        spread = f" ± {number(float(column.spread[here]), 2)}" if column.spread is not None else ""
        x = surface.write(x, rect.y, f"{spread} {unit}".rstrip(), theme.dim, width=None) + 2
        bar(
            surface,
            rect.x,
            rect.y + 1,
            rect.width,
            span(column.values, zero=quantity.zero),
            f"{quantity.title}{f', {unit}' if unit else ''}",
        )
    else:
        _legend(surface, Rect(rect.x, rect.y + 1, rect.width, 1))
    for tag in mine:
        text = f"{sentence(tag.name, tag.detail)} {number(tag.score, 2)}"
        if x + len(text) + 2 > rect.right:
            break
        x = surface.write(x, rect.y, text) + 2


def _legend(surface: Surface, rect: Rect) -> None:
    """What the characters of tags mean."""
    x = rect.x
    for name in TAGS:
        if x + len(name) + 5 > rect.right:
            break
        numbers.chip(surface, x, rect.y, name, "")
        x = surface.write(x + 4, rect.y, name, surface.theme.dim) + 2
