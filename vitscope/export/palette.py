"""Colours of a number between 0 and 1, for each depth of colour that a terminal may have.

Inferno, as in the browser. 256 colours: thirteen steps of it chosen so that lightness never falls, because the nearest
of 256 colours come out in the wrong order. Less than that: five shades made of characters.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Depth = Literal["true", "256", "none"]

SHADES = " ░▒▓█"
LEVELS = 64  # true colour is cut to so many steps: no eye tells more apart in a heat map

# Seventeen even samples of Matplotlib's inferno (Smith and van der Walt, public domain).
_INFERNO = (
    "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 "
    "d24644 e45a31 f1731d f98e09 fcac11 f9cb35 f2ea69 fcffa4"
)
# Palette numbers of xterm, darkest first.
_INFERNO_256 = (16, 17, 53, 89, 125, 161, 167, 203, 208, 214, 220, 228, 229)


def ramp(depth: Depth) -> list[str]:
    """Colours from low to high as Rich names them; no colours for the depth "none".

    >>> ramp("256")[0], len(ramp("true")), ramp("none")
    ('color(16)', 64, [])
    """
    if depth == "none":
        return []
    if depth == "256":
        return [f"color({number})" for number in _INFERNO_256]
    anchors = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in _INFERNO.split()], dtype=float)
    place = np.linspace(0, len(anchors) - 1, LEVELS)
    channels = [np.interp(place, np.arange(len(anchors)), channel).round().astype(int) for channel in anchors.T]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in zip(*channels, strict=True)]


def level(values: np.ndarray, low: float, high: float, steps: int) -> np.ndarray:
    """Which of `steps` colours each value has, int, −1 for NaN; everything is step 0 where low = high.

    >>> level(np.array([0.0, 0.5, 1.0, np.nan]), 0.0, 1.0, 5).tolist()
    [0, 2, 4, -1]
    """
    span = high - low
    share = np.clip((values - low) / span, 0.0, 1.0) if span > 0 else np.zeros_like(values, dtype=float)
    missing = np.isnan(values)
    steps_of = np.minimum((np.where(missing, 0.0, share) * steps).astype(int), steps - 1)
    return np.where(missing, -1, steps_of)


def is_light(step: int, depth: Depth) -> bool:
    """Whether black reads better than white on a step of `ramp(depth)`."""
    return step > (len(ramp(depth)) * 0.55)
