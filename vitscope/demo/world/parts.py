"""The vocabulary of the drawn objects: parts, poses, and the forty part categories of PartImageNet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vitscope.demo.world.stream import cosine, sine

if TYPE_CHECKING:
    from vitscope.demo.world.stream import Stream

PARTS: dict[str, tuple[str, ...]] = {
    "Quadruped": ("Head", "Body", "Foot", "Tail"),
    "Biped": ("Head", "Body", "Hand", "Foot", "Tail"),
    "Fish": ("Head", "Body", "Fin", "Tail"),
    "Bird": ("Head", "Body", "Wing", "Foot", "Tail"),
    "Snake": ("Head", "Body"),
    "Reptile": ("Head", "Body", "Foot", "Tail"),
    "Car": ("Body", "Tier", "Side Mirror"),
    "Bicycle": ("Body", "Head", "Seat", "Tier"),
    "Boat": ("Body", "Sail"),
    "Aeroplane": ("Head", "Body", "Engine", "Wing", "Tail"),
    "Bottle": ("Mouth", "Body"),
}
"""Part names of each super-category, in PartImageNet's order and spelling ("Tier")."""

CATEGORIES: tuple[tuple[str, str], ...] = tuple((group, part) for group, parts in PARTS.items() for part in parts)
"""(super-category, part) of the category ids 0..39."""


@dataclass(frozen=True)
class Part:
    """One convex piece of an object, in object units: the object fills about [-1, 1]², y points down, it looks right.

    `shape` is tested in the piece's own frame, where its half size is 1.  `tone` names one of the object's colours:
    0 body, 1 second, 2 dark, 3 light.  `mark` names a keypoint that sits at `mark_at` in the piece's own frame.
    """

    name: str
    shape: str
    x: float
    y: float
    half_width: float
    half_height: float
    turn: float = 0.0
    tone: int = 0
    mark: str = ""
    mark_at: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Pose:
    """How an object holds itself and how it is built; each number lies in [-1, 1]."""

    swing: float = 0.0
    """Legs, wings, tail or wheels: the phase of a walk."""
    nod: float = 0.0
    """The head, or whatever leans."""
    long: float = 0.0
    """Proportions: longer or shorter."""
    thick: float = 0.0
    """Proportions: thicker or thinner."""

    @staticmethod
    def of(stream: Stream) -> Pose:
        """A random pose."""
        return Pose(*(stream.between(-1.0, 1.0) for _ in range(4)))

    def moved(self, stream: Stream) -> Pose:
        """The same individual (its proportions stay) in another pose."""
        return replace(self, swing=stream.between(-1.0, 1.0), nod=stream.between(-1.0, 1.0))


def tip(x: float, y: float, turn: float, length: float) -> tuple[float, float]:
    """Where a bone from (x, y) ends; turn 0 points down, .25 left, .5 up, .75 right."""
    return x - sine(turn) * length, y + cosine(turn) * length


def bone(
    name: str, x: float, y: float, turn: float, length: float, width: float,
    *, shape: str = "disc", tone: int = 0, mark: str = "",
) -> Part:  # fmt: skip
    """A piece that starts at (x, y) and reaches `length` in the direction of `turn`; its mark sits at the far end."""
    mid_x, mid_y = tip(x, y, turn, length / 2)
    return Part(name, shape, mid_x, mid_y, width / 2, length / 2, turn, tone, mark, (0.0, 0.8))
