"""Photographs in half blocks, with attention laid over them."""

from __future__ import annotations

import numpy as np

from vitscope.tui.palettes import CUBE, Theme
from vitscope.tui.render.heat import Span, shrink
from vitscope.tui.render.surface import Rect, Surface

FIRST, FULL = 0.05, 0.25  # of the scale: in 256 colours an overlay begins to glow, and has no gaps any more
BAYER = (np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) + 0.5) / 16
DITHER = 0.6  # of a step between two colours that dots may bridge: all of it would be noise
COLOURLESS = 16  # channels that differ by less are grey, of which there are 24 tones
STEPS = 6  # levels of attention in an overlay: coarse, so that few cells change with a key
TONES = 9  # levels of brightness of the photograph under it
GREY = np.array([0.299, 0.587, 0.114])
SHADES = np.array([ord(c) for c in " ░▒▓█"], dtype=np.uint32)


def scaled(crop: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A photograph (height, width, 3) uint8 as rows × columns pixels, each the mean of its area; from 0 to 255."""
    return np.moveaxis(shrink(np.moveaxis(crop.astype(np.float32), -1, 0), rows, columns), 0, -1)


def overlay(photo: np.ndarray, values: np.ndarray, scale: Span, theme: Theme) -> np.ndarray:
    """Attention (R, C) over a photograph of (R × n, C × n, 3): grey and dark where there is none, glowing where it is.

    In 24 bits the two are mixed in proportion to the attention. Mixtures have no place among 256 colours: there a patch
    takes the ramp's own colours, a step down where the photograph is dark, and little attention has as many dots of
    them as it is strong.
    """
    times = photo.shape[0] // values.shape[0]
    share = scale.share(values).repeat(times, axis=0).repeat(times, axis=1)
    grey = np.round(photo @ GREY / 255 * TONES) / TONES
    quiet = (grey * 255 * 0.5)[..., None]
    ramp = glow(theme)
    if theme.depth != "truecolor":
        level = np.minimum((share * len(ramp)).astype(int), len(ramp) - 1) - np.round(1 - grey).astype(int)
        dots = (share - FIRST) / (FULL - FIRST) > _pattern(share.shape)
        return np.where(dots[..., None], _channels(ramp[np.maximum(level, len(ramp) // 4)]), quiet)
    share = np.round(share * STEPS) / STEPS
    hot = _channels(ramp[np.minimum((share * len(ramp)).astype(int), len(ramp) - 1)])
    lit = hot * (0.7 + 0.3 * grey[..., None])
    return quiet + (lit - quiet) * share[..., None]


def dithered(photo: np.ndarray) -> np.ndarray:
    """A photograph (rows, columns, 3) in the 256 colours of xterm: dots of two neighbours where neither is near."""
    cube = np.array(CUBE, dtype=np.float32)
    low = np.clip(np.searchsorted(cube, photo, side="right") - 1, 0, len(cube) - 2)
    place = (photo - cube[low]) / (cube[low + 1] - cube[low])
    bound = 0.5 + DITHER * (_pattern(photo.shape[:2])[..., None] - 0.5)
    grey = 8 + 10 * np.clip(np.round((photo.mean(axis=-1, keepdims=True) - 8) / 10), 0, 23)
    coloured = np.ptp(photo, axis=-1, keepdims=True) >= COLOURLESS
    return np.where(coloured, cube[low + (place > bound)], grey)


def _pattern(shape: tuple[int, ...]) -> np.ndarray:
    """Thresholds from 0 to 1, evenly spread over every four by four pixels."""
    return np.tile(BAYER, (shape[0] // 4 + 1, shape[1] // 4 + 1))[: shape[0], : shape[1]]


def glow(theme: Theme) -> np.ndarray:
    """The ramp that attention has over a photograph: from dark to bright on every page."""
    return theme.ramp[::-1] if theme.light else theme.ramp


def paint(surface: Surface, x: int, y: int, photo: np.ndarray) -> Rect:
    """Put a photograph (rows, columns, 3) from 0 to 255 on the surface; without colours, its brightness in shades."""
    photo = np.pad(photo, ((0, photo.shape[0] % 2), (0, 0), (0, 0)), mode="edge")
    if surface.theme.plain:
        grey = photo.mean(axis=-1)
        levels = (grey[::2] + grey[1::2]) / 2 * len(SHADES) / 256
        surface.characters(x, y, SHADES[levels.astype(int)])
    else:
        step = 8 if surface.theme.depth == "truecolor" else 1
        channels = (np.clip(photo, 0, 255).astype(np.int32) // step) * step
        surface.pixels(x, y, channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2])
    return Rect(x, y, photo.shape[1], photo.shape[0] // 2)


def _channels(colours: np.ndarray) -> np.ndarray:
    """24-bit integers as (…, 3) floats from 0 to 255."""
    return np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.float32)
