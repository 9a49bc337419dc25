"""The world as ROxford5k: pictures of single individuals, to be found again in other poses, lights and places.

A landmark becomes an individual: its build, colours and coat stay; pose, place, size, light and what stands before it
change.  Easy, hard and junk follow from how much of it is visible and how large it is.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitscope.demo.world.compose import block_before
from vitscope.demo.world.kinds import KINDS
from vitscope.demo.world.look import GROUNDS, Look
from vitscope.demo.world.parts import Pose
from vitscope.demo.world.png import write_png
from vitscope.demo.world.scene import Picture, Thing, render
from vitscope.demo.world.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vitscope.demo.world.kinds import Kind

WIDTH, HEIGHT = 112, 84
INDIVIDUALS, PICTURES_EACH, QUERIES_EACH, STRANGERS = 12, 14, 2, 60
COUNT = INDIVIDUALS * (PICTURES_EACH + QUERIES_EACH) + STRANGERS
EASY_SHARE, EASY_SIZE, JUNK_SHARE = 0.85, 24.0, 0.65
"""Easy: at least this much visible, and at least this large (pixels, half the side); junk: less than this visible."""


@dataclass(frozen=True)
class Individual:
    """One thing that can be met again."""

    kind: Kind
    look: Look
    build: Pose

    @staticmethod
    def of(kind: Kind, *key: object) -> Individual:
        """The individual of a name."""
        stream = Stream("individual", kind.name, *key)
        return Individual(kind, Look.of(stream), Pose.of(stream))

    def met(self, stream: Stream, size: float) -> Thing:
        """The individual somewhere in a picture, in some pose."""
        x, y = stream.between(0.35, 0.65) * WIDTH, stream.between(0.42, 0.58) * HEIGHT
        return Thing(self.kind, self.build.moved(stream), self.look, x, y, size, stream.between(-0.03, 0.03),
                     stream.chance(0.5), stream.between(0.85, 1.05))  # fmt: skip


def _photograph(thing: Thing, hidden: float, *key: object) -> Picture:
    stream = Stream("photograph", *key)
    blocks = [block_before(thing, hidden, stream)] if hidden else []
    return render(WIDTH, HEIGHT, [thing], ground=stream.choice(GROUNDS), key=("roxford", *key), blocks=blocks)


def difficulty(visible: float, size: float) -> str:
    """Easy, hard or junk, from the visible share and half the side in pixels."""
    if visible < JUNK_SHARE:
        return "junk"
    return "easy" if visible >= EASY_SHARE and size >= EASY_SIZE else "hard"


def write(root: Path) -> Iterator[None]:
    """Write `gnd_roxford5k.pkl` and `jpg/*.jpg`; yields once for each picture."""
    folder = root / "jpg"
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    queries: list[str] = []
    truths: list[dict[str, list]] = []
    for number in range(INDIVIDUALS):
        individual = Individual.of(KINDS[number * 2], number)
        stem = individual.kind.name.replace(" ", "_")
        sorted_out: dict[str, list] = {"easy": [], "hard": [], "junk": []}
        for index in range(PICTURES_EACH):
            stream = Stream("database", number, index)
            size = stream.between(14, 38)
            hidden = stream.choice((0.0, 0.0, 0.35, 0.7))
            picture = _photograph(individual.met(stream, size), hidden, number, index)
            sorted_out[difficulty(picture.visible(0), size)].append(len(names))
            names.append(f"{stem}_{index:06d}")
            write_png(folder / f"{names[-1]}.jpg", picture.image)
            yield
        for index in range(QUERIES_EACH):
            stream = Stream("query", number, index)
            picture = _photograph(individual.met(stream, stream.between(28, 38)), 0.0, number, index, "query")
            queries.append(f"{stem}_{900000 + index:06d}")
            truths.append(
                {"bbx": [float(value) for value in picture.box(0)], **{k: list(v) for k, v in sorted_out.items()}}
            )
            write_png(folder / f"{queries[-1]}.jpg", picture.image)
            yield
    for index in range(STRANGERS):
        stranger = Individual.of(KINDS[index % len(KINDS)], "stranger", index)
        stream = Stream("stranger", index)
        write_png(
            folder / f"stranger_{index:06d}.jpg",
            _photograph(stranger.met(stream, stream.between(14, 38)), 0.0, "stranger", index).image,
        )
        names.append(f"stranger_{index:06d}")
        yield
    content = {"gnd": truths, "imlist": names, "qimlist": queries}
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content, protocol=2))
