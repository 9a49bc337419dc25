"""Image retrieval on the revisited Oxford and Paris sets (paper section 6.1; the sets: arXiv 1803.11285).

A query ranks the whole database by the dot product of CLS tokens of unit length; of two equal products the image that
comes first in the database stands first. Features come before the final norm, at one scale, without whitening.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch

from vitscope.data import files, revisited
from vitscope.data.records import ImageSet
from vitscope.errors import DataError, TaskError
from vitscope.tasks import Array, Asked, Option, Outcome, VectorsOfSet
from vitscope.tasks.nearest import SIZES, unit_rows
from vitscope.tasks.ranking import DIFFICULTIES, KS, Scores, score

THUMBNAIL = 224  # px, the long side that the paper's code shrinks every image to before anything else


class Retrieval:
    """mAP and mP@k of all layers; a task of `Vectors` over the sets "database" and "queries"."""

    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Option]] = {
        "crop-query": Option(False, "queries cropped to their box, as the data set's authors ask; the paper did not"),
        "native": Option(False, "images not shrunk first; the paper's code shrinks them to a long side of 224 pixels"),
        "tokens": Option("cls", "the CLS token, or the mean over all patches", ("cls", "spatial")),
    }
    best: ClassVar[tuple[str, str]] = ("map-medium", "max")

    def __init__(self, asked: Asked) -> None:
        """Read the ground truth and the names of the images. DataError as the reader says, TaskError."""
        given = {name: asked.options.get(name, option.default) for name, option in self.options.items()}
        if asked.per_class is not None:
            raise TaskError(
                "--per-class: images of a retrieval data set have no classes; use --limit for fewer queries."
            )
        if asked.limit is not None and asked.limit < 1:
            raise TaskError(f"--limit {asked.limit} keeps no query: it must be at least 1.")
        data = revisited.read(asked.root, name=asked.kind)
        self._truth = data.truth[: asked.limit]
        self._device = torch.device(asked.device)
        thumbnail = None if given["native"] else THUMBNAIL
        self.sets: Mapping[str, ImageSet] = {
            "database": replace(data.database, thumbnail=thumbnail),
            "queries": replace(_asked(data.queries, asked.limit, crop=given["crop-query"]), thumbnail=thumbnail),
        }
        self.notes = self._notes(data)
        self.dataset = data.name
        self.fingerprint = self._digest()
        self.settings: dict[str, Any] = {
            "query": "cropped to its box" if given["crop-query"] else "whole",
            "resolution": "native" if given["native"] else f"long side at most {THUMBNAIL}",
            "features": "block output before the final norm",
            "tokens": given["tokens"],
        }

    def compute(self, vectors: Mapping[str, VectorsOfSet], watcher: Any) -> Outcome:
        """`map` (layer, difficulty), `precision` (layer, difficulty, k), `map-medium` (layer,).

        Images of the database that could not be read are in no ranking and not among the right answers; such queries
        are left out, as are queries without a right answer, for the difficulty in which they have none.
        """
        database, queries = vectors["database"], vectors["queries"]
        if not len(database.places) or not len(queries.places):
            raise DataError("retrieval: no image of the database, or no query, could be read.")
        truths = [self._truth[place] for place in queries.places]
        scores: list[Scores] = []
        for layer in range(database.layers):
            similarity_QN = self._similarity(database, queries, layer)
            order_QN = np.argsort(-similarity_QN, axis=1, kind="stable")
            scores.append(score(list(database.places[order_QN]), truths))
            watcher.progress(layer + 1, database.layers)
        average = np.stack([of.average for of in scores]).astype(np.float32)
        precision = np.stack([of.precision for of in scores]).astype(np.float32)
        arrays = {
            "map": Array(average, ("layer", "difficulty"), "1"),
            "map-medium": Array(average[:, DIFFICULTIES.index("medium")], ("layer",), "1"),
            "precision": Array(precision, ("layer", "difficulty", "k"), "1"),
        }
        coords = {"difficulty": list(DIFFICULTIES), "k": [str(k) for k in KS]}
        return Outcome(arrays, len(truths), coords, _counts(scores[0].queries, len(truths)))

    def _similarity(self, database: VectorsOfSet, queries: VectorsOfSet, layer: int) -> np.ndarray:
        """float32 (Q, N) of one layer: queries × images of the database that could be read."""
        tokens, count = self.settings["tokens"], len(database.places)
        asked = unit_rows(queries.read(layer, tokens, 0, len(queries.places)), self._device)
        step = SIZES[self._device.type].gallery
        slices = [(start, min(start + step, count)) for start in range(0, count, step)]
        parts = [asked @ unit_rows(database.read(layer, tokens, *part), self._device).T for part in slices]
        return np.concatenate([part.cpu().numpy() for part in parts], axis=1)

    def _notes(self, data: revisited.Revisited) -> tuple[str, ...]:
        kept, there = len(self._truth), len(data.truth)
        few = (f"the first {kept} of {there} queries; the database is whole",) if kept < there else ()
        return (*data.notes, *few)

    def _digest(self) -> str:
        """sha256 over both sets of images and the ground truth of the queries asked."""
        places = ([part.tolist() for part in (of.easy, of.hard, of.junk)] for of in self._truth)
        return files.digest([*(images.fingerprint for images in self.sets.values()), *places])


def _asked(queries: ImageSet, limit: int | None, *, crop: bool) -> ImageSet:
    """The first `limit` queries, with their boxes only where they are to be cropped to them."""
    records = queries.records[:limit]
    return replace(queries, records=records if crop else tuple(replace(record, box=None) for record in records))


def _counts(queries: np.ndarray, asked: int) -> tuple[str, ...]:
    """A sentence for the queries that a difficulty leaves out."""
    few = [f"{count} in {name}" for name, count in zip(DIFFICULTIES, queries, strict=True) if count < asked]
    return (
        (f"of {asked} queries a right answer have: {', '.join(few)}; the others are left out of its mean",)
        if few
        else ()
    )
