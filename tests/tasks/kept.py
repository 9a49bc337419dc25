"""Vectors of a set of images in an array, as the extraction keeps them on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitscope.data.records import ImageSet, Record


class Kept:
    """`rows` [L, I, D] of the records `places`; both kinds of tokens are the same rows, "spatial" reversed in width."""

    def __init__(self, rows: np.ndarray, places: list[int] | None = None) -> None:
        self.rows = rows.astype(np.float16)
        self.layers, count, self.width = rows.shape
        self.places = np.arange(count) if places is None else np.array(places, np.int64)
        self.largest = 0  # rows read at a time

    def read(self, layer: int, tokens: str, start: int, stop: int) -> np.ndarray:
        """float16 [stop − start, width], not writable, as a file mapped into memory."""
        self.largest = max(self.largest, stop - start)
        rows = self.rows[layer, start:stop, :: {"cls": 1, "spatial": -1}[tokens]].copy()
        rows.flags.writeable = False
        return rows


class Silent:
    """A watcher that remembers how far the work has come."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def progress(self, done: int, total: int) -> None:
        self.seen.append((done, total))


def image_set(labels: list[int | None], classes: tuple[str, ...], split: str = "train") -> ImageSet:
    """Records without files."""
    records = tuple(
        Record(Path(f"/{split}/{place}.png"), f"{split}/{place}.png", label, 100 + place)
        for place, label in enumerate(labels)
    )
    return ImageSet(split, "imagenet", Path("/tree"), records, classes)
