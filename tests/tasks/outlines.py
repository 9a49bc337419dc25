"""Small trees of COCO and PartImageNet whose pictures are noise, with rectangles for outlines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

Box = tuple[int, int, int, int]  # left, top, right, bottom
Picture = tuple[int, int, list[tuple[int, Box]]]  # width, height, regions by label


def ring(box: Box) -> list[int]:
    left, top, right, bottom = box
    return [left, top, right, top, right, bottom, left, bottom]


def noise(path: Path, width: int, height: int) -> None:
    """A picture of its own for every path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(path.name.encode())
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path, format="PNG")


def content(pictures: list[Picture], names: list[str], labels: list[tuple[int, str, str]]) -> dict[str, list]:
    """What a file of annotations says."""
    regions = [(number, label, box) for number, (_, _, found) in enumerate(pictures) for label, box in found]
    return {
        "images": [
            {"id": number + 1, "file_name": name, "width": width, "height": height}
            for number, (name, (width, height, _)) in enumerate(zip(names, pictures, strict=True))
        ],
        "categories": [{"id": label, "name": name, "supercategory": group} for label, name, group in labels],
        "annotations": [
            {"id": i, "image_id": number + 1, "category_id": label, "iscrowd": 0, "segmentation": [ring(box)]}
            for i, (number, label, box) in enumerate(regions, 1)
        ],
    }


def coco(root: Path, pictures: list[Picture]) -> Path:
    """A validation split of COCO; labels are 3 and 7."""
    names = [f"{number + 1:012d}.jpg" for number in range(len(pictures))]
    for name, (width, height, _) in zip(names, pictures, strict=True):
        noise(root / "val2017" / name, width, height)
    (root / "annotations").mkdir()
    text = json.dumps(content(pictures, names, [(3, "car", "vehicle"), (7, "train", "vehicle")]))
    (root / "annotations" / "instances_val2017.json").write_text(text)
    return root


def partimagenet(root: Path, pictures: list[Picture]) -> Path:
    """The original release with the one split val; labels are 0 and 24, of the super-categories Quadruped and Car."""
    wnids = ["n99000001" if any(label == 0 for label, _ in found) else "n99000002" for _, _, found in pictures]
    names = [f"{wnid}_{number}.JPEG" for number, wnid in enumerate(wnids)]
    for name, wnid, (width, height, _) in zip(names, wnids, pictures, strict=True):
        noise(root / "val" / wnid / name, width, height)
    labels = [(0, "Quadruped Head", "Quadruped"), (24, "Car Body", "Car")]
    (root / "val.json").write_text(json.dumps(content(pictures, names, labels)))
    return root
