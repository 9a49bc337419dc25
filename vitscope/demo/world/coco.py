"""The world as COCO 2017: several objects in a picture, polygons for each, and run lengths for crowds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitscope.demo.world.compose import ground_for, thing_at
from vitscope.demo.world.kinds import KINDS
from vitscope.demo.world.png import write_png
from vitscope.demo.world.regions import annotation, write_json
from vitscope.demo.world.scene import Picture, Thing, render
from vitscope.demo.world.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDTH, HEIGHT = 160, 120
COUNTS = {"train": 12, "val": 48}
COUNT = sum(COUNTS.values())
CROWD_EVERY = 6
"""Each sixth picture has a crowd; each twelfth is empty, as a few are in COCO."""
SMALLEST = 12
"""Pixels below which a visible remainder is not annotated."""


def category_id(index: int) -> int:
    """Ids with gaps, as COCO's: 1..11, 13..24, 27, so that nobody takes an id for an index."""
    return index + 1 + (index >= 11) + 2 * (index >= 23)


def write(root: Path) -> Iterator[None]:
    """Write `annotations/instances_{split}2017.json` and `{split}2017/*.jpg`; yields once for each picture."""
    categories = [
        {"id": category_id(i), "name": kind.name, "supercategory": kind.group} for i, kind in enumerate(KINDS)
    ]
    number = 0
    for split, count in COUNTS.items():
        folder = root / f"{split}2017"
        folder.mkdir(parents=True, exist_ok=True)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for index in range(count):
            number += 7
            picture, crowd = _scene(split, index)
            write_png(folder / f"{number:012d}.jpg", picture.image)
            images.append(
                {"id": number, "file_name": f"{number:012d}.jpg", "width": WIDTH, "height": HEIGHT, "license": 1}
            )
            annotations += _annotations(picture, crowd, number, len(annotations) + 1)
            yield
        content = {"info": {"description": "vitscope's embedded world", "year": 2017},
                   "licenses": [{"id": 1, "name": "MIT", "url": ""}],
                   "images": images, "annotations": annotations, "categories": categories}  # fmt: skip
        write_json(root / "annotations" / f"instances_{split}2017.json", content)


def _scene(split: str, index: int) -> tuple[Picture, int]:
    """A picture, and how many of its first things are a crowd."""
    stream = Stream("coco", split, index)
    things: list[Thing] = []
    crowd = 0
    if index % CROWD_EVERY == 2:
        kind, crowd = stream.choice(KINDS), 7
        things = [
            thing_at(kind, 15 + 21 * i + stream.between(-3, 3), stream.between(20, 34), 12, stream)
            for i in range(crowd)
        ]
    wanted = 0 if index % (2 * CROWD_EVERY) == 5 else 2 + stream.below(3)
    for place in range(wanted):
        x = WIDTH * (place + 0.5) / wanted + stream.between(-14, 14)
        y = stream.between(0.5, 0.7) * HEIGHT
        things.append(thing_at(stream.choice(KINDS), x, y, stream.between(24, 40), stream))
    ground = ground_for(things[-1].kind if things else KINDS[0], stream)
    return render(WIDTH, HEIGHT, things, ground=ground, key=("coco", split, index)), crowd


def _annotations(picture: Picture, crowd: int, image: int, first: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for index in range(crowd, len(picture.things)):
        mask = picture.mask(index)
        if int(mask.sum()) >= SMALLEST:
            category = category_id(KINDS.index(picture.things[index].kind))
            found.append(annotation(first + len(found), image, category, mask))
    if crowd:
        mask = (picture.owner >= 1) & (picture.owner <= crowd)
        category = category_id(KINDS.index(picture.things[0].kind))
        if mask.any():
            found.append(annotation(first + len(found), image, category, mask, crowd=True))
    return found
