"""Small trees in the real formats, and what is mutated in them."""

from __future__ import annotations

import copy
import io
import json
import pickle
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

SQUARE = [[2, 1, 6, 1, 6, 5, 2, 5]]  # rows 1..4, columns 2..5
SIZE = (8, 6)  # width, height of every picture

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)


def picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    """A grey picture, a PNG whatever its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_png(size))
    return path


@cache
def _png(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "grey").save(file, format="PNG")
    return file.getvalue()


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def places(value: Any, above: tuple = ()) -> list[tuple]:
    """The way to every value inside of `value`, itself included."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(place for key, item in inside for place in places(item, (*above, key)))]


@st.composite
def damaged(draw, value: Any, other=JSON) -> Any:
    """`value` with one to three values inside of it replaced by anything, or taken out."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(value)[1:] or [(0,)]))
        inner = value
        for key in way:
            inner = inner[key]
        if draw(st.booleans()) or not isinstance(inner, dict):
            inner[last] = draw(other)
        else:
            del inner[last]
    return value


def annotations(names: tuple[str, ...] = ("000000000007.jpg", "000000000002.jpg")) -> dict[str, Any]:
    """Two pictures, the second without a region; a square and a crowd in the first."""
    width, height = SIZE
    shape = {"width": width, "height": height}
    crowd = {"size": [height, width], "counts": [6, 3, 39]}
    return {
        "images": [{"id": 7, "file_name": names[0], **shape}, {"id": 2, "file_name": names[1], **shape}],
        "categories": [{"id": 0, "name": "cat", "supercategory": "Animal"}, {"id": 90, "name": "cup"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 0, "iscrowd": 0, "segmentation": copy.deepcopy(SQUARE)},
            {"id": 2, "image_id": 7, "category_id": 90, "iscrowd": 1, "segmentation": crowd},
        ],
    }


def coco(root: Path, content: object | None = None, *, folder: str = "val2017") -> Path:
    """A tree of COCO with two pictures."""
    write(root / "annotations" / "instances_val2017.json", annotations() if content is None else content)
    for name in ("000000000007.jpg", "000000000002.jpg"):
        picture(root / folder / name)
    return root


TRUTH = {
    "imlist": ["a_000000", "b_000000", "c_000000", "d_000000"],
    "qimlist": ["q_000001", "q_000000"],
    "gnd": [
        {"bbx": [1, 1.5, 7, 5], "easy": [2], "hard": [0], "junk": [3]},
        {"bbx": [0.0, 0.0, 8.0, 6.0], "easy": [], "hard": [1, 3], "junk": []},
    ],
}


def revisited(root: Path, content: object = TRUTH, *, name: str = "roxford5k", raw: bytes | None = None) -> Path:
    """A tree of ROxford5k."""
    root.mkdir(parents=True, exist_ok=True)
    (root / f"gnd_{name}.pkl").write_bytes(pickle.dumps(content, protocol=2) if raw is None else raw)
    for stem in (*TRUTH["imlist"], *TRUTH["qimlist"]):
        picture(root / "jpg" / f"{stem}.jpg")
    return root


def davis(root: Path, videos: dict[str, int], split: str = "val") -> Path:
    """A tree of DAVIS: so many frames of each video, object 1 in the middle of each."""
    from vitscope.data.davis import write_mask

    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    mask[2:4, 2:6] = 1
    for video, frames in videos.items():
        for number in range(frames):
            picture(root / "JPEGImages" / "480p" / video / f"{number:05d}.jpg")
            (root / "Annotations" / "480p" / video).mkdir(parents=True, exist_ok=True)
            write_mask(root / "Annotations" / "480p" / video / f"{number:05d}.png", mask)
    write(root / "ImageSets" / "2017" / f"{split}.txt", "".join(f"{video}\n" for video in videos))
    return root


def pair(number: int = 1, category: str = "train") -> dict[str, Any]:
    width, height = SIZE
    return {
        "pair_id": number, "filename": f"{number:06d}-2008_000001-2008_000002:{category}", "category": category,
        "src_imname": "2008_000001.jpg", "trg_imname": "2008_000002.jpg", "src_imsize": [width, height, 3],
        "trg_imsize": [width, height, 3], "src_bndbox": [1, 1, 7, 5], "trg_bndbox": [0, 0, 8, 6],
        "src_kps": [[2, 2], [5, 3]], "trg_kps": [[3, 2], [6, 4]], "kps_ids": ["0", "7"], "mirror": 0,
    }  # fmt: skip


def spair(root: Path, *pairs: object, separator: str = ":", split: str = "test") -> Path:
    """A tree of SPair-71k with the categories train and bus."""
    for category in ("train", "bus"):
        for name in ("2008_000001", "2008_000002"):
            picture(root / "JPEGImages" / category / f"{name}.jpg")
    for number, content in enumerate(pairs or (pair(),), 1):
        category = content.get("category") if isinstance(content, dict) else "train"
        category = category if category in ("train", "bus") else "train"
        name = f"{number:06d}-2008_000001-2008_000002{separator}{category}.json"
        write(root / "PairAnnotation" / split / name, content)
    return root
