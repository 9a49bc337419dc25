"""Weighted votes of the nearest neighbours (paper section 6.1, after DINO's evaluation: arXiv 2104.14294)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vitscope.errors import TaskError
from vitscope.tasks import VectorsOfSet
from vitscope.tasks.nearest import SIZES, nearest, unit_rows

TOP = 5


def usable(ks: Sequence[int], gallery: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The k that a gallery of so many images has neighbours for, ascending, and a sentence for the others.

    Raises TaskError if there are none, or for a k below 1.
    """
    if not ks or min(ks) < 1:
        raise TaskError(f"--k {','.join(map(str, ks))}: neighbours to vote are needed, at least 1.")
    kept = tuple(sorted({k for k in ks if k <= gallery}))
    if not kept:
        raise TaskError(
            f"k-NN: train has {gallery} images, fewer than the smallest k, {min(ks)}: choose a smaller one with --k."
        )
    left = ", ".join(str(k) for k in sorted(set(ks)) if k > gallery)
    return kept, (f"k = {left} is left out: train has {gallery} images",) if left else ()


def class_scores(similarity_QK: np.ndarray, labels_QK: np.ndarray, classes: int, temperature: float) -> np.ndarray:
    """float64 (Q, classes): sum over the neighbours of a class of exp((s − s₁) / T), s₁ being the nearest's similarity.

    Neighbours come nearest first, and are summed in that order. The usual exp(s / T) is the same but for one factor a
    query; relative to the nearest, no temperature overflows.

    >>> class_scores(np.array([[0.96, 0.936, 0.8]]), np.array([[0, 1, 1]]), 3, 0.07).round(4)
    array([[1.    , 0.8114, 0.    ]])
    """
    similarity = similarity_QK.astype(np.float64)
    weights = np.exp((similarity - similarity[:, :1]) / temperature)
    cells = labels_QK + classes * np.arange(len(labels_QK))[:, None]
    return np.bincount(cells.ravel(), weights.ravel(), len(labels_QK) * classes).reshape(-1, classes)


def ranks(scores_QC: np.ndarray, labels_Q: np.ndarray) -> np.ndarray:
    """int64 (Q,): how many classes stand before the true one; of equal scores the class that comes first does.

    >>> ranks(np.array([[2.0, 2.0, 3.0]]), np.array([1]))
    array([2])
    """
    own = np.take_along_axis(scores_QC, labels_Q[:, None], 1)
    before = np.arange(scores_QC.shape[1]) < labels_Q[:, None]
    return ((scores_QC > own) | ((scores_QC == own) & before)).sum(1)


def hits(
    similarity_QK: np.ndarray, neighbours_QK: np.ndarray, labels_Q: np.ndarray, classes: int, temperature: float,
    *, empty: bool,
) -> tuple[int, int]:  # fmt: skip
    """How many queries have their class first, and among the first min(5, K), by the votes of K neighbours.

    `neighbours_QK` are the classes of the neighbours. `empty` lets a class without a single neighbour be among the
    first five, as the paper's code does: with few classes nearly every answer is then right.
    """
    scores_QC = class_scores(similarity_QK, neighbours_QK, classes, temperature)
    place_Q = ranks(scores_QC, labels_Q)
    voted_Q = (neighbours_QK == labels_Q[:, None]).any(1)
    among_Q = (place_Q < min(TOP, similarity_QK.shape[1])) & (voted_Q | empty)
    return int((place_Q == 0).sum()), int(among_Q.sum())


@dataclass(frozen=True)
class Ballot:
    """Everything that an answer of k-NN depends on, but for the layer."""

    gallery: VectorsOfSet
    queries: VectorsOfSet
    gallery_labels: np.ndarray  # int64, class of every gallery row
    query_labels: np.ndarray  # int64, class of every query row
    asked: np.ndarray  # bool, the query rows that count
    ks: tuple[int, ...]
    temperature: float
    tokens: str
    empty: bool  # see `hits`
    device: torch.device

    @property
    def steps(self) -> int:
        """How often a layer calls `done` with how much, in all."""
        return len(self._blocks) * len(self.gallery_labels)

    def layer(self, layer: int, done: Callable[[int], None]) -> np.ndarray:
        """int64 (k, 2): how many of the queries asked are right at the first place, and among the first five."""
        sizes = SIZES[self.device.type]
        right = np.zeros((len(self.ks), 2), np.int64)

        def rows(start: int, stop: int) -> np.ndarray:
            return self.gallery.read(layer, self.tokens, start, stop)

        for block in self._blocks:
            here = self.asked[block.start : block.stop]
            queries = self.queries.read(layer, self.tokens, block.start, block.stop)[here]
            unit = unit_rows(queries, self.device)
            found = nearest(unit, rows, len(self.gallery_labels), max(self.ks), sizes, done)
            labels = self.query_labels[block.start : block.stop][here]
            for start in range(0, len(labels), sizes.queries):
                part = slice(start, start + sizes.queries)
                right += self._right(found.similarity_QK[part], found.places_QK[part], labels[part])
        return right

    @property
    def _blocks(self) -> list[range]:
        """The query rows that are looked at together, without those blocks of which none counts."""
        size = SIZES[self.device.type].held
        blocks = [range(start, min(start + size, len(self.asked))) for start in range(0, len(self.asked), size)]
        return [block for block in blocks if self.asked[block.start : block.stop].any()]

    def _right(self, similarity_QK: np.ndarray, places_QK: np.ndarray, labels_Q: np.ndarray) -> np.ndarray:
        """int64 (k, 2): `hits` of some queries for every k."""
        classes = int(max(self.gallery_labels.max(), self.query_labels.max())) + 1
        neighbours = self.gallery_labels[places_QK]
        counts = [
            hits(similarity_QK[:, :k], neighbours[:, :k], labels_Q, classes, self.temperature, empty=self.empty)
            for k in self.ks
        ]
        return np.array(counts, np.int64)
