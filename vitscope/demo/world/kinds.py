"""The classes of the world: twenty-four kinds of object, told apart by the configuration of their parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vitscope.demo.world import animals, vehicles

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitscope.demo.world.parts import Part, Pose


@dataclass(frozen=True)
class Kind:
    """One class: `group` is its PartImageNet super-category, `wordnet` the folder that an ImageNet tree gives it."""

    name: str
    group: str
    build: Callable[[Pose], list[Part]]
    wordnet: str

    def marks(self) -> tuple[str, ...]:
        """Names of the keypoints, in the order that a builder places them (the same in every pose)."""
        from vitscope.demo.world.parts import Pose as NeutralPose  # noqa: PLC0415 - keeps `Pose` a typing import above

        return tuple(part.mark for part in self.build(NeutralPose()) if part.mark)


_quadruped = animals.quadruped
_TABLE: tuple[tuple[str, str, Callable[[Pose], list[Part]]], ...] = (
    ("giraffe", "Quadruped", partial(_quadruped, neck=0.75, legs=0.72, tail=(0.4, 0.1), head=0.17, crest="knobs")),
    (
        "elephant",
        "Quadruped",
        partial(_quadruped, neck=0.1, legs=0.5, tail=(0.4, 0.08), head=0.3, crest="flaps", trunk=0.65),
    ),
    ("ox", "Quadruped", partial(_quadruped, neck=0.14, legs=0.52, tail=(0.6, 0.09), head=0.22, crest="horns")),
    ("fox", "Quadruped", partial(_quadruped, neck=0.22, legs=0.42, tail=(0.75, 0.3), head=0.2, crest="ears")),
    ("kangaroo", "Biped", partial(animals.biped, arms=0.35, tail=0.95, ears=True, lean=0.06)),
    ("ape", "Biped", partial(animals.biped, arms=0.85, tail=0.0, ears=False, lean=0.0)),
    ("shark", "Fish", partial(animals.fish, long=0.72, high=0.26, tail="fork", fin="sail")),
    ("carp", "Fish", partial(animals.fish, long=0.6, high=0.42, tail="fan", fin="ribbon")),
    ("tuna", "Fish", partial(animals.fish, long=0.66, high=0.36, tail="fork", fin="ribbon")),
    ("heron", "Bird", animals.wader),
    ("owl", "Bird", animals.owl),
    ("gull", "Bird", animals.gull),
    ("snake", "Snake", animals.snake),
    ("turtle", "Reptile", animals.turtle),
    ("lizard", "Reptile", animals.lizard),
    ("hatchback", "Car", vehicles.hatchback),
    ("lorry", "Car", vehicles.lorry),
    ("bicycle", "Bicycle", vehicles.bicycle),
    ("unicycle", "Bicycle", vehicles.unicycle),
    ("sailboat", "Boat", vehicles.sailboat),
    ("junk", "Boat", vehicles.junk),
    ("jet", "Aeroplane", vehicles.jet),
    ("wine bottle", "Bottle", vehicles.wine_bottle),
    ("flask", "Bottle", vehicles.flask),
)

KINDS: tuple[Kind, ...] = tuple(
    Kind(name, group, build, f"n{90000001 + index}") for index, (name, group, build) in enumerate(_TABLE)
)
"""All classes; a class's index is its place here, which is also the rank of its folder's name."""
