"""Numbers of layers and heads as text: a coloured grid, or bars where one axis is left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from vitscope.export.heat import Scale, colour_bar, number, unit_name
from vitscope.export.palette import Depth, is_light, level, ramp

LABEL = 6  # columns for the number of the layer
BAR = 40  # longest bar, in columns
EIGHTHS = " ▏▎▍▌▋▊▉"


def grid(
    values: np.ndarray,
    layers: Sequence[object],
    heads: Sequence[object],
    unit: str,
    width: int,
    depth: Depth,
    before: np.ndarray | None = None,
) -> list[Text]:
    """Values (L, H) as lines: a row per layer, a coloured cell per head; heads that do not fit follow below.

    `before` holds one character for each cell, written before its number.
    """
    scale = Scale.of(values)
    power = decimal_power(scale)
    cells = [[cell(value / 10**power) for value in row] for row in values.tolist()]
    if before is not None:
        cells = [[sign + text for sign, text in zip(*row, strict=True)] for row in zip(before, cells, strict=True)]
    wide = max(len(text) for row in cells for text in row)
    steps = level(values, scale.low, scale.high, max(len(ramp(depth)), 1))
    fitting = max(1, (width - LABEL) // (wide + 1))
    blocks = -(-len(heads) // fitting)
    size = -(-len(heads) // blocks)
    lines: list[Text] = []
    for start in range(0, len(heads), size):
        part = slice(start, start + size)
        lines.append(Text("layer ".rjust(LABEL) + " ".join(f"h{head}".rjust(wide) for head in heads[part]), "dim"))
        for layer, texts, row in zip(layers, cells, steps.tolist(), strict=True):
            lines.append(_row(str(layer), texts[part], row[part], wide, depth))
        lines.append(Text())
    ends = Text(f"{number(scale.low)} to {number(scale.high)}{unit_name(unit)}")
    bar = ends if depth == "none" else colour_bar(scale, depth, unit)
    times = f", cells ×10{_superscript(power)}" if power else ""
    lines.append(Text(" " * LABEL).append_text(bar).append(times, "dim"))
    return lines


def _row(layer: str, texts: Sequence[str], steps: Sequence[int], wide: int, depth: Depth) -> Text:
    line = Text(f"{layer} ".rjust(LABEL), "dim")
    colours = ramp(depth)
    for text, step in zip(texts, steps, strict=True):
        shown = text.rjust(wide)
        if colours and step >= 0:
            ink = "black" if is_light(step, depth) else "bright_white"
            line.append(shown, f"{ink} on {colours[step]}").append(" ", "not dim")
        else:
            line.append(shown + " ", "not dim")
    line.rstrip()
    return line


def bars(
    values: np.ndarray, names: Sequence[object], what: str, unit: str, width: int, spread: np.ndarray | None = None
) -> list[Text]:
    """Values (N,) as bars from 0, each with its name before it and its number behind; negative ones have no bar."""
    label = max(len(what), *(len(str(name)) for name in names)) + 1
    shown = [number(value) for value in values.tolist()]
    if spread is not None:
        shown = [f"{text} ± {number(value)}" for text, value in zip(shown, spread.tolist(), strict=True)]
    room = max(8, min(BAR, width - label - max(map(len, shown)) - 4))
    top = Scale.of(values).high
    lines = [Text(f"{what.rjust(label)}  {unit if unit != '1' else ''}".rstrip(), "dim")]
    for name, value, text in zip(names, values.tolist(), shown, strict=True):
        line = Text(f"{str(name).rjust(label)} ")
        length = 0.0 if top <= 0 or np.isnan(value) else max(0.0, value / top) * room
        full, part = divmod(round(length * 8), 8)
        line.append("█" * full + EIGHTHS[part].strip(), "cyan")
        lines.append(line.append(f" {text}"))
    return lines


def decimal_power(scale: Scale) -> int:
    """The power of ten that leaves numbers of at most 9.99 where all are small, else 0.

    >>> decimal_power(Scale(0.0, 0.31)), decimal_power(Scale(0.0, 0.0123)), decimal_power(Scale(0.0, 4.2))
    (0, -2, 0)
    """
    size = max(abs(scale.low), abs(scale.high))
    return 0 if size == 0 or size >= 0.1 else int(np.floor(np.log10(size)))


def cell(value: float) -> str:
    """A number in about four characters.

    >>> cell(0.314), cell(3.14159), cell(31.4159), cell(float("nan"))
    ('0.31', '3.14', '31.4', '–')
    """
    if np.isnan(value):
        return "–"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _superscript(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
