"""Heat maps: a value becomes a level of the ramp, and a block of pixels of the same size for every value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitscope.tui.palettes import luminance
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number

SHADES = np.array([ord(c) for c in "·░▒▓█"], dtype=np.uint32)
DECADES = 3  # a logarithmic scale ends this many powers of ten below its maximum

WIDEST = 8  # letters of a number
CONTRAST = 2.5  # of the cursor's colour with what it lies on, at least


@dataclass(frozen=True)
class Span:
    """What the colours of a map mean: from `low` to `high`, evenly or by powers of ten."""

    low: float
    high: float
    log: bool = False

    def share(self, values: np.ndarray) -> np.ndarray:
        """Place of each value between the ends, from 0 to 1; NaN counts as the low end."""
        if self.log:
            floor = self.high * 10.0**-DECADES
            if self.high <= 0:
                return np.zeros(np.shape(values))
            share = 1 + np.log10(np.maximum(values, floor) / self.high) / DECADES
        else:
            share = (np.asarray(values) - self.low) / ((self.high - self.low) or 1.0)
        return np.clip(np.nan_to_num(share), 0.0, 1.0)

    def levels(self, values: np.ndarray, count: int) -> np.ndarray:
        """Index of each value in a ramp of `count` colours."""
        return np.minimum((self.share(values) * count).astype(np.int32), count - 1)

    @property
    def ends(self) -> tuple[str, str]:
        """The two ends as text."""
        return number(self.high * 10.0**-DECADES if self.log else self.low), number(self.high)


def span(values: np.ndarray, *, log: bool = False, zero: bool = True) -> Span:
    """The scale of `values`: from 0, or from the smallest where `zero` is not meant, to the largest."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Span(0.0, 1.0, log)
    return Span(0.0 if zero else float(finite.min()), float(finite.max()), log)


def factor(rows: int, columns: int, width: int, height: int) -> int:
    """How many pixels a value may be wide and tall to fit in width × height cells; 0 if not even one."""
    return min(width // columns, 2 * height // rows)


def shrink(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The mean of `values` (…, R, C) over rows × columns equal areas: exact pooling where they divide the grid."""
    return _pooled(_pooled(values, rows).swapaxes(-1, -2), columns).swapaxes(-1, -2)


def _pooled(values: np.ndarray, parts: int) -> np.ndarray:
    """Means over equal stretches of the axis before the last, from the running sum at their fractional ends."""
    size = values.shape[-2]
    sums = np.zeros((*values.shape[:-2], size + 1, values.shape[-1]))
    np.cumsum(values, axis=-2, dtype=np.float64, out=sums[..., 1:, :])
    edges = np.linspace(0, size, parts + 1)
    whole = np.minimum(edges.astype(int), size - 1)
    at = sums[..., whole, :] + (edges - whole)[:, None] * values[..., whole, :]
    return np.diff(at, axis=-2) * (parts / size)


def heat(
    surface: Surface, x: int, y: int, values: np.ndarray, scale: Span, times: int, *, ramp: np.ndarray | None = None
) -> Rect:
    """Draw `values` (R, C) at (x, y), each `times` pixels wide and tall; returns the cells it takes.

    In the colours of `ramp`, else of the theme.
    """
    ramp = surface.theme.ramp if ramp is None else ramp
    levels = scale.levels(values, len(SHADES) if surface.theme.plain else len(ramp))
    levels = levels.repeat(times, axis=0).repeat(times, axis=1)
    odd = levels.shape[0] % 2
    if surface.theme.plain:
        levels = np.pad(levels, ((0, odd), (0, 0)), mode="edge")
        surface.characters(x, y, SHADES[(levels[::2] + levels[1::2] + 1) // 2])
    else:
        colours = ramp[levels]
        if odd:
            colours = np.vstack([colours, np.full((1, colours.shape[1]), surface.theme.back, dtype=np.int32)])
        surface.pixels(x, y, colours)
    return Rect(x, y, levels.shape[1], (levels.shape[0] + 1) // 2)


def mark(surface: Surface, x: int, y: int, times: int, row: int, column: int) -> None:
    """Point out the value at (row, column) of a map drawn at (x, y), without hiding its colour."""
    left, top = x + column * times, row * times
    if surface.theme.plain:
        line = y + (top + times // 2) // 2
        surface.write(left + (times - 1) // 2, line, "╳", surface.theme.accent, bold=True)
    elif times == 1:
        _pixel(surface, left, y, top)
    elif times == 2:
        for at, bracket in ((left, "["), (left + 1, "]")):
            if 0 <= at < surface.width and 0 <= y + row < surface.height:
                surface.write(at, y + row, bracket, _ink(surface, int(surface.back[y + row, at])), bold=True)
    else:
        for at in (left, left + times - 1):
            for down in (top, top + times - 1):
                _pixel(surface, at, y, down)


def point(surface: Surface, x: int, y: int, times: int, place: tuple[int, int], character: str) -> None:
    """Write `character` into the middle of the value at `place` of a map drawn at (x, y), on its colour."""
    row, column = place
    line, at = y + (row * times + (times - 1) // 2) // 2, x + column * times + (times - 1) // 2
    if not (0 <= line < surface.height and 0 <= at < surface.width):
        return
    plain = surface.theme.plain
    back = int(surface.back[line, at])
    ink = surface.theme.accent if plain else surface.theme.on(back)
    surface.write(at, line, character, ink, back=None if plain else back, bold=True)


def _pixel(surface: Surface, x: int, y: int, down: int) -> None:
    """Give one pixel, `down` pixels below line `y`, the cursor's colour."""
    line = y + down // 2
    if 0 <= line < surface.height and 0 <= x < surface.width:
        half = surface.back if down % 2 else surface.fore
        half[line, x] = _ink(surface, int(half[line, x]))


def _ink(surface: Surface, back: int) -> int:
    """The cursor's colour, or black or white where that could not be told from what it lies on."""
    dark, bright = sorted((luminance(back), luminance(surface.theme.accent)))
    return surface.theme.accent if (bright + 0.05) / (dark + 0.05) > CONTRAST else surface.theme.on(back)


def bar(surface: Surface, x: int, y: int, width: int, scale: Span, label: str, ramp: np.ndarray | None = None) -> int:
    """The scale as a strip of colours (of the theme) between its ends, then `label`; returns the column after it."""
    ramp = surface.theme.ramp if ramp is None else ramp
    low, high = scale.ends
    end = surface.write(x, y, f"{low} ", surface.theme.dim)
    strip = max(4, min(24, width - (end - x) - len(high) - 1 - (len(label) + 2 if label else 0)))
    if width - (end - x) - WIDEST - 3 - len(label) >= 24:  # then the label stays in its place whatever the number is
        high = f"{high:{WIDEST}}" if label else high
    if surface.theme.plain:
        steps = np.linspace(0, len(SHADES) - 1, strip).round().astype(int)
        surface.characters(end, y, SHADES[steps][None])
    else:
        steps = np.linspace(0, len(ramp) - 1, strip).round().astype(int)
        surface.pixels(end, y, np.stack([ramp[steps]] * 2))
    end = surface.write(end + strip, y, f" {high}", surface.theme.dim)
    if label:
        end = surface.write(end, y, f"  {label}", surface.theme.dim, width=max(0, min(len(label) + 2, x + width - end)))
    return end
