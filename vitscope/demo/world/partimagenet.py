"""The world as PartImageNet in its original layout: portraits, with one annotation for each visible part.

As in the real data, the splits hold different classes, and all its forty part categories keep their ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitscope.demo.world.compose import SIDE, portrait
from vitscope.demo.world.kinds import KINDS
from vitscope.demo.world.parts import CATEGORIES
from vitscope.demo.world.png import write_png
from vitscope.demo.world.regions import annotation, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vitscope.demo.world.scene import Picture

PER_CLASS = 8
COUNT = len(KINDS) * PER_CLASS
SMALLEST = 4
"""Pixels below which a visible remainder of a part is not annotated."""


def split_of(index: int) -> str:
    """The split that holds a class: of each six, four are in train, one in val, one in test."""
    return {4: "val", 5: "test"}.get(index % 6, "train")


def write(root: Path) -> Iterator[None]:
    """Write `{split}.json` and `{split}/<wnid>/<wnid>_<n>.JPEG`; yields once for each picture."""
    categories = [
        {"id": i, "name": f"{group} {part}", "supercategory": group} for i, (group, part) in enumerate(CATEGORIES)
    ]
    number = 0
    for split in ("train", "val", "test"):
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for kind in (kind for index, kind in enumerate(KINDS) if split_of(index) == split):
            folder = root / split / kind.wordnet
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(PER_CLASS):
                number += 1
                picture, _ = portrait(kind, "parts", index)
                name = f"{kind.wordnet}_{10000 + index}.JPEG"
                write_png(folder / name, picture.image)
                images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
                annotations += _annotations(picture, number, len(annotations))
                yield
        write_json(root / f"{split}.json", {"images": images, "annotations": annotations, "categories": categories})


def _annotations(picture: Picture, image: int, first: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for category in range(len(CATEGORIES)):
        mask = picture.mask(0) & (picture.part == category + 1)
        if int(mask.sum()) >= SMALLEST:
            found.append(annotation(first + len(found), image, category, mask))
    return found
