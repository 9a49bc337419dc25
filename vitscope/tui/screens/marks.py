"""Heads that were searched for, in the grid of all heads: they are underlined and keep their colours, others fade."""

from __future__ import annotations

import numpy as np

from vitscope.tui.render.surface import UNDERLINE, Rect, Surface

FADED = 0.75  # of the way to the colour of the page


class Marks:
    """Which cells of a surface are to be underlined and which are to fade; `draw` does it once the page is there."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._found = np.zeros(surface.char.shape, dtype=bool)
        self._others = np.zeros(surface.char.shape, dtype=bool)

    def add(self, rect: Rect, *, found: bool, chosen: bool) -> None:
        """One head and its place; the one under the cursor never fades."""
        top, left = max(rect.y, 0), max(rect.x, 0)
        if found or not chosen:
            mask = self._found if found else self._others
            mask[top : max(top, rect.bottom), left : max(left, rect.right)] = True

    def draw(self) -> None:
        """Underline, and fade."""
        surface, theme = self._surface, self._surface.theme
        pixels = (surface.char >= 0x2580) & (surface.char < 0x25A0)  # blocks and shades of a map
        written = (surface.char != ord(" ")) & ~pixels
        surface.attr[self._found & written] |= UNDERLINE
        if not theme.plain:
            for colours in (surface.fore, surface.back):
                colours[self._others] = _faded(colours[self._others], theme.back)
        surface.fore[self._others & written] = theme.faint if theme.plain else theme.dim


def _faded(colours: np.ndarray, page: int) -> np.ndarray:
    """24-bit colours, moved towards that of the page."""
    mixed = np.zeros_like(colours)
    for shift in (16, 8, 0):
        channel, target = colours >> shift & 255, page >> shift & 255
        mixed |= (channel + FADED * (target - channel)).round().astype(colours.dtype) << shift
    return mixed
