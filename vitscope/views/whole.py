"""Exact CKA of several runs, from the vectors of all images that every run has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from vitscope.derive.cka import Rows, exact
from vitscope.store.reader import Run
from vitscope.store.vectors import Vectors
from vitscope.views.grams import same_images

Place = tuple[int, int]
"""Which of the runs, which of its layers; both from 0."""


@dataclass(frozen=True)
class Whole:
    """The vectors of a run, and which of them count."""

    vectors: Vectors
    kept: np.ndarray

    def rows(self, layer: int, tokens: str) -> Rows:
        """One layer of them, layers from 0."""
        return Rows(lambda start, stop: self.vectors.read(layer, tokens, start, stop), self.kept)


def exactly(runs: Sequence[Run], places: tuple[Sequence[Place], Sequence[Place]], tokens: str) -> np.ndarray:
    """Unbiased and biased CKA of every row with every column of `places`, (rows, columns, 2); no pair is done twice.

    Raises ViewError unless all runs are over the same images, NotMeasured without `vectors` or without those tokens.
    """
    same_images(runs)
    whole = _vectors_of(runs)
    known: dict[tuple[Place, Place], tuple[float, float]] = {}
    for one in places[0]:
        rows = whole[one[0]].rows(one[1], tokens)
        for other in places[1]:
            if (one, other) not in known:
                columns = rows if one == other else whole[other[0]].rows(other[1], tokens)
                known[one, other] = known[other, one] = exact(rows, columns)
    return np.array([[known[one, other] for other in places[1]] for one in places[0]])


def _vectors_of(runs: Sequence[Run]) -> list[Whole]:
    """The vectors of each run, with the images that all of them have."""
    stored = [Vectors(run) for run in runs]
    shared = reduce(np.intersect1d, [each.places for each in stored])
    return [Whole(each, np.flatnonzero(np.isin(each.places, shared))) for each in stored]
