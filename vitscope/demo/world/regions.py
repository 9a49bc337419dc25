"""Masks as COCO writes them: polygons along the edges of pixels, and uncompressed run lengths."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

Point = tuple[int, int]
_TURNS: dict[Point, tuple[Point, Point, Point]] = {
    (dx, dy): ((-dy, dx), (dx, dy), (dy, -dx)) for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1))
}
"""Where a walk may go next, rightmost first, which keeps pixels that touch at a corner in separate rings."""


def run_lengths(mask: np.ndarray) -> dict[str, list[int]]:
    """COCO's uncompressed RLE of bool [h, w]: column by column, the first run counts zeros."""
    flat = np.concatenate(([False], mask.T.ravel(), [False]))
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate(([0], edges, [mask.size])))
    if mask.size and edges.size and edges[-1] == mask.size:
        counts = counts[:-1]
    return {"size": [int(mask.shape[0]), int(mask.shape[1])], "counts": [int(count) for count in counts]}


def polygons(mask: np.ndarray) -> list[list[int]]:
    """The outlines of bool [h, w] as flat rings x1, y1, x2, y2, ... along pixel edges; holes are filled."""
    leaving = _edges(mask)
    rings: list[list[int]] = []
    while leaving:
        start = min(leaving, key=lambda corner: (corner[1], corner[0]))
        ring = _walk(leaving, start)
        if _signed_area(ring) > 0:
            rings.append([value for corner in ring for value in corner])
    return rings


def _edges(mask: np.ndarray) -> dict[Point, list[Point]]:
    """Directed edges by the corner they leave, with the mask on their right hand."""
    leaving: dict[Point, list[Point]] = {}
    padded = np.pad(mask, 1)
    core = padded[1:-1, 1:-1]
    sides = (
        (core & ~padded[:-2, 1:-1], (0, 0), (1, 0)), (core & ~padded[1:-1, 2:], (1, 0), (0, 1)),
        (core & ~padded[2:, 1:-1], (1, 1), (-1, 0)), (core & ~padded[1:-1, :-2], (0, 1), (0, -1)),
    )  # fmt: skip
    for side, (dx, dy), step in sides:
        for y, x in zip(*(places.tolist() for places in np.nonzero(side)), strict=True):
            leaving.setdefault((x + dx, y + dy), []).append(step)
    return leaving


def _walk(leaving: dict[Point, list[Point]], start: Point) -> list[Point]:
    """Follow edges from a corner back to it, taking them out; returns the corners where the walk turns."""
    at, step = start, leaving[start][0]
    ring: list[Point] = []
    before: Point | None = None
    while True:
        choices = leaving[at]
        if before is not None:
            step = next(turn for turn in _TURNS[before] if turn in choices)
        choices.remove(step)
        if not choices:
            del leaving[at]
        if step != before:
            ring.append(at)
        at, before = (at[0] + step[0], at[1] + step[1]), step
        if at == start:
            return ring


def _signed_area(ring: list[Point]) -> int:
    following = ring[1:] + ring[:1]
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, following, strict=True))


def annotation(number: int, image: int, category: int, mask: np.ndarray, *, crowd: bool = False) -> dict[str, Any]:
    """One COCO annotation of a mask, bool [h, w]."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x, y = int(columns[0]), int(rows[0])
    box = [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]
    return {
        "id": number, "image_id": image, "category_id": category, "bbox": box,
        "area": int(np.count_nonzero(mask)), "iscrowd": int(crowd),
        "segmentation": run_lengths(mask) if crowd else polygons(mask),
    }  # fmt: skip


def write_json(path: Path, content: object) -> None:
    """Write JSON, the same bytes for the same content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8", newline="\n")
