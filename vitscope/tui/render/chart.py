"""Lines over layers, drawn with the dots of braille characters: two across and four down in a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitscope.tui.palettes import rgb_of
from vitscope.tui.render.surface import Rect, Surface

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
INKS = (75, 215, 114, 176, 221, 80, 210, 250)  # of xterm, on a dark page
LIGHT = (25, 130, 28, 90, 94, 30, 124, 240)
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


@dataclass(frozen=True)
class Axes:
    """Where numbers are on the surface: `low` at the bottom of `rect`, `high` at its top, layers across."""

    rect: Rect
    low: float
    high: float
    layers: int

    def x(self, layer: float) -> float:
        """Cells from the left edge of the surface; a margin of half a step at each side."""
        return self.rect.x + (layer + 0.5) * self.rect.width / self.layers

    def y(self, value: float) -> float:
        """Cells from the top of the surface."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.rect.y + (1 - share) * (self.rect.height - 1) + 0.5


def ink(surface: Surface, index: int) -> int:
    """The colour of the line number `index`."""
    codes = LIGHT if surface.theme.light else INKS
    return surface.theme.text if surface.theme.plain else rgb_of(codes[index % len(codes)])


def path(surface: Surface, axes: Axes, values: np.ndarray, index: int) -> None:
    """One line without letters; NaN is a gap."""
    for layer in range(len(values) - 1):
        if np.isfinite(values[layer : layer + 2]).all():
            _stroke(surface, axes, (layer, float(values[layer])), (layer + 1, float(values[layer + 1])), index)


def line(surface: Surface, axes: Axes, values: np.ndarray, index: int) -> None:
    """One line, its letter at every layer; NaN is a gap."""
    path(surface, axes, values, index)
    for layer, value in enumerate(values.tolist()):
        if np.isfinite(value):
            mark = LETTERS[index % len(LETTERS)]
            surface.write(int(axes.x(layer)), int(axes.y(value)), mark, ink(surface, index), bold=True)


def level(surface: Surface, axes: Axes, value: float, ink: int, character: str = "┄") -> None:
    """A line straight across at one value."""
    surface.write(axes.rect.x, int(axes.y(value)), character * axes.rect.width, ink)


def _stroke(surface: Surface, axes: Axes, start: tuple[int, float], end: tuple[int, float], index: int) -> None:
    """Dots from one point to the next, joined with those that are there already."""
    x = np.array([axes.x(start[0]), axes.x(end[0])]) * 2
    y = np.array([axes.y(start[1]), axes.y(end[1])]) * 4
    count = int(max(abs(x[1] - x[0]), abs(y[1] - y[0]))) + 2
    for right, down in zip(
        np.linspace(x[0], x[1], count).astype(int), np.linspace(y[0], y[1], count).astype(int), strict=True
    ):
        column, row = int(right) // 2, int(down) // 4
        inside = axes.rect.x <= column < axes.rect.right and axes.rect.y <= row < axes.rect.bottom
        if not inside or row >= surface.height or column >= surface.width:
            continue
        before = int(surface.char[row, column])
        dots = before - 0x2800 if 0x2800 <= before < 0x2900 else 0
        dots |= int(_DOTS[int(down) % 4, int(right) % 2])
        surface.write(column, row, chr(0x2800 + dots), ink(surface, index))
