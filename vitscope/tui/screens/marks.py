"""Heads that were searched for, wherever heads are drawn: they are underlined and keep their colours, others fade."""

from __future__ import annotations

import numpy as np

from vitscope.tui.palettes import Theme
from vitscope.tui.render.surface import UNDERLINE, Rect, Surface

FADED = 0.75  # of the way to the colour of the page
LUMA = np.array([0.299, 0.587, 0.114])


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
                colours[self._others] = _faded(colours[self._others], theme)
        surface.fore[self._others & written] = theme.faint if theme.plain else theme.dim


def _faded(colours: np.ndarray, theme: Theme) -> np.ndarray:
    """24-bit colours, moved towards that of the page; of 256 colours only greys are pale enough for that."""
    channels = np.stack([colours >> shift & 255 for shift in (16, 8, 0)])
    if theme.depth != "truecolor":
        channels = np.broadcast_to(np.tensordot(LUMA, channels, 1), channels.shape)
    target = np.array([theme.back >> shift & 255 for shift in (16, 8, 0)])[:, None]
    red, green, blue = (channels + FADED * (target - channels)).round().astype(colours.dtype)
    return red << 16 | green << 8 | blue
