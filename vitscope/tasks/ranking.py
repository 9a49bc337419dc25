"""How good a ranking of a database is, by the three protocols of the revisited Oxford and Paris sets.

    difficulty   right          left out of the ranking
    easy         easy           junk, hard
    medium       easy, hard     junk
    hard         hard           junk, easy

Average precision is the area under the precision-recall curve by trapezoids, as in their own evaluation (revisitop).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

RIGHT = {"easy": ("easy",), "medium": ("easy", "hard"), "hard": ("hard",)}
IGNORED = {"easy": ("junk", "hard"), "medium": ("junk",), "hard": ("junk", "easy")}
DIFFICULTIES = tuple(RIGHT)
KS = (1, 5, 10)


class Truth(Protocol):
    """Which images of the database show what one query shows: places, int64, disjoint."""

    @property
    def easy(self) -> np.ndarray: ...
    @property
    def hard(self) -> np.ndarray: ...
    @property
    def junk(self) -> np.ndarray: ...


@dataclass(frozen=True)
class Scores:
    """Means over the queries that have a right answer; NaN where none has.

    `average` float64 (difficulty,), `precision` float64 (difficulty, k), `queries` int64 (difficulty,).
    """

    average: np.ndarray
    precision: np.ndarray
    queries: np.ndarray


def ranks_of(ranking: np.ndarray, right: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Ranks of the right images, from 0 and ascending, after the ignored ones were taken out of the ranking.

    `ranking` holds places in the database, best first; right images that it lacks have no rank.

    >>> ranks_of(np.array([3, 0, 5, 1, 7, 2, 4, 6]), np.array([0, 7]), np.array([3, 6, 2]))
    array([0, 3])
    """
    kept = ranking[~np.isin(ranking, ignored)]
    return np.flatnonzero(np.isin(kept, right))


def average_precision(ranks: np.ndarray) -> float:
    """Mean over the right images, by ascending rank, of the precision before and after each (a trapezoid).

    >>> average_precision(np.array([0, 3]))
    0.7083333333333333
    """
    count = np.arange(len(ranks))
    before = np.where(ranks == 0, 1.0, count / np.maximum(ranks, 1))
    after = (count + 1) / (ranks + 1)
    return float(((before + after) / 2).sum() / len(ranks))


def precision_at(ranks: np.ndarray, k: int) -> float:
    """The share of right images among the first k, or up to the last right one where that comes earlier.

    >>> [precision_at(np.array([0, 3]), k) for k in (1, 5, 10)]
    [1.0, 0.5, 0.5]
    """
    reach = min(int(ranks[-1]) + 1, k)
    return float((ranks < reach).sum() / reach)


def score(rankings: Sequence[np.ndarray], truths: Sequence[Truth]) -> Scores:
    """The scores of some queries, each with its ranking of the database."""
    average = np.full((len(DIFFICULTIES), len(rankings)), np.nan)
    precision = np.full((len(DIFFICULTIES), len(KS), len(rankings)), np.nan)
    for query, (ranking, truth) in enumerate(zip(rankings, truths, strict=True)):
        for place, difficulty in enumerate(DIFFICULTIES):
            ranks = ranks_of(ranking, _places(truth, RIGHT[difficulty]), _places(truth, IGNORED[difficulty]))
            if len(ranks):
                average[place, query] = average_precision(ranks)
                precision[place, :, query] = [precision_at(ranks, k) for k in KS]
    return Scores(_mean(average), _mean(precision), np.isfinite(average).sum(-1))


def _places(truth: Truth, kinds: tuple[str, ...]) -> np.ndarray:
    return np.concatenate([np.asarray(getattr(truth, kind), np.int64) for kind in kinds])


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean along the last axis of what is not NaN; NaN where nothing is."""
    there = np.isfinite(values)
    total = np.where(there, values, 0.0).sum(-1)
    return np.divide(total, there.sum(-1), out=np.full(total.shape, np.nan), where=there.any(-1))
