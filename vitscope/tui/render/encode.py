"""Rows of a surface as terminal output: whole, or only what changed since the row was last sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vitscope.tui.colors import Depth
from vitscope.tui.palettes import code_of
from vitscope.tui.render.surface import BOLD, HALF, REVERSE, UNDERLINE, Surface

GAP = 3  # unchanged cells that are sent again, since stepping over them costs as much

_ANSI = (0x000000, 0xAF0000, 0x00AF00, 0xAFAF00, 0x0000AF, 0xAF00AF, 0x00AFAF, 0xD0D0D0)
_ANSI_BRIGHT = (0x808080, 0xFF5F5F, 0x5FFF5F, 0xFFFF5F, 0x5F5FFF, 0xFF5FFF, 0x5FFFFF, 0xFFFFFF)


@dataclass(frozen=True, eq=False)
class Row:
    """One line of a surface: parallel arrays over its cells."""

    char: np.ndarray
    fore: np.ndarray
    back: np.ndarray
    attr: np.ndarray

    def same(self, other: Row) -> np.ndarray:
        """For each cell whether it looks the same in both."""
        equal = (self.char == other.char) & (self.back == other.back) & (self.attr == other.attr)
        return equal & ((self.fore == other.fore) | ((self.char == 32) & (self.attr == 0)))


def row(surface: Surface, y: int) -> Row:
    """Line `y` of a surface."""
    return Row(surface.char[y], surface.fore[y], surface.back[y], surface.attr[y])


@lru_cache(maxsize=65536)
def sgr(colour: int, depth: Depth, *, back: bool) -> str:
    """The parameters of an SGR sequence that select a colour; empty without colours."""
    if depth == "mono":
        return ""
    if depth == "truecolor":
        return f"{48 if back else 38};2;{colour >> 16};{colour >> 8 & 255};{colour & 255}"
    if depth == "256":
        return f"{48 if back else 38};5;{code_of(colour)}"
    bright, index = min(
        ((bright, index) for bright in (False, True) for index in range(8)),
        key=lambda choice: _apart16(colour, (_ANSI_BRIGHT if choice[0] else _ANSI)[choice[1]]),
    )
    return str((100 if bright else 40) + index if back else (90 if bright else 30) + index)


def _apart16(one: int, other: int) -> int:
    return sum(((one >> shift & 255) - (other >> shift & 255)) ** 2 for shift in (16, 8, 0))


def encode(cells: Row, depth: Depth, spans: Sequence[tuple[int, int]] | None = None) -> str:
    """Cells of `spans` (all by default) with as few colour changes as possible; what lies between is stepped over."""
    pen = _Pen()
    at = 0
    for start, stop in [(0, len(cells.char))] if spans is None else spans:
        if start > at:
            pen.out.append("\x1b[C" if start - at == 1 else f"\x1b[{start - at}C")
        _run(pen, cells, depth, slice(start, stop))
        at = stop
    pen.out.append("\x1b[0m")
    return "".join(pen.out)


class _Pen:
    """What the terminal writes with now, and everything sent so far."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.ink = self.paper = ""
        self.flags = 0


def _run(pen: _Pen, cells: Row, depth: Depth, part: slice) -> None:
    fores, backs = _codes(cells.fore[part], depth, back=False), _codes(cells.back[part], depth, back=True)
    flips = _codes(cells.back[part], depth, back=False), _codes(cells.fore[part], depth, back=True)
    out, ink, paper = pen.out, pen.ink, pen.paper
    for code, flags, fore, back, low, high in zip(
        cells.char[part].tolist(), cells.attr[part].tolist(), fores, backs, *flips, strict=True
    ):
        if code == 0:
            continue
        if flags != pen.flags:
            out.append("\x1b[0m" + _flags(flags))
            ink = paper = ""
            pen.flags = flags
        if code == HALF:
            glyph, fore, back = _block(fore, back, low, high, ink, paper)  # noqa: PLW2901
        else:
            glyph = chr(code)
            if code == 32 and not flags:
                fore = ink  # noqa: PLW2901
        change = ";".join(part for part, now in ((fore, ink), (back, paper)) if part != now)
        if change:
            out.append(f"\x1b[{change}m")
        out.append(glyph)
        ink, paper = fore, back
    pen.ink, pen.paper = ink, paper


def _block(fore: str, back: str, low: str, high: str, ink: str, paper: str) -> tuple[str, str, str]:
    """The cheapest way to show two pixels: glyph, foreground, background.

    `fore` and `back` colour an upper half block; `low` and `high` are the same two pixels for a lower half block.
    """
    if fore == low:  # both pixels alike
        if fore == ink and back != paper:
            return "█", ink, paper
        return " ", ink, back
    if (fore != ink) + (back != paper) <= (low != ink) + (high != paper):
        return "▀", fore, back
    return "▄", low, high


def _codes(colours: np.ndarray, depth: Depth, *, back: bool) -> Sequence[str]:
    return [sgr(colour, depth, back=back) for colour in colours.tolist()]


def _flags(attr: int) -> str:
    on = [code for bit, code in ((BOLD, "1"), (UNDERLINE, "4"), (REVERSE, "7")) if attr & bit]
    return f"\x1b[{';'.join(on)}m" if on else ""


def difference(old: Row, new: Row, depth: Depth) -> str:
    """What turns a line that shows `old` into one that shows `new`, from its first column on."""
    spans = runs(~old.same(new), old, new)
    return encode(new, depth, spans) if spans else ""


def runs(changed: np.ndarray, old: Row, new: Row) -> list[tuple[int, int]]:
    """Stretches of changed cells; short gaps in text are joined, and a wide character is never cut in two."""
    wide = (old.char == 0) | (new.char == 0)
    if wide.any():
        changed = changed.copy()
        for x in np.flatnonzero(wide).tolist():
            changed[x - 1] = changed[x] = changed[x - 1] or changed[x]
    places = np.flatnonzero(changed)
    if not places.size:
        return []
    pixels = np.concatenate([[0], np.cumsum(new.char == HALF)])
    gaps = np.diff(places) - 1
    between = pixels[places[1:]] - pixels[places[:-1] + 1]  # pixels cost most, and are never sent again
    breaks = np.flatnonzero((gaps > GAP) | (between > 0))
    starts = [int(places[0]), *places[breaks + 1].tolist()]
    stops = [*(places[breaks] + 1).tolist(), int(places[-1]) + 1]
    return list(zip(starts, stops, strict=True))
