"""Two labelled sets that belong together, a gallery and the queries to it: which of their images are used."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from vitscope.data.records import ImageSet, Record
from vitscope.errors import DataError, TaskError


def meet(gallery: ImageSet, queries: ImageSet) -> tuple[ImageSet, tuple[str, ...]]:
    """The queries whose class is in the gallery, with a sentence for those whose is not; labels stay as they are.

    A query without a single right neighbour says nothing of a model. Raises DataError where there are no labels, fewer
    than two classes in the gallery, or no query is left.
    """
    for images, split in ((gallery, "train"), (queries, "val")):
        if not images.records:
            raise DataError(f"{images.root}: {split} holds no image: images in folders {split}/CLASS are expected.")
        if any(record.label is None for record in images.records):
            raise DataError(f"{images.root}: {split} has images without a class: folders {split}/CLASS are expected.")
    known = present(gallery)
    if len(known) < 2:
        raise DataError(
            f"{gallery.root}: train holds the one class {known[0]}, so that every answer is right: at least two class "
            "folders are expected in it."
        )
    kept = tuple(record for record in queries.records if _class(queries, record) in known)
    if not kept:
        raise DataError(
            f"{queries.root}: train and val have no class in common: train has {_some(known)}, val has "
            f"{_some(present(queries))}."
        )
    if len(kept) == len(queries.records):
        return queries, ()
    missing = [name for name in present(queries) if name not in known]
    lost = len(queries.records) - len(kept)
    sentence = f"{lost} images of val are left out: their classes have no image in train ({_some(missing)})"
    return replace(queries, records=kept), (sentence,)


def evenly(images: ImageSet, limit: int | None) -> ImageSet:
    """At most `limit` of the images, the same number of each class but for one, the first of each; order stays."""
    if limit is None or limit >= len(images.records):
        return images
    if limit < 1:
        raise TaskError(f"--limit {limit} keeps no image: it must be at least 1.")
    seen: Counter[int | None] = Counter()
    turns = []
    for place, record in enumerate(images.records):
        turns.append((seen[record.label], record.label or 0, place))
        seen[record.label] += 1
    kept = sorted(place for _, _, place in sorted(turns)[:limit])
    return replace(images, records=tuple(images.records[place] for place in kept))


def labels_in(images: ImageSet, classes: tuple[str, ...]) -> np.ndarray:
    """int64 (I,): the class of every record as a place in `classes`, by name; −1 for one that is not there."""
    places = {name: place for place, name in enumerate(classes)}
    here = np.array([places.get(name, -1) for name in images.classes])
    return here[[record.label or 0 for record in images.records]]


def present(images: ImageSet) -> list[str]:
    """Names of the classes that have an image, in their order."""
    return [images.classes[label] for label in sorted({record.label or 0 for record in images.records})]


def _class(images: ImageSet, record: Record) -> str:
    return images.classes[record.label or 0]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" … {len(names)} in all" if len(names) > 3 else "")
