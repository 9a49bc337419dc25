"""What a data set is made of: frozen records, in the order in which they are measured."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """One image file. `size` is in bytes and `label` an index into `ImageSet.classes`, None without classes."""

    path: Path
    name: str  # path relative to the root, with "/" on every system
    label: int | None
    size: int
    box: tuple[float, float, float, float] | None = None  # left, top, right, bottom in pixels: all that is looked at


@dataclass(frozen=True)
class ImageSet:
    """An ordered list of images, with the names of its classes if it has any."""

    name: str
    kind: str  # a key of catalog.DATASETS
    root: Path
    records: tuple[Record, ...]
    classes: tuple[str, ...]
    thumbnail: int | None = None  # every image is first shrunk to a long side of at most so many pixels (protocol 4.2)

    @property
    def fingerprint(self) -> str:
        """sha256 over (name, size, label, box if any) of every record in order, as one line of ASCII JSON each."""
        digest = hashlib.sha256()
        for record in self.records:
            box = [] if record.box is None else [record.box]
            digest.update(f"{json.dumps([record.name, record.size, record.label, *box])}\n".encode("ascii"))
        return digest.hexdigest()
