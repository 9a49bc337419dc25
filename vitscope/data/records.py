"""What a data set is made of: frozen records, in the order in which they are measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vitscope.data.files import digest
from vitscope.errors import DataError


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
    thumbnail: int | None = None  # every image is first shrunk to a long side of at most so many pixels (for retrieval)
    notes: tuple[str, ...] = ()  # what the user should know: counts that differ from the published ones, missing files

    @property
    def fingerprint(self) -> str:
        """sha256 over (name, size, label, box if any) of every record in order, as one line of ASCII JSON each."""
        return digest(
            [record.name, record.size, record.label, *([] if record.box is None else [record.box])]
            for record in self.records
        )


class File(Protocol):
    """A file of a data set that has more to say than its pixels."""

    @property
    def path(self) -> Path: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...


class Files(Protocol):
    """A data set of such files."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def root(self) -> Path: ...
    @property
    def images(self) -> tuple[File, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...


def plain(found: Files, per_class: int | None) -> ImageSet:
    """The images of a data set alone, without labels; raises DataError if some per class are asked for."""
    without_classes(per_class, found.root, found.kind)
    records = tuple(Record(image.path, image.name, None, image.size) for image in found.images)
    return ImageSet(found.name, found.kind, found.root, records, (), notes=found.notes)


def without_classes(per_class: int | None, root: Path, kind: str) -> None:
    """Raise DataError if images per class are asked for where images have no class."""
    if per_class is not None:
        raise DataError(f"--per-class needs classes, but {root} is read as {kind}, where images have none.")
