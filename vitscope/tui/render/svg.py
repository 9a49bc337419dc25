"""A surface as an SVG picture. Pixels, bars and dots become shapes, so that no font can leave gaps between them."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise

import numpy as np

from vitscope.tui.render.surface import BOLD, HALF, REVERSE, UNDERLINE, Surface

WIDE, TALL = 8, 16  # units of a cell, so that half of one is square
MARGIN = 12
FONT = "ui-monospace, 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace"
SIZE = 13.3  # of the letters, which are WIDE wide in the fonts above
BASE = 12  # from the top of a cell to the line that letters stand on

_LEFT = {ord(c): n for n, c in enumerate("▏▎▍▌▋▊▉█", start=1)}  # eighths of a cell, from the left
_LOWER = {ord(c): n for n, c in enumerate("▁▂▃▄▅▆▇", start=1)}  # and from below
_SHADES = {ord("░"): 0.25, ord("▒"): 0.5, ord("▓"): 0.75}
_BRAILLE = 0x2800
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))  # (column, row) of each bit


def svg(surface: Surface, title: str = "vitscope") -> str:
    """The picture; the same surface gives the same text. Without colours it has the theme's ink on its paper."""
    fore, back = _colours(surface)
    width, height = surface.width * WIDE + 2 * MARGIN, surface.height * TALL + 2 * MARGIN
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    moved = f'transform="translate({MARGIN} {MARGIN})"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{_hex(surface.theme.back)}"/>',
            f'<g {moved} shape-rendering="crispEdges">',
            *_papers(surface, fore, back),
            *_shapes(surface, fore),
            "</g>",
            f'<g {moved} font-family="{FONT}" font-size="{SIZE}" xml:space="preserve">',
            *_texts(surface, fore),
            "</g>",
            "</svg>",
            "",
        ]
    )


def _colours(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Ink and paper of every cell, as the terminal would show them."""
    fore, back = surface.fore, surface.back
    if surface.theme.depth == "mono":
        fore, back = np.full_like(fore, surface.theme.text), np.full_like(back, surface.theme.back)
    turned = (surface.attr & REVERSE) > 0
    return np.where(turned, back, fore), np.where(turned, fore, back)


def _papers(surface: Surface, fore: np.ndarray, back: np.ndarray) -> Iterator[str]:
    """Rectangles of one colour, two pixels high in every cell; what has the page's own colour is left out."""
    pixels = np.repeat(back, 2, axis=0)
    pixels[::2][surface.char == HALF] = fore[surface.char == HALF]
    open_runs: dict[tuple[int, int, int], int] = {}  # (first, stop, colour) -> row where it began
    for y in range(len(pixels) + 1):
        runs = set(_runs(pixels[y], surface.theme.back)) if y < len(pixels) else set()
        for run in sorted(open_runs.keys() - runs):
            top, (first, stop, colour) = open_runs.pop(run), run
            yield _rect(first * WIDE, top * TALL // 2, (stop - first) * WIDE, (y - top) * TALL // 2, colour)
        open_runs |= {run: y for run in runs if run not in open_runs}


def _runs(row: np.ndarray, page: int) -> Iterator[tuple[int, int, int]]:
    """(first, stop, colour) of stretches of one colour."""
    edges = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    for first, stop in pairwise(edges):
        if stop > first and row[first] != page:
            yield first, stop, int(row[first])


def _shapes(surface: Surface, fore: np.ndarray) -> Iterator[str]:
    """Blocks, shades and braille dots."""
    drawn = np.isin(surface.char, [*_LEFT, *_LOWER, *_SHADES]) | _braille(surface.char)
    for y, x in np.argwhere(drawn).tolist():
        code, colour = int(surface.char[y, x]), int(fore[y, x])
        left, top = x * WIDE, y * TALL
        if code in _LEFT:
            yield _rect(left, top, _LEFT[code] * WIDE // 8, TALL, colour)
        elif code in _LOWER:
            tall = _LOWER[code] * TALL // 8
            yield _rect(left, top + TALL - tall, WIDE, tall, colour)
        elif code in _SHADES:
            yield _rect(left, top, WIDE, TALL, colour, f' fill-opacity="{_SHADES[code]}"')
        else:
            for bit, (column, row) in enumerate(_DOTS):
                if code - _BRAILLE >> bit & 1:
                    yield _rect(left + 1 + column * WIDE // 2, top + 1 + row * TALL // 4, 2, 2, colour)


def _braille(char: np.ndarray) -> np.ndarray:
    return (char > _BRAILLE) & (char < _BRAILLE + 256)


def _texts(surface: Surface, fore: np.ndarray) -> Iterator[str]:
    """Letters, as long stretches of one look."""
    shape = np.isin(surface.char, [HALF, ord(" "), *_LEFT, *_LOWER, *_SHADES]) | _braille(surface.char)
    for y in range(surface.height):
        x = 0
        while x < surface.width:
            if shape[y, x] or not surface.char[y, x]:
                x += 1
                continue
            stop = _stop(surface, fore, shape, y, x)
            letters = "".join(chr(code) for code in surface.char[y, x:stop].tolist() if code)
            look = _look(int(fore[y, x]), int(surface.attr[y, x]))
            length = f'textLength="{(stop - x) * WIDE}" lengthAdjust="spacingAndGlyphs"'
            yield f'<text x="{x * WIDE}" y="{y * TALL + BASE}" {length}{look}>{escape(letters)}</text>'
            x = stop


def _stop(surface: Surface, fore: np.ndarray, shape: np.ndarray, y: int, x: int) -> int:
    """The column after the word that begins at x: it ends with its look, at a shape or at a space."""
    stop = x + 1
    while stop < surface.width and (
        not surface.char[y, stop]
        or (not shape[y, stop] and fore[y, stop] == fore[y, x] and surface.attr[y, stop] == surface.attr[y, x])
    ):
        stop += 1
    return stop


def _look(ink: int, attr: int) -> str:
    bold = ' font-weight="bold"' if attr & BOLD else ""
    line = ' text-decoration="underline"' if attr & UNDERLINE else ""
    return f' fill="{_hex(ink)}"{bold}{line}'


def _rect(x: int, y: int, width: int, height: int, colour: int, more: str = "") -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{_hex(colour)}"{more}/>'


def _hex(colour: int) -> str:
    return f"#{colour:06x}"
