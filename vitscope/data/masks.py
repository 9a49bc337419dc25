"""Regions of images: COCO's polygons and run lengths → masks of pixels → soft masks of tokens.

Polygons are drawn by pycocotools, the reference, after a check that keeps it from what it takes for a box or cannot
draw. Run lengths are decoded here: pycocotools trusts their lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitscope.errors import DataError

LARGEST = 65_500  # pixels of a side: what JPEG can hold
LONGEST = 1e7  # pixels of an outline; drawing one takes memory for each


@dataclass(frozen=True, slots=True)
class Region:
    """One annotated object or part. `segmentation` is as read: a list of flat rings, or run lengths as COCO's RLE."""

    label: int  # the id of its category, a key of MaskedSet.labels; 0 is a real id
    segmentation: Any
    crowd: bool


@dataclass(frozen=True, slots=True)
class MaskedImage:
    """An image and its regions, of which there may be none. Sizes are what the ground truth says: the file's pixels.

    Its pixels are to be read without turning them upright (`decode(path, orient=False)`), and only fit the regions if
    they have this height and width.
    """

    path: Path
    name: str  # path relative to the root, with "/" on every system
    size: int  # in bytes; 0 if the file is missing
    height: int
    width: int
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class MaskedSet:
    """An ordered list of images with regions."""

    name: str
    kind: str  # a key of catalog.DATASETS
    root: Path
    images: tuple[MaskedImage, ...]
    labels: dict[int, str]  # names of the categories by id
    fingerprint: str  # sha256 over names, sizes, labels and segmentations
    notes: tuple[str, ...]  # what the user should know, annotations that cannot be used among it


def usable(segmentation: object, height: int, width: int) -> str:
    """Why a segmentation cannot be drawn in an image of so many pixels; an empty string if it can.

    Rings of fewer than three points are dropped, as pycocotools would take four numbers for a box; a segmentation is
    usable while one ring is left (for the paper's code the first ring decides: `starts_with_polygon`).
    """
    if isinstance(segmentation, dict):
        return "" if _runs(segmentation, height, width) is not None else "run lengths that do not fit their image"
    if not isinstance(segmentation, list):
        return "no segmentation"
    return "" if _rings(segmentation, height, width) else "no polygon of three points or more"


def starts_with_polygon(region: Region) -> bool:
    """Whether the paper's code keeps a region: a crowd, or a first ring of more than four numbers."""
    return region.crowd or isinstance(region.segmentation, dict) or len(region.segmentation[0]) > 4


def mask(region: Region, height: int, width: int) -> np.ndarray:
    """The pixels of a region, bool (height, width); raises DataError for a segmentation that is not `usable`."""
    if reason := usable(region.segmentation, height, width):
        raise DataError(f"a region cannot be drawn in an image of {width} × {height} pixels: {reason}.")
    if isinstance(region.segmentation, dict):
        runs = _runs(region.segmentation, height, width)
    else:
        from pycocotools import mask as reference  # noqa: PLC0415 - only where there are masks

        rings: Any = _rings(region.segmentation, height, width)
        merged: Any = reference.merge(reference.frPyObjects(rings, height, width))
        runs = _runs(merged, height, width)
    assert runs is not None
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(width, height).T


def soft_mask(pixels: np.ndarray, rows: int, columns: int, *, crop: bool) -> np.ndarray | None:
    """How much of a mask lies on each token, float64 (rows, columns), sum 1; None if nothing of it is left.

    The `coverage`, divided by its sum: larger than zero up to half a token around the mask.
    """
    share = coverage(pixels, rows, columns, crop=crop)
    total = share.sum()
    return share / total if total > 0 else None


def coverage(pixels: np.ndarray, rows: int, columns: int, *, crop: bool) -> np.ndarray:
    """The share of each token that a mask covers, float64 (rows, columns), 0 … 1 in steps of 1/255.

    `pixels` is bool (height, width). With `crop`, only the largest centred part in the proportions of the grid counts,
    the square that the model sees. It is scaled down by antialiased bicubic in 8 bits.
    """
    if crop:
        pixels = _centre(pixels, rows, columns)
    grey = Image.fromarray(pixels.astype(np.uint8) * 255)
    return np.asarray(grey.resize((columns, rows), Image.Resampling.BICUBIC), dtype=np.float64) / 255


def _centre(pixels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The largest centred part with the proportions of rows : columns; of an odd rest, the lower right is larger."""
    height, width = pixels.shape
    if width * rows >= height * columns:
        inner = (height, max(height * columns // rows, 1))
    else:
        inner = (max(width * rows // columns, 1), width)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    return pixels[top : top + inner[0], left : left + inner[1]]


def _rings(segmentation: list[Any], height: int, width: int) -> list[list[float]]:
    """The rings that can be drawn: three points or more, all of them in or near the image."""
    return [ring for ring in segmentation if isinstance(ring, list) and _is_ring(ring, height, width)]


def _is_ring(ring: list[Any], height: int, width: int) -> bool:
    if len(ring) < 6 or len(ring) % 2 or not all(type(value) in (int, float) for value in ring):
        return False
    try:
        points = np.array(ring, dtype=np.float64).reshape(-1, 2)
    except OverflowError:  # a whole number beyond every float
        return False
    sides = np.array([width, height])
    if not ((points >= -sides) & (points <= 2 * sides)).all():  # nor is NaN
        return False
    return float(np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum()) <= LONGEST


def _runs(encoded: dict[str, Any], height: int, width: int) -> np.ndarray | None:
    """Lengths of the runs of zeros and ones down the columns, int64; None unless they fill the image exactly."""
    counts, shape = encoded.get("counts"), encoded.get("size")
    if not isinstance(shape, list) or [type(side) for side in shape] != [int, int] or shape != [height, width]:
        return None
    if isinstance(counts, str | bytes):
        counts = _unpacked(counts, height * width)
    if not isinstance(counts, list) or not all(type(run) is int and 0 <= run <= height * width for run in counts):
        return None
    return np.array(counts, dtype=np.int64) if sum(counts) == height * width else None


def _unpacked(packed: str | bytes, largest: int) -> list[int] | None:
    """COCO's compressed run lengths: 5 bits a character, lowest first, from the fourth on the change to the one before
    the last; None for what is none.
    """
    codes = packed.encode("utf-8", "replace") if isinstance(packed, str) else packed
    runs: list[int] = []
    value = shift = 0
    for code in codes:
        bits = code - 48
        if not 0 <= bits < 64 or shift > 60:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            if not 0 <= runs[-1] <= largest:
                return None
            value = shift = 0
    return runs if shift == 0 else None
