"""Photographs in half blocks, with attention laid over them."""

from __future__ import annotations

import numpy as np

from vitscope.tui.palettes import Theme
from vitscope.tui.render.heat import Span, shrink
from vitscope.tui.render.surface import Rect, Surface

CUT = 0.25  # where an overlay in 256 colours begins to glow
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
    takes the ramp's own colours from a quarter of the scale on, a step down where the photograph is dark.
    """
    times = photo.shape[0] // values.shape[0]
    share = scale.share(values).repeat(times, axis=0).repeat(times, axis=1)
    grey = np.round(photo @ GREY / 255 * TONES) / TONES
    quiet = (grey * 255 * 0.5)[..., None]
    ramp = glow(theme)
    if theme.depth != "truecolor":
        level = np.minimum((share * len(ramp)).astype(int), len(ramp) - 1) - np.round(1 - grey).astype(int)
        return np.where(share[..., None] >= CUT, _channels(ramp[np.maximum(level, 1)]), quiet)
    share = np.round(share * STEPS) / STEPS
    hot = _channels(ramp[np.minimum((share * len(ramp)).astype(int), len(ramp) - 1)])
    lit = hot * (0.7 + 0.3 * grey[..., None])
    return quiet + (lit - quiet) * share[..., None]


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
