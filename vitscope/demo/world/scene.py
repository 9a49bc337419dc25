"""Scenes: things before a background, drawn to pixels together with all that is known about them.

A scene is drawn at twice its size and averaged down, so that edges are soft; its ground truth is taken at the top left
of the four samples behind a pixel.  Only float32 operations that IEEE rounds exactly are used, in a fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vitscope.demo.world import look as looks
from vitscope.demo.world.look import Look
from vitscope.demo.world.parts import CATEGORIES, Part, Pose
from vitscope.demo.world.stream import Stream, cosine, sine

if TYPE_CHECKING:
    from vitscope.demo.world.kinds import Kind

Frame = tuple[float, float, float, float]
Covered = tuple[tuple[slice, slice], np.ndarray, np.ndarray, np.ndarray]
SAMPLES = 2
OCCLUDER = 255
_CATEGORY_OF = {pair: index for index, pair in enumerate(CATEGORIES)}


@dataclass(frozen=True)
class Thing:
    """One object in a scene: what it is, how it holds itself and looks, and where (pixels of the finished picture)."""

    kind: Kind
    pose: Pose
    look: Look
    x: float
    y: float
    size: float
    """Half the side of the square that the object fills."""
    turn: float = 0.0
    flip: bool = False
    squeeze: float = 1.0
    """Width over height: a turn away from the viewer."""

    def frame(self) -> Frame:
        """The matrix (xx, xy, yx, yy) from object units to pixels."""
        c, s = cosine(self.turn) * self.size, sine(self.turn) * self.size
        wide = -self.squeeze if self.flip else self.squeeze
        return c * wide, -s, s * wide, c

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where the point (x, y) of the object lies in the picture."""
        xx, xy, yx, yy = self.frame()
        return self.x + xx * x + xy * y, self.y + yx * x + yy * y


@dataclass(frozen=True)
class Block:
    """A plain rectangle or disc that hides whatever stands behind it (pixels of the finished picture)."""

    shape: str
    x: float
    y: float
    half_width: float
    half_height: float
    turn: float
    colour: looks.Colour


@dataclass
class Picture:
    """A drawn scene. `owner` is 0 for background, 1.. for things in order, 255 for blocks; `part` a category id + 1."""

    image: np.ndarray
    owner: np.ndarray
    part: np.ndarray
    things: list[Thing]
    full: list[int] = field(default_factory=list)
    """Pixels that each thing would cover if nothing stood before it."""

    def mask(self, index: int) -> np.ndarray:
        """The visible pixels of a thing: bool [height, width]."""
        return self.owner == index + 1

    def visible(self, index: int) -> float:
        """Visible over covered area, from 0 to 1."""
        return int(np.count_nonzero(self.mask(index))) / max(1, self.full[index])

    def box(self, index: int) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2 around the visible pixels, x2 and y2 exclusive; zeros if none is visible."""
        return box_of(self.mask(index))

    def keypoints(self, index: int) -> list[tuple[int, int] | None]:
        """The thing's keypoints in the order of its kind's `marks`, in whole pixels; None where hidden or outside."""
        thing, found = self.things[index], []
        height, width = self.owner.shape
        for part in thing.kind.build(thing.pose):
            if not part.mark:
                continue
            x, y = thing.place(*_in_object(part, *part.mark_at))
            column, row = int(x // 1), int(y // 1)
            inside = 0 <= column < width and 0 <= row < height
            found.append((column, row) if inside and self.owner[row, column] == index + 1 else None)
        return found


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 around the true pixels, x2 and y2 exclusive; zeros if there is none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _in_object(part: Part, p: float, q: float) -> tuple[float, float]:
    c, s = cosine(part.turn), sine(part.turn)
    return (
        part.x + c * part.half_width * p - s * part.half_height * q,
        part.y + s * part.half_width * p + c * part.half_height * q,
    )


class Canvas:
    """The picture while it is being drawn, at twice its size."""

    def __init__(self, background: np.ndarray) -> None:
        self.colour = np.repeat(np.repeat(background, SAMPLES, 0), SAMPLES, 1)
        self.owner: np.ndarray = np.zeros(self.colour.shape[:2], np.uint8)
        self.part: np.ndarray = np.zeros(self.colour.shape[:2], np.uint8)

    def cover(self, shape: str, frame: Frame, x: float, y: float) -> Covered | None:
        """The samples that a shape covers: (slice, inside, p, q), or None if it lies outside.

        `frame` is the matrix from the shape's own coordinates p, q to samples, (x, y) its middle in samples.
        """
        xx, xy, yx, yy = frame
        reach_x, reach_y = abs(xx) + abs(xy), abs(yx) + abs(yy)
        height, width = self.owner.shape
        left, right = max(0, int((x - reach_x) // 1)), min(width, int((x + reach_x) // 1) + 2)
        top, bottom = max(0, int((y - reach_y) // 1)), min(height, int((y + reach_y) // 1) + 2)
        if left >= right or top >= bottom:
            return None
        one = 1.0 / (xx * yy - xy * yx)
        dx = (np.arange(left, right, dtype=np.float32) - np.float32(x - 0.5))[None, :]
        dy = (np.arange(top, bottom, dtype=np.float32) - np.float32(y - 0.5))[:, None]
        p = dx * np.float32(yy * one) - dy * np.float32(xy * one)
        q = dy * np.float32(xx * one) - dx * np.float32(yx * one)
        return (slice(top, bottom), slice(left, right)), _inside(shape, p, q), p, q

    def draw(self, thing: Thing, index: int) -> int:
        """Draw a thing; returns how many finished pixels it covers."""
        mine = np.zeros(self.owner.shape, bool)
        frame = thing.frame()
        for part in thing.kind.build(thing.pose):
            self._draw_part(thing, part, frame, index, mine)
        return int(np.count_nonzero(mine[::SAMPLES, ::SAMPLES]))

    def _draw_part(self, thing: Thing, part: Part, frame: Frame, index: int, mine: np.ndarray) -> None:
        xx, xy, yx, yy = (SAMPLES * frame[i] for i in range(4))
        c, s = cosine(part.turn), sine(part.turn)
        w, h = part.half_width, part.half_height
        matrix = ((xx * c + xy * s) * w, (xy * c - xx * s) * h, (yx * c + yy * s) * w, (yy * c - yx * s) * h)
        x, y = thing.place(part.x, part.y)
        covered = self.cover(part.shape, matrix, SAMPLES * x, SAMPLES * y)
        if covered is None:
            return
        where, inside, p, q = covered
        patterned = (
            looks.coat(thing.look.coat, p * np.float32(w), q * np.float32(h), thing.look.pitch)
            if part.tone == 0
            else None
        )
        colour = np.array(thing.look.tones[part.tone], np.float32)
        if patterned is not None:
            colour = np.where(patterned[:, :, None], np.array(thing.look.tones[1], np.float32), colour)
        shade = _shade(inside.shape)
        painted = np.minimum(shade[:, :, None] * colour, np.float32(255)).astype(np.uint8)
        np.copyto(self.colour[where], painted, where=inside[:, :, None])
        np.copyto(self.owner[where], np.uint8(index + 1), where=inside)
        np.copyto(self.part[where], np.uint8(_CATEGORY_OF[thing.kind.group, part.name] + 1), where=inside)
        mine[where] |= inside

    def block(self, block: Block) -> None:
        """Draw a block over everything so far."""
        c, s = cosine(block.turn) * SAMPLES, sine(block.turn) * SAMPLES
        w, h = block.half_width, block.half_height
        covered = self.cover(block.shape, (c * w, -s * h, s * w, c * h), SAMPLES * block.x, SAMPLES * block.y)
        if covered is None:
            return
        where, inside, _, _ = covered
        painted = (_shade(inside.shape)[:, :, None] * np.array(block.colour, np.float32) * np.float32(0.8)).astype(
            np.uint8
        )
        np.copyto(self.colour[where], painted, where=inside[:, :, None])
        np.copyto(self.owner[where], np.uint8(OCCLUDER), where=inside)
        np.copyto(self.part[where], np.uint8(0), where=inside)

    def finished(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The averaged colours and the ground truth at the finished size."""
        wide = self.colour.astype(np.uint16)
        total = wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2]
        return (
            (total >> 2).astype(np.uint8),
            self.owner[::SAMPLES, ::SAMPLES].copy(),
            self.part[::SAMPLES, ::SAMPLES].copy(),
        )


_SIDES = {"box": (1.0, 0.0), "triangle": (0.5, 0.5), "wedge": (0.7, 0.3), "hull": (0.85, 0.15)}
"""Half the width of a straight-sided shape at its middle, and what it loses towards its far end."""


def _shade(shape: tuple[int, ...]) -> np.ndarray:
    """Light from the upper left: float32 [h, w] from 1.2 down to .75."""
    y = np.arange(shape[0], dtype=np.float32) * np.float32(0.3 / shape[0])
    x = np.arange(shape[1], dtype=np.float32) * np.float32(0.15 / shape[1])
    return (np.float32(1.2) - y)[:, None] - x[None, :]


def _inside(shape: str, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Whether each sample lies in the shape, from its own coordinates: bool [h, w]."""
    side, one, half = np.abs(p), np.float32(1), np.float32(0.5)
    if shape in ("disc", "ring", "dome"):
        square = p * p + q * q
        if shape == "ring":
            return (square <= one) & (square >= half)
        return square <= one if shape == "disc" else (square <= one) & (q <= 0)
    if shape == "corner":
        return (p >= -one) & (q <= one) & (p <= q)
    middle, slope = (np.float32(value) for value in _SIDES[shape])
    return (np.abs(q) <= one) & (side <= middle - q * slope)


def render(
    width: int, height: int, things: list[Thing], *, ground: str, key: tuple, blocks: list[Block] | None = None
) -> Picture:
    """Draw a scene; later things stand before earlier ones, blocks before all; `key` names its ground and light."""
    stream = Stream("scene", *key)
    canvas = Canvas(looks.ground(ground, height, width, stream))
    full = [canvas.draw(thing, index) for index, thing in enumerate(things)]
    for block in blocks or []:
        canvas.block(block)
    image, owner, part = canvas.finished()
    return Picture(looks.lit(image, stream), owner, part, list(things), full)
