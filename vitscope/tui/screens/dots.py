"""Every head of every layer as a dot on an axis: one band a layer, the head under the cursor, and marks beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitscope.tui import mouse
from vitscope.tui.palettes import Theme
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number

LEFT = 5  # columns for the numbers of layers
RIGHT = 9  # columns of a number beside the plot
DOT = "●"


@dataclass(frozen=True, kw_only=True)
class Dots:
    """What is drawn: a number of every head, and what else stands in each layer."""

    values: np.ndarray  # (L, H)
    spread: np.ndarray | None = None  # (L, H), over images
    layer: int
    head: int
    zero: bool  # the axis starts at zero
    even: tuple[float, str] | None = None  # a dotted line at this value, and what it is
    lines: tuple[np.ndarray, ...] = ()  # (L,) each: a bar in every layer
    marks: tuple[tuple[str, np.ndarray], ...] = ()  # a character and its place in every layer (L,)
    found: frozenset[tuple[int, int]] | None = None  # layer and head of those that a search left over
    beside: tuple[tuple[str, np.ndarray], ...] = ()  # a title and a number of every layer (L,), at the right

    @property
    def ends(self) -> list[float]:
        """Round numbers from one end of the axis to the other."""
        every = [self.values.ravel(), *(values for _, values in self.marks)]
        return ticks(np.concatenate(every), zero=self.zero)


def draw(surface: Surface, rect: Rect, dots: Dots) -> int:
    """The plot with its axis, and as many of the numbers beside it as there is room for; returns the row below."""
    shown = dots.beside[: max(0, (rect.width - 46) // RIGHT)]
    wide = rect.width - LEFT - (len(shown) * RIGHT if shown else 1)
    layers = len(dots.values)
    head = 1 if rect.height > 10 or (shown and rect.height > 5) else 0
    place = Rect(rect.x + LEFT, rect.y + head, max(10, wide), max(1, rect.height - head - 2))
    marks = dots.ends
    ends = marks[0], marks[-1]
    band = max(1, min(3, place.height // layers))
    count = min(layers, place.height // band)
    first = max(0, min(dots.layer - count // 2, layers - count))
    for layer in range(first, first + count):
        at = Rect(place.x, place.y + (layer - first) * band, place.width, band)
        if dots.even is not None:
            _line(surface, at, _at(dots.even[0], *ends, at), "┊")
        _band(surface, at, dots, layer, ends)
        middle = _middle(at)
        ink = surface.theme.text if layer == dots.layer else surface.theme.dim
        for i, (_, values) in enumerate(shown):
            surface.write(place.right + 2 + i * RIGHT, middle, number(float(values[layer])), ink)
    _axis(surface, Rect(place.x, place.y + count * band, place.width, 2), marks)
    if head:
        for i, (title, _) in enumerate(shown):
            surface.write(place.right + 2 + i * RIGHT, rect.y, title, surface.theme.dim)
        if dots.even is not None:
            label = f"┊ {dots.even[1]}"
            at = place.x + _at(dots.even[0], *ends, place)
            surface.write(max(place.x, min(at, place.right - len(label))), rect.y, label, surface.theme.dim)
    return place.y + count * band + 2


def _middle(rect: Rect) -> int:
    return rect.y + rect.height // 2 if rect.height % 2 else rect.y + rect.height - 1


def _band(surface: Surface, rect: Rect, dots: Dots, layer: int, ends: tuple[float, float]) -> None:
    """The heads of one layer; those that fall on the same cell are stacked, then counted."""
    theme, here = surface.theme, layer == dots.layer
    middle, values = _middle(rect), dots.values[layer]
    ink = theme.accent if here else theme.dim
    surface.write(rect.x - LEFT, middle, str(layer + 1), ink, bold=here, width=3, align="right")
    for y in range(rect.y, rect.bottom):
        surface.write(rect.x - 1, y, "│", theme.faint)
    for line in dots.lines:
        if np.isfinite(line[layer]):
            _line(surface, rect, _at(float(line[layer]), *ends, rect), "│", ink=theme.dim)
    shown = [head for head in np.argsort(values, kind="stable").tolist() if np.isfinite(values[head])]
    left = dots.found or ()
    shown.sort(key=lambda head: (layer, head) in left)  # which keeps their order, and draws those over the others
    order = [middle, *(y for y in range(rect.bottom - 1, rect.y - 1, -1) if y != middle)]
    taken: dict[tuple[int, int], int] = {}
    for head in shown:
        if here and head == dots.head:
            continue
        x = rect.x + _at(float(values[head]), *ends, rect)
        free = next((y for y in order if (x, y) not in taken), order[0])
        taken[x, free] = taken.get((x, free), 0) + 1
        many = taken[x, free]
        dot, ink = look(theme, dots.found, (layer, head), theme.text if here else theme.dim)
        surface.write(x, free, dot if many == 1 else str(min(many, 9)), ink)
        surface.spot(Rect(x, free, 1, 1), mouse.head(layer, head))
    for character, places in dots.marks:
        if np.isfinite(places[layer]):
            x = rect.x + _at(float(places[layer]), *ends, rect)
            surface.write(x, middle, character, theme.good, bold=True)
            taken[x, middle] = 1
    if here and np.isfinite(values[dots.head]):
        _cursor(surface, rect, dots, ends, taken)


def look(theme: Theme, found: frozenset[tuple[int, int]] | None, place: tuple[int, int], ink: int) -> tuple[str, int]:
    """Character and ink of a head: heads that a search left out are rings, and those that it left over are bright."""
    if found is None:
        return DOT, ink
    return (DOT, theme.text) if place in found else ("○", theme.faint)


def _cursor(
    surface: Surface, rect: Rect, dots: Dots, ends: tuple[float, float], taken: dict[tuple[int, int], int]
) -> None:
    """The head under the cursor, with its spread over images."""
    theme, middle = surface.theme, _middle(rect)
    value = float(dots.values[dots.layer, dots.head])
    if dots.spread is not None:
        spread = float(dots.spread[dots.layer, dots.head])
        left, right = (rect.x + _at(value + side * spread, *ends, rect) for side in (-1, 1))
        for at in range(left, right + 1):
            if (at, middle) not in taken:
                surface.write(at, middle, "─", theme.accent)
    at = rect.x + _at(value, *ends, rect)
    surface.write(at, middle, "◆", theme.accent, bold=True)
    surface.spot(Rect(at, middle, 1, 1), mouse.head(dots.layer, dots.head))


def _line(surface: Surface, rect: Rect, at: int, character: str, ink: int | None = None) -> None:
    for y in range(rect.y, rect.bottom):
        surface.write(rect.x + at, y, character, surface.theme.faint if ink is None else ink)


def _at(value: float, low: float, high: float, rect: Rect) -> int:
    share = (value - low) / ((high - low) or 1.0)
    return round(max(0.0, min(1.0, share)) * (rect.width - 1)) if np.isfinite(share) else 0


def _axis(surface: Surface, rect: Rect, marks: list[float]) -> None:
    theme = surface.theme
    surface.rule(rect.x, rect.y, rect.width)
    surface.write(rect.x - 1, rect.y, "└", theme.faint)
    free = rect.x - 2
    for tick in marks:
        x = rect.x + _at(tick, marks[0], marks[-1], rect)
        surface.write(x, rect.y, "┴" if tick > marks[0] else "─", theme.faint)
        label = f"{tick:g}"
        start = min(x - len(label) // 2, rect.right - len(label))
        if start > free:
            free = surface.write(start, rect.y + 1, label, theme.dim)


def ticks(values: np.ndarray, *, zero: bool) -> list[float]:
    """Round numbers that hold all values between them.

    >>> ticks(np.array([0.03, 0.57]), zero=True)
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    """
    finite = values[np.isfinite(values)]
    low, high = (0.0 if zero else float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    raw = ((high - low) or abs(high) or 1.0) / 6
    power = 10.0 ** np.floor(np.log10(raw))
    step = float(next(s for s in (1, 2, 5, 10) if s * power >= raw * 0.999) * power)
    first, last = int(np.floor(low / step + 1e-9)), int(np.ceil(high / step - 1e-9))
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]
