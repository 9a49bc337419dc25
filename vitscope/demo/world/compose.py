"""Random arrangements: one object for a class folder, or several for a crowded scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitscope.demo.world.look import COLOURS, GROUNDS, HABITATS, Look
from vitscope.demo.world.parts import Pose
from vitscope.demo.world.scene import Block, Picture, Thing, render
from vitscope.demo.world.stream import Stream

if TYPE_CHECKING:
    from vitscope.demo.world.kinds import Kind

SIDE = 80
"""Width and height in pixels of the pictures that the small ViTs were trained on."""


def ground_for(kind: Kind, stream: Stream) -> str:
    """A background: half the time one of two that its super-category is often seen on, else any."""
    return stream.choice(HABITATS[kind.group]) if stream.chance(0.5) else stream.choice(GROUNDS)


def thing_at(kind: Kind, x: float, y: float, size: float, stream: Stream) -> Thing:
    """An individual of a kind with a random look and pose, near a place (pixels)."""
    return Thing(kind, Pose.of(stream), Look.of(stream), x, y, size, stream.between(-0.03, 0.03),
                 stream.chance(0.5), stream.between(0.82, 1.08))  # fmt: skip


def block_before(thing: Thing, share: float, stream: Stream) -> Block:
    """A block that hides one side of a thing; `share` is roughly how much of its width or height."""
    colour = stream.choice(tuple(COLOURS.values()))
    reach = thing.size * share
    side = stream.choice((-1, 1))
    if stream.chance(0.4):
        return Block(
            "disc", thing.x + side * thing.size * 0.7, thing.y + thing.size * 0.7, reach * 1.4, reach * 1.2, 0.0, colour
        )
    if stream.chance(0.5):
        return Block(
            "box", thing.x + side * thing.size * (0.95 - share), thing.y, reach, thing.size * 1.6, 0.02 * side, colour
        )
    return Block(
        "box", thing.x, thing.y + thing.size * (1.0 - share * 0.6), thing.size * 1.6, reach * 0.6, 0.01 * side, colour
    )


def portrait(kind: Kind, *key: object, side: int = SIDE) -> tuple[Picture, str]:
    """One object of a kind filling most of a square picture, sometimes partly hidden; and its background's name."""
    stream = Stream("portrait", kind.name, *key)
    size = stream.between(0.4, 0.54) * side
    slack = side / 2 - size * 0.9 + 2
    x, y = (side / 2 + stream.between(-slack, slack) for _ in range(2))
    thing = thing_at(kind, x, y, size, stream)
    blocks = [block_before(thing, stream.between(0.15, 0.35), stream)] if stream.chance(0.25) else []
    ground = ground_for(kind, stream)
    return render(side, side, [thing], ground=ground, key=(kind.name, *key), blocks=blocks), ground
