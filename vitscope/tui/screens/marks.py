"""Heads that were searched for, in the grid of all heads: they are underlined and keep their colours, others fade."""

from __future__ import annotations

import numpy as np

from vitscope.tui.render.surface import UNDERLINE, Rect, Surface

FADED = 0.75  # of the way to the colour of the page


def mark(surface: Surface, rect: Rect, *, found: bool, chosen: bool) -> None:
    """Set apart the head that is drawn in `rect`, after it was drawn; the one under the cursor never fades."""
    top, left = max(rect.y, 0), max(rect.x, 0)
    part = np.s_[top : max(top, rect.bottom), left : max(left, rect.right)]
    written = (surface.char[part] != ord(" ")) & (surface.char[part] < 0x2580)  # text, not the pixels of a map
    if found:
        surface.attr[part] |= np.where(written, UNDERLINE, 0).astype(np.uint8)
    elif not chosen and not surface.theme.plain:
        for colours in (surface.fore, surface.back):
            colours[part] = _faded(colours[part], surface.theme.back)
        surface.fore[part] = np.where(written, surface.theme.dim, surface.fore[part])
    elif not chosen:
        surface.fore[part] = surface.theme.faint


def _faded(colours: np.ndarray, page: int) -> np.ndarray:
    """24-bit colours, moved towards that of the page."""
    mixed = np.zeros_like(colours)
    for shift in (16, 8, 0):
        channel, target = colours >> shift & 255, page >> shift & 255
        mixed |= (channel + FADED * (target - channel)).round().astype(colours.dtype) << shift
    return mixed
