"""Lines over layers, drawn with the dots of braille characters: two across and four down in a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitscope.catalog import MODELS
from vitscope.tui.palettes import rgb_of
from vitscope.tui.render.surface import Rect, Surface

METHODS = ("FS", "CLIP", "DINO", "MoCo-v3", "MAE", "BEiT")
LETTERS = "FCDOMBAEGHIJKLNPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # those of the methods first
INKS = (167, 178, 87, 67, 229, 135, 145, 213)  # of xterm, on a dark page; told apart by the colour-blind as well
LIGHT = (160, 131, 27, 17, 52, 97, 89, 91)
SMALLEST = (24, 7)  # columns and lines of a plot
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


def places(models: Sequence[str]) -> list[int]:
    """Which letter and colour each model has: those of its method, else the next that are free.

    >>> [LETTERS[place] for place in places(["demo-mae", "mae", "mine", "beit"])]
    ['M', 'A', 'E', 'B']
    """
    given: list[int | None] = []
    for name in models:
        method = MODELS[name].method if name in MODELS else ""
        own = METHODS.index(method) if method in METHODS else None
        given.append(None if own in given else own)
    free = (place for place in range(len(METHODS), len(METHODS) + len(models)))
    return [next(free) if place is None else place for place in given]


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


def grid(rect: Rect, count: int) -> tuple[int, int]:
    """Plots across and down: as square as the smallest allows, six as 3 × 2."""
    most = max(1, rect.width // SMALLEST[0]), max(1, rect.height // SMALLEST[1])
    fitting = [
        (across, -(-count // across)) for across in range(1, min(most[0], count) + 1) if -(-count // across) <= most[1]
    ]
    if not fitting:
        return most
    return min(fitting, key=lambda way: (way[0] * way[1], abs(rect.width / way[0] - 2.6 * rect.height / way[1])))
