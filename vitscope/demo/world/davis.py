"""The world as DAVIS-2017: short films of things that move, deform and pass behind one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vitscope.demo.world.kinds import KINDS
from vitscope.demo.world.look import GROUNDS, Look
from vitscope.demo.world.parts import Pose
from vitscope.demo.world.png import voc_palette, write_png
from vitscope.demo.world.scene import Block, Thing, render
from vitscope.demo.world.stream import Stream, sine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vitscope.demo.world.scene import Picture

WIDTH, HEIGHT, FRAMES = 176, 112, 16
FILMS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {"fox-run": ("fox",), "two-boats": ("sailboat", "junk")},
    "val": {
        "gull": ("gull",), "giraffes-pass": ("giraffe", "giraffe"), "pond": ("carp", "tuna", "turtle"),
        "street": ("hatchback", "bicycle"), "snake-grass": ("snake",), "elephant-pillar": ("elephant",),
    },
}  # fmt: skip
"""Films by split, and the things in them; the film called `elephant-pillar` hides its thing for a while."""
COUNT = FRAMES * sum(len(films) for films in FILMS.values())


def frame(film: str, kinds: tuple[str, ...], time: int) -> Picture:
    """One picture of a film."""
    stream = Stream("film", film)
    ground = stream.choice(GROUNDS)
    share = time / (FRAMES - 1)
    things = [_thing(name, place, len(kinds), share, stream) for place, name in enumerate(kinds)]
    blocks = [Block("box", WIDTH * 0.55, HEIGHT / 2, 20, HEIGHT, 0.0, (150, 140, 130))] if "pillar" in film else []
    return render(WIDTH, HEIGHT, things, ground=ground, key=("davis", film), blocks=blocks)


def _thing(name: str, place: int, count: int, share: float, stream: Stream) -> Thing:
    kind = next(kind for kind in KINDS if kind.name == name)
    look, build, phase = Look.of(stream), Pose.of(stream), stream.between(0, 1)
    size = stream.between(26, 34) * (1.25 if count == 1 else 1.0)
    rightwards = place % 2 == 0
    along = share if rightwards else 1 - share
    x = WIDTH * (0.2 + 0.6 * along)
    y = HEIGHT * (0.5 + 0.14 * (place - (count - 1) / 2)) + 6 * sine(share * 1.5 + phase)
    pose = Pose(sine(2 * share + phase), sine(share + phase), build.long, build.thick)
    return Thing(
        kind, pose, look, x, y, size * (1 + 0.15 * sine(share * 0.5)), 0.02 * sine(share + phase), not rightwards
    )


def write(root: Path) -> Iterator[None]:
    """Write `JPEGImages/480p`, `Annotations/480p` and `ImageSets/2017`; yields once for each frame."""
    palette = voc_palette()
    for split, films in FILMS.items():
        for film, kinds in films.items():
            pictures, masks = root / "JPEGImages" / "480p" / film, root / "Annotations" / "480p" / film
            pictures.mkdir(parents=True, exist_ok=True)
            masks.mkdir(parents=True, exist_ok=True)
            for time in range(FRAMES):
                picture = frame(film, kinds, time)
                write_png(pictures / f"{time:05d}.jpg", picture.image)
                owner = np.where(picture.owner <= len(kinds), picture.owner, 0).astype(np.uint8)
                write_png(masks / f"{time:05d}.png", owner, palette=palette)
                yield
        listing = root / "ImageSets" / "2017" / f"{split}.txt"
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text("".join(f"{film}\n" for film in films), encoding="utf-8", newline="\n")
