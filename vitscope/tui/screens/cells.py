"""One head in the grid of all heads: as large as the terminal allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vitscope.derive.heads import Tag
from vitscope.geometry import Geometry
from vitscope.tui.library import Maps
from vitscope.tui.render.heat import SHADES, heat, shrink, span
from vitscope.tui.render.surface import Rect, Surface, fit
from vitscope.tui.render.words import compact, glyph, word
from vitscope.tui.screens.numbers import colour
from vitscope.tui.state import State

WORD = 5  # columns of a number or a tag beside a small map
LARGEST, CLEAR, SMALLEST = 14, 7, 4  # pixels of a small map: at most, with room for all layers, with room for a few
EXACT = 0.8  # of the largest that fits: so much smaller may a map be to be the mean of whole patches
SEVERAL = 3  # layers that a page of maps should show at least


@dataclass(frozen=True)
class Cells:
    """How large a head is in the grid, and what there is room for."""

    width: int  # with the gap after it
    height: int
    thumb: int = 0  # longer side of the small map in pixels, 0 for none
    above: bool = False  # the number stands above the map instead of beside it

    @property
    def ink(self) -> int:
        """Columns without the gap."""
        return self.width - (1 if self.width >= 6 or self.thumb else 0)


def choose(g: Geometry, width: int, height: int) -> Cells:
    """The largest cells with which all heads fit; if the layers do not, one line each, and the page scrolls."""
    layers, heads = g.layers, g.heads
    tall = height // layers
    for thumb in range(min(LARGEST, g.rows, g.columns), 4, -1):
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


def maps_only(g: Geometry, width: int, height: int) -> Cells:
    """Maps below their numbers, the largest with which some layers are on the page, else as `choose` has it.

    All layers, if maps can still be read then; pooled exactly, if that costs little.
    """
    longest = max(g.rows, g.columns)
    edges = range(min(LARGEST, longest, (width // g.heads - 1) * longest // g.columns), SMALLEST - 1, -1)
    sizes = [(edge, *pooled(g, edge)) for edge in edges]
    cells = [Cells(columns + 1, rows // 2 + 2, edge, above=True) for edge, rows, columns in sizes]
    every = [one for one in cells if one.height * g.layers <= height and one.thumb >= CLEAR]
    some = [one for one in cells if one.height * min(g.layers, SEVERAL) <= height]
    fitting = every or some
    exact = [one for one in fitting if longest % one.thumb == 0 and one.thumb >= EXACT * fitting[0].thumb]
    return next(iter([*exact, *fitting]), choose(g, width, height))


def pooled(g: Geometry, edge: int) -> tuple[int, int]:
    """Rows and columns in pixels of a map whose longer side has `edge`."""
    longest = max(g.rows, g.columns)
    return max(1, round(edge * g.rows / longest)), max(1, round(edge * g.columns / longest))


class Head(NamedTuple):
    """What the grid shows of one head."""

    value: float | None  # the chosen number, None where there is none
    level: float  # where it lies on the scale, from 0 to 1
    tags: list[Tag]
    by_tag: bool  # coloured by its first tag instead of by the number
    chosen: bool  # under the cursor


def draw_cell(surface: Surface, rect: Rect, cells: Cells, head: Head) -> None:
    """Draw one head into `rect`: number on its colour and first tag as they fit, to the right of its small map."""
    if cells.above:
        rect = Rect(rect.x, rect.y, cells.width - 1, 1)
    elif cells.thumb:
        rect = Rect(rect.x + cells.thumb, rect.y, WORD, 2)
    else:
        rect = Rect(rect.x, rect.y, cells.ink, cells.height)
    if rect.height >= 2:
        _card(surface, rect, head)
    else:
        _coloured(surface, rect, _line(surface, rect.width, head), head)


def _card(surface: Surface, rect: Rect, head: Head) -> None:
    """Two lines: the number on its colour, the tag below it; or the first tag, and the second below it."""
    theme = surface.theme
    captions = [_caption(tag, rect.width) for tag in head.tags[:2]] + ["", ""]
    text = "" if head.value is None else compact(head.value, min(5, rect.width - 1))
    upper, lower = (captions[0], captions[1]) if head.by_tag else (text, captions[0])
    _coloured(surface, Rect(rect.x, rect.y, rect.width, 1), upper, head)
    ink = theme.dim
    if head.chosen:
        ink = theme.accent
    elif lower and not theme.plain:
        ink = colour(head.tags[1 if head.by_tag else 0].name, light=theme.light)
    surface.write(rect.x, rect.y + 1, lower, ink, bold=head.chosen, width=rect.width, align="centre")


def _line(surface: Surface, width: int, head: Head) -> str:
    """One line: number and the tag's character, or only the character."""
    mark = glyph(head.tags[0].name, head.tags[0].detail) if head.tags else " "
    if head.by_tag and head.tags:
        return _caption(head.tags[0], width)
    if head.by_tag or head.value is None:
        return mark
    if width >= 7:
        return f"{compact(head.value, 5)} {mark}"
    if width >= 5:
        return f"{compact(head.value, width - 2)}{mark}"
    if surface.theme.plain:
        return chr(SHADES[min(len(SHADES) - 1, int(head.level * len(SHADES)))]) * max(1, width - 1)
    return mark


def _caption(tag: Tag, width: int) -> str:
    """A tag as a word, or as its character where words would be cut."""
    text = word(tag.name, tag.detail)
    return text if len(text) <= width and width >= 6 else glyph(tag.name, tag.detail)


def _coloured(surface: Surface, rect: Rect, text: str, head: Head) -> None:
    """A line of text on the colour of the head; on the cursor's colour under the cursor."""
    theme = surface.theme
    back = theme.panel
    if head.by_tag and head.tags:
        back = colour(head.tags[0].name)
    elif not head.by_tag and head.value is not None:
        back = int(theme.ramp[min(len(theme.ramp) - 1, int(head.level * len(theme.ramp)))])
    if theme.plain:
        back = theme.back
    ink = theme.text if theme.plain else theme.on(back)
    if head.chosen:
        back, ink = theme.accent, theme.on(theme.accent)
    line = fit(text, rect.width, "centre")
    surface.write(rect.x, rect.y, line, ink, back=back, bold=head.chosen, reverse=head.chosen and theme.depth == "mono")


def small(maps: Maps, edge: int) -> np.ndarray:
    """The maps of all heads pooled to `edge` pixels along their longer side, (L, H, rows, columns)."""
    rows, columns = maps.patches.shape[-2:]
    longest = max(rows, columns)
    return shrink(maps.patches, max(1, round(edge * rows / longest)), max(1, round(edge * columns / longest)))


def thumb(surface: Surface, x: int, y: int, maps: np.ndarray, place: tuple[int, int], state: State) -> None:
    """The small map of the head at `place`."""
    shared = {"head": maps[place], "layer": maps[place[0]], "model": maps}[state.scale]
    heat(surface, x, y, maps[place], span(shared, log=state.log), 1)
