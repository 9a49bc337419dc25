"""Heat maps made of text: two patches to a character with colours, shaded blocks without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.text import Text

from vitscope.export.palette import SHADES, Depth, level, ramp

MISSING = " "


@dataclass(frozen=True)
class Scale:
    """What the ends of the colours stand for."""

    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> Scale:
        """From 0, or the lowest value if it is below, to the highest; NaN is left out."""
        known = values[np.isfinite(values)]
        if not known.size:
            return cls(0.0, 0.0)
        return cls(min(0.0, float(known.min())), float(known.max()))


def cell_columns(depth: Depth) -> int:
    """Columns of the terminal that one patch takes: patches come out about square either way."""
    return 2 if depth == "none" else 1


def heat(values: np.ndarray, scale: Scale, depth: Depth) -> list[Text]:
    """Lines of a map, values of shape (rows, columns); NaN is left empty.

    With colours a line holds two rows of the map (▀: foreground above, background below); without, a line is one row
    and a patch takes two columns.
    """
    if depth == "none":
        steps = level(values, scale.low, scale.high, len(SHADES))
        return [Text("".join(MISSING * 2 if s < 0 else SHADES[s] * 2 for s in row)) for row in steps.tolist()]
    colours = ramp(depth)
    steps = level(values, scale.low, scale.high, len(colours))
    if len(steps) % 2:
        steps = np.vstack([steps, np.full_like(steps[:1], -1)])
    return [
        _pairs(above, below, colours) for above, below in zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True)
    ]


def _pairs(above: list[int], below: list[int], colours: list[str]) -> Text:
    line = Text()
    for top, bottom in zip(above, below, strict=True):
        if top < 0 and bottom < 0:
            line.append(MISSING)
        elif top < 0:
            line.append("▄", colours[bottom])
        elif bottom < 0:
            line.append("▀", colours[top])
        else:
            line.append("▀", f"{colours[top]} on {colours[bottom]}")
    return line


def enlarge(values: np.ndarray, factor: int) -> np.ndarray:
    """Every value of (rows, columns) as a square of factor × factor: patch grids are data, nothing is smoothed."""
    return np.repeat(np.repeat(values, factor, axis=0), factor, axis=1)


def shrink(values: np.ndarray, columns: int) -> np.ndarray:
    """The map at most `columns` wide, by means over whole squares; the last squares may be smaller.

    >>> shrink(np.arange(8.0).reshape(2, 4), 2).tolist()
    [[2.5, 4.5]]
    """
    factor = -(-values.shape[1] // columns)
    if factor <= 1:
        return values
    rows, cols = (range(0, length, factor) for length in values.shape)
    return np.array([[values[r : r + factor, c : c + factor].mean() for c in cols] for r in rows])


def middle(values: np.ndarray, columns: int) -> np.ndarray:
    """The middle of a map of odd edges, at most `columns` wide and as many high, its edges odd again.

    >>> middle(np.arange(25).reshape(5, 5), 4).tolist()
    [[6, 7, 8], [11, 12, 13], [16, 17, 18]]
    """
    edge = columns - 1 if columns % 2 == 0 else columns
    rows, cols = ((max(0, (length - edge) // 2), min(length, edge)) for length in values.shape)
    return values[rows[0] : rows[0] + rows[1], cols[0] : cols[0] + cols[1]]


def beside(blocks: Sequence[list[Text]], widths: Sequence[int], gap: int = 2) -> list[Text]:
    """Blocks of lines next to each other, each padded to its width."""
    height = max((len(block) for block in blocks), default=0)
    lines = []
    for number in range(height):
        line = Text()
        for block, width in zip(blocks, widths, strict=True):
            cell = block[number].copy() if number < len(block) else Text()
            cell.truncate(width, pad=True)
            line.append_text(cell)
            line.append(" " * gap)
        line.rstrip()
        lines.append(line)
    return lines


def colour_bar(scale: Scale, depth: Depth, unit: str, columns: int = 24) -> Text:
    """The colours from low to high with the numbers at both ends and the unit."""
    line = Text(f"{number(scale.low)} ")
    if depth == "none":
        steps = level(np.linspace(0, 1, columns), 0.0, 1.0, len(SHADES))
        line.append("".join(SHADES[s] for s in steps.tolist()))
    else:
        colours = ramp(depth)
        for step in level(np.linspace(0, 1, columns), 0.0, 1.0, len(colours)).tolist():
            line.append("█", colours[step])
    return line.append(f" {number(scale.high)}{unit_name(unit)}")


def number(value: float) -> str:
    """Three significant digits, no more than eight characters, the same width for the same size.

    >>> number(0.0), number(0.123456), number(0.0000123), number(12.3456), number(float("nan"))
    ('0', '0.123', '1.23e-05', '12.3', '–')
    """
    if np.isnan(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 0.001 or size >= 1e5:
        return f"{value:.2e}"
    return f"{value:.{max(0, min(5, 2 - int(np.floor(np.log10(size)))))}f}"


def unit_name(unit: str) -> str:
    """A unit after a number: nothing for "1".

    >>> unit_name("1"), unit_name("nat"), unit_name("image side")
    ('', ' nat', ' image sides')
    """
    if unit == "1":
        return ""
    return f" {unit}s" if unit in {"image side", "token"} else f" {unit}"
