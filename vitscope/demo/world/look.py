"""How things look: colours, coats, backgrounds and light.  None of it says what a thing is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vitscope.demo.world.stream import Stream

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (190, 45, 40), "orange": (225, 125, 35), "yellow": (225, 200, 60), "green": (60, 140, 60),
    "teal": (40, 150, 150), "blue": (50, 85, 190), "purple": (125, 65, 160), "pink": (225, 130, 165),
    "brown": (120, 75, 45), "grey": (125, 125, 130), "white": (225, 222, 215), "black": (48, 46, 50),
}  # fmt: skip
COATS = ("plain", "striped", "banded", "spotted", "chequered")
GROUNDS = ("grass", "sand", "water", "sky", "brick", "planks", "leaves", "gravel")
HABITATS: dict[str, tuple[str, str]] = {
    "Quadruped": ("grass", "leaves"), "Biped": ("grass", "sand"), "Fish": ("water", "gravel"),
    "Bird": ("sky", "leaves"), "Snake": ("sand", "leaves"), "Reptile": ("gravel", "sand"),
    "Car": ("brick", "gravel"), "Bicycle": ("brick", "planks"), "Boat": ("water", "sky"),
    "Aeroplane": ("sky", "gravel"), "Bottle": ("planks", "brick"),
}  # fmt: skip

_GROUND_COLOURS: dict[str, tuple[Colour, Colour]] = {
    "grass": ((70, 120, 50), (120, 160, 80)), "sand": ((205, 180, 130), (180, 150, 105)),
    "water": ((50, 105, 140), (110, 165, 185)), "sky": ((130, 175, 220), (225, 232, 240)),
    "brick": ((165, 100, 80), (195, 180, 165)), "planks": ((150, 110, 75), (110, 78, 50)),
    "leaves": ((45, 85, 45), (105, 125, 60)), "gravel": ((140, 138, 135), (95, 95, 98)),
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """The colours and the coat of one individual; `coat` patterns its body colour with its second colour."""

    names: tuple[str, str]
    tones: tuple[Colour, Colour, Colour, Colour]
    coat: str
    pitch: float
    """Distance between two stripes or spots, in object units."""

    @staticmethod
    def of(stream: Stream) -> Look:
        """A random look: any colour on any kind of object."""
        names = list(COLOURS)
        first = names.pop(stream.below(len(names)))
        second = names.pop(stream.below(len(names)))
        tones = [_near(COLOURS[name], stream, 22) for name in (first, second)]
        dark, light = _near((45, 42, 45), stream, 16), _near((228, 225, 215), stream, 16)
        return Look((first, second), (tones[0], tones[1], dark, light), stream.choice(COATS), stream.between(0.2, 0.34))


def _near(colour: Colour, stream: Stream, spread: int) -> Colour:
    r, g, b = (min(255, max(0, value + stream.below(2 * spread + 1) - spread)) for value in colour)
    return r, g, b


def coat(kind: str, across: np.ndarray, along: np.ndarray, pitch: float) -> np.ndarray | None:
    """Where the second colour shows: bool [h, w], from coordinates in object units; None where it never does."""
    if kind == "plain":
        return None
    u, v = across * np.float32(1 / pitch), along * np.float32(1 / pitch)
    if kind == "striped":
        return v - np.floor(v) < 0.4
    if kind == "banded":
        return u - np.floor(u) < 0.4
    du, dv = u - np.floor(u) - np.float32(0.5), v - np.floor(v) - np.float32(0.5)
    if kind == "spotted":
        return du * du + dv * dv < 0.1
    return (du < 0) == (dv < 0)


def ground(kind: str, height: int, width: int, stream: Stream) -> np.ndarray:
    """A textured background, uint8 [height, width, 3]."""
    low, high = (_near(colour, stream, 26) for colour in _GROUND_COLOURS[kind])
    blend = _noise(height, width, 16, stream) * np.float32(0.55) + _noise(height, width, 5, stream) * np.float32(0.45)
    y = np.arange(height, dtype=np.int32)[:, None] + stream.below(32)
    x = np.arange(width, dtype=np.int32)[None, :] + stream.below(32)
    half = np.float32(0.5)
    if kind == "brick":
        joint = (y % 10 < 2) | ((x + (y // 10 % 2) * 8) % 16 < 2)
        blend = np.where(joint, np.float32(0.9), blend * half)
    elif kind == "planks":
        blend = np.where(x % 14 < 2, np.float32(1.0), blend * half)
    elif kind == "grass":
        blend = blend * half + (stream.bytes_(1, width).astype(np.float32) * np.float32(1 / 510))
    elif kind == "water":
        wave = np.abs((y + (blend * 6).astype(np.int32)) % 8 - 4).astype(np.float32)
        blend = blend * half + wave * np.float32(0.125)
    elif kind == "gravel":
        blend = np.where(stream.bytes_(height, width) < 96, np.float32(1.0) - blend, blend)
    elif kind == "leaves":
        blend = np.where(((x + y) % 12 < 6) == ((x - y) % 12 < 6), blend, np.float32(1.0) - blend)
    first, second = np.array(low, np.float32), np.array(high, np.float32)
    return (first + (second - first) * blend[:, :, None]).astype(np.uint8)


def _noise(height: int, width: int, step: int, stream: Stream) -> np.ndarray:
    """Bilinear value noise in [0, 1), float32 [height, width], with a lattice point every `step` pixels."""
    rows, columns = height // step + 2, width // step + 2
    lattice = stream.bytes_(rows, columns).astype(np.float32) * np.float32(1 / 256)
    y, x = np.arange(height), np.arange(width)
    fy = (y % step).astype(np.float32)[:, None] * np.float32(1 / step)
    fx = (x % step).astype(np.float32)[None, :] * np.float32(1 / step)
    top, bottom = lattice[y // step], lattice[y // step + 1]
    lines = top + (bottom - top) * fy
    left, right = lines[:, x // step], lines[:, x // step + 1]
    return left + (right - left) * fx


def lit(image: np.ndarray, stream: Stream) -> np.ndarray:
    """The picture under some light: exposure, a tint, a slope from one side to the other, and grain; uint8 as given."""
    height, width = image.shape[:2]
    gain, slope_x, slope_y = stream.between(0.78, 1.15), stream.between(-0.2, 0.2), stream.between(-0.2, 0.2)
    x = (np.arange(width, dtype=np.float32) * np.float32(1 / width) - np.float32(0.5)) * np.float32(slope_x)
    y = (np.arange(height, dtype=np.float32) * np.float32(1 / height) - np.float32(0.5)) * np.float32(slope_y)
    light = (y[:, None] + x[None, :] + np.float32(gain)) * np.float32(256)
    tint = np.array([256 + stream.below(33) - 16 for _ in range(3)], np.int32)
    grain = (stream.bytes_(height, width) & 15).astype(np.int32) - 8
    values = image.astype(np.int32) * light.astype(np.int32)[:, :, None] * tint >> 16
    return np.clip(values + grain[:, :, None], 0, 255).astype(np.uint8)
