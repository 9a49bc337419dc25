"""Colours: the ramps that numbers become, and the inks of the light and the dark theme.

Every ramp is monotone in luminance, so that it can be read without hue. In 256 colours the ramps are chosen among the
terminal's own colours: letting each value fall to its nearest neighbour turns the order of brightness around in places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitscope.tui.colors import Depth

LEVELS = 32  # finer steps cannot be told apart and cost bytes on the line

_STOPS = {
    "inferno": "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 d24644 e45a31 f1731d f98e09 fcac11 "
    "f9cb35 f2ea69 fcffa4",
    "viridis": "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b "
    "addc30 d8e219 fde725",
    "cividis": "00224e 002e6a 1a386f 32436d 434e6c 535a6d 61656f 6f7073 7d7c78 8c8878 9b9476 aba072 bcae6c cdbb63 "
    "dec958 f0d846 fee838",
    "grey": "080808 eeeeee",
}
_STEPS_256 = {
    "inferno": (16, 17, 53, 54, 89, 125, 161, 166, 202, 208, 214, 220, 229),
    "viridis": (53, 54, 24, 30, 36, 42, 112, 148, 184, 220),
    "cividis": (235, 24, 60, 242, 243, 244, 102, 144, 179, 185, 220),
    "grey": tuple(range(232, 256)),
}
RAMPS = tuple(_STOPS)

CUBE = (0, 95, 135, 175, 215, 255)
"""Levels of red, green and blue among the 256 colours of xterm."""


def rgb_of(code: int) -> int:
    """24-bit colour of one of the 256 colours of xterm, from 16 on.

    >>> hex(rgb_of(229))
    '0xffffaf'
    """
    if code >= 232:
        grey = 8 + 10 * (code - 232)
        return grey << 16 | grey << 8 | grey
    red, rest = divmod(code - 16, 36)
    green, blue = divmod(rest, 6)
    return CUBE[red] << 16 | CUBE[green] << 8 | CUBE[blue]


def code_of(rgb: int) -> int:
    """The nearest of the 256 colours of xterm (16 to 255); the inverse of `rgb_of` on those.

    >>> code_of(rgb_of(240)), code_of(0xFF0000)
    (240, 196)
    """
    channels = rgb >> 16, rgb >> 8 & 255, rgb & 255
    cube = [min(range(6), key=lambda i: abs(CUBE[i] - channel)) for channel in channels]
    grey = min(23, max(0, round((sum(channels) / 3 - 8) / 10)))
    candidates = (16 + 36 * cube[0] + 6 * cube[1] + cube[2], 232 + grey)
    return min(candidates, key=lambda code: _apart(rgb, rgb_of(code)))


def _apart(one: int, other: int) -> int:
    """Squared distance of two colours, green weighing most and blue least."""
    red, green, blue = ((one >> shift & 255) - (other >> shift & 255) for shift in (16, 8, 0))
    return 3 * red * red + 4 * green * green + 2 * blue * blue


def luminance(rgb: int) -> float:
    """Relative luminance from 0 to 1 (sRGB)."""
    linear = [
        ((c := (rgb >> shift & 255) / 255) <= 0.04045 and c / 12.92) or ((c + 0.055) / 1.055) ** 2.4
        for shift in (16, 8, 0)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ramp(name: str, depth: Depth, *, light: bool) -> np.ndarray:
    """Colours from the lowest level to the highest, 24-bit integers: dark to bright, on a light page bright to dark."""
    if depth == "truecolor":
        colours = _between(_STOPS[name], LEVELS)
    else:
        colours = np.array([rgb_of(code) for code in _STEPS_256[name]], dtype=np.int32)
    return colours[::-1].copy() if light else colours


def _between(names: str, count: int) -> np.ndarray:
    """`count` colours between those named, 24-bit integers."""
    stops = np.array([[int(stop[i : i + 2], 16) for i in (0, 2, 4)] for stop in names.split()])
    place = np.linspace(0, len(stops) - 1, count)
    channels = [np.interp(place, np.arange(len(stops)), stops[:, i]).round().astype(np.int32) for i in range(3)]
    return channels[0] << 16 | channels[1] << 8 | channels[2]


_DIVERGING = {
    False: "5ab4ff 2f78c8 1d456f 1c1c1c 7a3a12 d0661c ffae5c",
    True: "0b4f9e 4a8fd6 a9cdf0 ffffff f3c39a dd7d33 9c4200",
}
_DIVERGING_256 = {False: (75, 32, 25, 24, 235, 94, 130, 172, 215), True: (25, 32, 74, 153, 231, 223, 215, 172, 130)}


def diverging(theme: Theme) -> np.ndarray:
    """Colours from the lowest difference over none, which is the page's own colour, to the highest: blue to orange."""
    if theme.depth != "truecolor":
        return np.array([rgb_of(code) for code in _DIVERGING_256[theme.light]], dtype=np.int32)
    return _between(_DIVERGING[theme.light], LEVELS + 1)  # one in the middle


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Everything a page needs to know about colour."""

    depth: Depth
    light: bool
    palette: str
    ramp: np.ndarray
    back: int  # the page
    panel: int  # a raised surface: header, footer, selected row
    text: int
    dim: int  # labels
    faint: int  # rules, empty cells
    accent: int  # the cursor, keys
    good: int
    bad: int

    @property
    def plain(self) -> bool:
        """No colour for numbers: shades instead."""
        return self.depth in {"mono", "16"}

    def on(self, back: int) -> int:
        """Ink for text on a colour: black or white, whichever can be read."""
        return 0x000000 if luminance(back) > 0.18 else 0xFFFFFF


def theme(depth: Depth, *, light: bool = False, palette: str = RAMPS[0]) -> Theme:
    """The light or the dark theme. All inks are xterm colours, so that they are the same at every depth."""
    dark = {"back": 234, "panel": 236, "text": 253, "dim": 246, "faint": 240, "accent": 117, "good": 114, "bad": 210}
    bright = {"back": 231, "panel": 255, "text": 235, "dim": 241, "faint": 250, "accent": 25, "good": 28, "bad": 124}
    inks = {name: rgb_of(code) for name, code in (bright if light else dark).items()}
    return Theme(depth=depth, light=light, palette=palette, ramp=ramp(palette, depth, light=light), **inks)
