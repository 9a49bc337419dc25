"""The world as SPair-71k: pairs of pictures of one category, with the keypoints that both show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vitscope.demo.world.compose import ground_for, thing_at
from vitscope.demo.world.kinds import KINDS
from vitscope.demo.world.png import voc_palette, write_png
from vitscope.demo.world.regions import write_json
from vitscope.demo.world.scene import Picture, render
from vitscope.demo.world.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vitscope.demo.world.kinds import Kind

CATEGORIES = (
    "giraffe",
    "elephant",
    "fox",
    "kangaroo",
    "tuna",
    "heron",
    "owl",
    "turtle",
    "hatchback",
    "bicycle",
    "junk",
    "jet",
)
SPLITS: dict[str, tuple[int, int]] = {"trn": (0, 2), "val": (2, 4), "test": (4, 9)}
"""Which of a category's pictures a split pairs, from first to last, exclusive."""
PICTURES_EACH = 9
COUNT = len(CATEGORIES) * PICTURES_EACH


def write(root: Path) -> Iterator[None]:
    """Write pictures, masks, annotations, pairs (`...:category.json`) and layouts; yields once for each picture."""
    lines: dict[str, list[str]] = {split: [] for split in SPLITS}
    for category in CATEGORIES:
        kind = next(kind for kind in KINDS if kind.name == category)
        pictures: list[Picture] = []
        for index in range(PICTURES_EACH):
            pictures.append(_picture(kind, index))
            _write_picture(root, pictures[-1], category, _name(category, index))
            yield
        for split, (first, last) in SPLITS.items():
            for source in range(first, last):
                for target in range(first, last):
                    if source != target:
                        pair = _pair(pictures, category, source, target, len(lines[split]) + 1)
                        lines[split].append(pair["filename"])
                        write_json(root / "PairAnnotation" / split / f"{pair['filename']}.json", pair)
    for split, names in lines.items():
        for layout in ("large", "small"):
            listing = root / "Layout" / layout / f"{split}.txt"
            listing.parent.mkdir(parents=True, exist_ok=True)
            listing.write_text("".join(f"{name}\n" for name in names), encoding="utf-8", newline="\n")


def _name(category: str, index: int) -> str:
    return f"2008_{CATEGORIES.index(category):03d}{index:03d}"


def _picture(kind: Kind, index: int) -> Picture:
    stream = Stream("pair", kind.name, index)
    width, height = 80 + 4 * stream.below(9), 72 + 4 * stream.below(7)
    size = stream.between(0.36, 0.46) * min(width, height)
    thing = thing_at(kind, width * stream.between(0.45, 0.55), height * stream.between(0.47, 0.53), size, stream)
    return render(width, height, [thing], ground=ground_for(kind, stream), key=("spair", kind.name, index))


def _write_picture(root: Path, picture: Picture, category: str, name: str) -> None:
    for folder in ("JPEGImages", "Segmentation"):
        (root / folder / category).mkdir(parents=True, exist_ok=True)
    write_png(root / "JPEGImages" / category / f"{name}.jpg", picture.image)
    mask = np.where(picture.owner == 1, CATEGORIES.index(category) + 1, 0).astype(np.uint8)
    write_png(root / "Segmentation" / category / f"{name}.png", mask, palette=voc_palette())
    height, width = picture.owner.shape
    content = {
        "filename": f"{name}.jpg", "src_database": "vitscope world", "src_annotation": "drawn", "src_image": "drawn",
        "image_width": width, "image_height": height, "image_depth": 3, "category": category,
        "category_id": CATEGORIES.index(category), "pose": "Unspecified", "truncated": 0, "occluded": 0, "difficult": 0,
        "bndbox": list(picture.box(0)), "azimuth_id": 0,
        "kps": {str(i): None if point is None else list(point) for i, point in enumerate(picture.keypoints(0))},
    }  # fmt: skip
    write_json(root / "ImageAnnotation" / category / f"{name}.json", content)


def _pair(pictures: list[Picture], category: str, source: int, target: int, number: int) -> dict[str, Any]:
    points = [pictures[place].keypoints(0) for place in (source, target)]
    both = [(i, a, b) for i, (a, b) in enumerate(zip(*points, strict=True)) if a is not None and b is not None]
    names = [_name(category, place) for place in (source, target)]
    pair: dict[str, Any] = {
        "pair_id": number, "filename": f"{number:06d}-{names[0]}-{names[1]}:{category}", "category": category,
        "kps_ids": [str(i) for i, _, _ in both], "mirror": 0,
        "viewpoint_variation": int(pictures[source].things[0].flip != pictures[target].things[0].flip),
        "scale_variation": 0, "truncation": 0, "occlusion": 0,
    }  # fmt: skip
    for side, place, kept in (("src", source, [a for _, a, _ in both]), ("trg", target, [b for _, _, b in both])):
        height, width = pictures[place].owner.shape
        pair |= {
            f"{side}_imname": f"{_name(category, place)}.jpg", f"{side}_imsize": [width, height, 3],
            f"{side}_bndbox": list(pictures[place].box(0)), f"{side}_kps": [list(point) for point in kept],
            f"{side}_pose": "Unspecified",
        }  # fmt: skip
    return pair
