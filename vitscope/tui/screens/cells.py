"""One head in the grid of all heads: as large as the terminal allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitscope.derive.heads import Tag
from vitscope.tui.library import Failure, Maps
from vitscope.tui.palettes import luminance
from vitscope.tui.render.heat import SHADES, Span, heat, shrink, span
from vitscope.tui.render.surface import Rect, Surface, fit
from vitscope.tui.render.words import compact, glyph, word
from vitscope.tui.screens.numbers import colour
from vitscope.tui.state import State

WORD = 5  # columns of a number or a tag beside a small map


@dataclass(frozen=True)
class Cells:
    """How large a head is in the grid, and what there is room for."""

    width: int  # with the gap after it
    height: int
    thumb: int = 0  # edge of the small map in pixels, 0 for none

    @property
    def ink(self) -> int:
        """Columns without the gap."""
        return self.width - (1 if self.width >= 6 else 0)


def choose(layers: int, heads: int, width: int, height: int) -> Cells:
    """The largest cells with which all heads fit; if the layers do not, one line each, and the page scrolls."""
    tall = height // layers
    for thumb in range(14, 4, -1):
        rows = (thumb + 2) // 2  # half a line of space below
        if 3 <= rows <= tall and heads * (thumb + WORD + 2) <= width:
            return Cells(thumb + WORD + 2, rows, thumb)
    for wide in (8, 7, 6):
        if tall >= 2 and heads * wide <= width:
            return Cells(wide, 3 if tall >= 3 else 2)
    for wide in (8, 6, 5, 3, 2):
        if heads * wide <= width:
            return Cells(wide, 1)
    return Cells(1, 1)


def draw_cell(
    surface: Surface, rect: Rect, cells: Cells, value: float | None, scale: Span | None, tags: list[Tag],
    maps: Maps | Failure | None, place: tuple[int, int], state: State, *, chosen: bool,
) -> None:  # fmt: skip
    """Draw the head at `place` (layer, head) into `rect`: small map, number on its colour, first tag, as they fit."""
    if cells.thumb:
        _thumb(surface, rect, cells.thumb, maps, place, state)
        rect = Rect(rect.x + cells.thumb + 1, rect.y, WORD, 2)
    else:
        rect = Rect(rect.x, rect.y, cells.ink, cells.height)
    by_tag = state.quantity == "tag"
    if rect.height >= 2:
        _card(surface, rect, value, scale, tags, by_tag=by_tag, chosen=chosen)
    else:
        _chip(surface, rect, value, scale, tags, by_tag=by_tag, chosen=chosen)


def _card(
    surface: Surface,
    rect: Rect,
    value: float | None,
    scale: Span | None,
    tags: list[Tag],
    *,
    by_tag: bool,
    chosen: bool,
) -> None:
    """Two lines: the number on its colour, the tag below it in words."""
    theme = surface.theme
    captions = [_caption(tag, rect.width) for tag in tags[:2]] + ["", ""]
    if by_tag:
        text, below = captions[0], captions[1]
    else:
        text, below = ("" if value is None else compact(value, min(5, rect.width - 1))), captions[0]
    _coloured(surface, Rect(rect.x, rect.y, rect.width, 1), text, value, scale, tags, by_tag=by_tag, chosen=chosen)
    ink = theme.accent if chosen else colour(tags[0].name) if below and not theme.plain else theme.dim
    surface.write(rect.x, rect.y + 1, below, ink, bold=chosen, width=rect.width, align="centre")


def _caption(tag: Tag, width: int) -> str:
    """A tag as a word, or as its character where words would be cut."""
    text = word(tag.name, tag.detail)
    return text if len(text) <= width and width >= 6 else glyph(tag.name, tag.detail)


def _chip(
    surface: Surface,
    rect: Rect,
    value: float | None,
    scale: Span | None,
    tags: list[Tag],
    *,
    by_tag: bool,
    chosen: bool,
) -> None:
    """One line: number and the tag's character, or only the character."""
    mark = glyph(tags[0].name, tags[0].detail) if tags else " "
    if by_tag and tags:
        text = _caption(tags[0], rect.width)
    elif by_tag or value is None:
        text = mark
    elif rect.width >= 7:
        text = f"{compact(value, 5)} {mark}"
    elif rect.width >= 5:
        text = f"{compact(value, rect.width - 2)}{mark}"
    elif surface.theme.plain and scale is not None:
        text = chr(SHADES[scale.levels(np.array(value), len(SHADES))]) * max(1, rect.width - 1)
    else:
        text = mark
    _coloured(surface, rect, text, value, scale, tags, by_tag=by_tag, chosen=chosen)


def _coloured(
    surface: Surface, rect: Rect, text: str, value: float | None, scale: Span | None, tags: list[Tag], *,
    by_tag: bool, chosen: bool,
) -> None:  # fmt: skip
    """A line of text on the colour of the head; on the cursor's colour under the cursor."""
    theme = surface.theme
    back = theme.panel
    if by_tag and tags:
        back = colour(tags[0].name)
    elif not by_tag and value is not None and scale is not None:
        back = int(theme.ramp[int(scale.levels(np.array(value), len(theme.ramp)))])
    if theme.plain:
        back = theme.back
    ink = theme.text if theme.plain else 0x000000 if luminance(back) > 0.18 else 0xFFFFFF
    if chosen:
        back, ink = theme.accent, theme.on_accent
    line = fit(text, rect.width, "centre")
    surface.write(rect.x, rect.y, line, ink, back=back, bold=chosen, reverse=chosen and theme.depth == "mono")


def _thumb(
    surface: Surface, rect: Rect, edge: int, maps: Maps | Failure | None, place: tuple[int, int], state: State
) -> None:
    """The head's map, pooled to `edge` pixels along its longer side."""
    if not isinstance(maps, Maps):
        surface.fill(Rect(rect.x, rect.y, edge, (edge + 1) // 2), surface.theme.panel)
        return
    values = maps.patches[place]
    rows, columns = values.shape
    longest = max(rows, columns)
    small = shrink(values, max(1, round(edge * rows / longest)), max(1, round(edge * columns / longest)))
    shared = {"head": small, "layer": maps.patches[place[0]], "model": maps.patches}[state.scale]
    heat(surface, rect.x, rect.y, small, span(shared, log=state.log), 1)
