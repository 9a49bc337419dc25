"""A matrix of numbers with names at its edges and a cursor, as large as the terminal allows; it scrolls if it must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitscope.tui import mouse
from vitscope.tui.render.heat import SHADES, Span
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import compact
from vitscope.tui.steps import window

LABEL = 4
CELL = 9
LONGEST = 16  # columns that a name may take


@dataclass(frozen=True)
class Names:
    """What rows and columns are called."""

    rows: Sequence[str]
    columns: Sequence[str]

    @property
    def label(self) -> int:
        """Columns that the names of rows take, with a space."""
        return min(LONGEST, max(LABEL, 1 + max(map(len, self.rows), default=0)))

    @property
    def widest(self) -> int:
        """Columns that a cell takes where there is room: enough for a number, and for the names above."""
        return min(LONGEST, max(CELL, 1 + max(map(len, self.columns), default=0)))


def span(values: np.ndarray) -> Span:
    """Colours from 0 to 1, so that all matrices can be compared, or as far as the values reach."""
    known = values[np.isfinite(values)]
    return Span(min(0.0, float(known.min())), max(1.0, float(known.max()))) if known.size else Span(0.0, 1.0)


def draw(surface: Surface, rect: Rect, values: np.ndarray, names: Names, cursor: tuple[int, int]) -> int:
    """Draw `values` (R, C) into `rect`; returns the row below. Without room for a column each, columns scroll too."""
    wide, tall = _cell(values.shape, rect.width - names.label, rect.height - 1, names.widest)
    shown_rows = max(1, min(values.shape[0], (rect.height - 1) // tall))
    shown_columns = max(1, min(values.shape[1], (rect.width - names.label) // wide))
    rows = window(cursor[0], shown_rows, values.shape[0])
    columns = window(cursor[1], shown_columns, values.shape[1])
    _across(surface, rect, names, columns, wide, cursor[1])
    scale = span(values)
    for i, row in enumerate(rows):
        y = rect.y + 1 + i * tall
        here = row == cursor[0]
        ink = surface.theme.accent if here else surface.theme.dim
        middle = y + (tall - 1) // 2
        surface.write(rect.x, middle, names.rows[row], ink, bold=here, width=names.label - 1, align="right")
        for j, column in enumerate(columns):
            place = Rect(rect.x + names.label + j * wide, y, wide, tall)
            surface.spot(place, mouse.cell(row - cursor[0], column - cursor[1]))
            _draw_cell(surface, place, float(values[row, column]), scale, chosen=(row, column) == cursor)
    if rows[-1] + 1 < values.shape[0]:
        surface.write(rect.x, rect.y + shown_rows * tall, "↓", surface.theme.accent, bold=True)
    if rows[0]:
        surface.write(rect.x, rect.y + 1, "↑", surface.theme.accent, bold=True)
    return rect.y + 1 + shown_rows * tall


def _cell(shape: tuple[int, ...], width: int, height: int, widest: int) -> tuple[int, int]:
    """Columns and lines of a cell: the numbers in it first, then as square as it gets."""
    wide = max(2, min(widest, width // shape[1]))
    return wide, max(1, min(3, height // shape[0], wide // 2 - 1))


def _across(surface: Surface, rect: Rect, names: Names, columns: range, wide: int, chosen: int) -> None:
    """Names above the columns; of those too long for theirs as much as can be read, without what all begin with."""
    longest = max(len(names.columns[column]) for column in columns)
    skipped = shared(names.columns) if longest >= wide else 0
    longest -= skipped
    every = 1 if longest < wide else -(-(longest + 1) // wide) if longest <= 3 else 1
    for j, column in enumerate(columns):
        here = column == chosen
        if column % every and not here:
            continue
        ink = surface.theme.accent if here else surface.theme.dim
        room = wide - 1 if every == 1 else wide * every - 1
        x = rect.x + names.label + j * wide
        surface.write(x, rect.y, names.columns[column][skipped:], ink, bold=here, width=room, align="centre")


def shared(names: Sequence[str]) -> int:
    """How many letters all names begin with, up to the last hyphen or slash among them.

    >>> shared(["demo-dino", "demo-dino-s8"]), shared(["mae", "mine"]), shared(["one"])
    (5, 0, 0)
    """
    first, last = min(names), max(names)
    same = next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return 1 + max(first[:same].rfind(mark) for mark in "-/") if len(names) > 1 else 0


def _draw_cell(surface: Surface, rect: Rect, value: float, scale: Span, *, chosen: bool) -> None:
    theme = surface.theme
    level = float(scale.share(np.array([value]))[0])
    known = bool(np.isfinite(value))
    back = int(theme.ramp[min(len(theme.ramp) - 1, int(level * len(theme.ramp)))]) if known else theme.panel
    text = compact(value, rect.width - 1) if rect.width >= 4 else ""
    if theme.plain:
        back = theme.back
        text = text or (
            chr(SHADES[min(len(SHADES) - 1, int(level * len(SHADES)))]) * (rect.width - 1) if known else "–"
        )
    ink = theme.text if theme.plain else theme.on(back)
    if chosen:
        back, ink = theme.accent, theme.on(theme.accent)
    surface.fill(rect, back, reverse=chosen and theme.depth == "mono")
    line = rect.y + (rect.height - 1) // 2
    surface.write(
        rect.x, line, text, ink, back=back, bold=chosen, reverse=chosen and theme.depth == "mono", width=rect.width,
        align="centre",
    )  # fmt: skip
