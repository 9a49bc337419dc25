"""Retrieval scores against loops, the worked numbers of the official evaluation, and rankings of what could be read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from vitscope.tasks.ranking import DIFFICULTIES, KS, average_precision, precision_at, ranks_of, score

RANKING = np.array([3, 0, 5, 1, 7, 2, 4, 6])


@dataclass(frozen=True)
class Truth:
    easy: np.ndarray
    hard: np.ndarray
    junk: np.ndarray


def truth(easy=(), hard=(), junk=()) -> Truth:
    return Truth(*(np.array(sorted(places), np.int64) for places in (easy, hard, junk)))


WORKED = truth((0, 7), (2,), (3, 6))


def by_loops(ranking, right, ignored):
    """(AP, precision at 1, 5 and 10) of one query as the official evaluation goes about it; None without an answer."""
    if not right:
        return None
    ranks, junk_before = [], 0
    for rank, place in enumerate(ranking):
        if place in ignored:
            junk_before += 1
        elif place in right:
            ranks.append(rank - junk_before)
    area = 0.0
    for found, rank in enumerate(ranks):
        before = 1.0 if rank == 0 else found / rank
        area += (before + (found + 1) / (rank + 1)) / (2 * len(right))
    precision = []
    for k in KS:
        reach = min(max(rank + 1 for rank in ranks), k)
        precision.append(sum(rank + 1 <= reach for rank in ranks) / reach)
    return area, *precision


def table(rankings, truths):
    """The means of `by_loops`, [difficulty][AP, precision at 1, 5, 10]."""
    means = []
    for difficulty in DIFFICULTIES:
        rows = []
        for ranking, of in zip(rankings, truths, strict=True):
            easy, hard, junk = (set(kind.tolist()) for kind in (of.easy, of.hard, of.junk))
            right = {"easy": easy, "medium": easy | hard, "hard": hard}[difficulty]
            ignored = {"easy": junk | hard, "medium": junk, "hard": junk | easy}[difficulty]
            rows += [row] if (row := by_loops(list(ranking), right, ignored)) else []
        means.append([sum(column) / len(rows) for column in zip(*rows, strict=True)] if rows else [math.nan] * 4)
    return means


def test_the_worked_example():
    scores = score([RANKING], [WORKED])
    assert [f"{value:.7f}" for value in scores.average] == ["0.7083333", "0.6555556", "0.1666667"]
    np.testing.assert_allclose(scores.precision, [[1, 0.5, 0.5], [1, 0.6, 0.6], [0, 1 / 3, 1 / 3]], rtol=1e-12)
    assert scores.queries.tolist() == [1, 1, 1]


def test_a_query_without_a_right_answer_changes_no_mean():
    alone, both = score([RANKING], [WORKED]), score([RANKING, RANKING], [WORKED, truth(junk=(1, 2))])
    np.testing.assert_array_equal(alone.average, both.average)
    np.testing.assert_array_equal(alone.precision, both.precision)
    assert f"{both.average[1]:.7f}" == "0.6555556"
    assert both.queries.tolist() == [1, 1, 1]


def test_a_difficulty_without_any_answer_is_nan():
    scores = score([RANKING], [truth(easy=(5,))])
    np.testing.assert_array_equal(np.isnan(scores.average), [False, False, True])
    assert np.isnan(scores.precision[2]).all()
    assert scores.queries.tolist() == [1, 1, 0]


def test_random_rankings_against_loops():
    generator = np.random.default_rng(0)
    rankings, truths = [], []
    for _ in range(60):
        count = int(generator.integers(1, 40))
        kinds = generator.integers(0, 4, count)
        rankings.append(generator.permutation(count))
        truths.append(truth(*(np.flatnonzero(kinds == kind) for kind in range(3))))
    scores, expected = score(rankings, truths), np.array(table(rankings, truths))
    np.testing.assert_allclose(scores.average, expected[:, 0], rtol=1e-12)
    np.testing.assert_allclose(scores.precision, expected[:, 1:], rtol=1e-12)


def test_a_perfect_ranking_scores_1_whatever_is_junk():
    scores = score([np.array([8, 1, 2, 9, 3, 4, 0])], [truth((1, 2), (3,), (8, 9))])
    assert scores.average[:2].tolist() == [1, 1]
    assert scores.precision[:2].tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("rank", [1, 2, 9, 100])
def test_a_single_answer_at_a_rank_has_a_triangle(rank):
    assert average_precision(np.array([rank])) == pytest.approx(1 / (2 * (rank + 1)), rel=1e-15)


def test_ignored_images_shift_the_ranks_behind_them():
    assert ranks_of(np.array([4, 3, 2, 1, 0]), np.array([0, 3]), np.array([4, 2])).tolist() == [0, 2]
    assert ranks_of(np.array([4, 3]), np.array([0]), np.array([1])).tolist() == []


def test_precision_reaches_no_farther_than_the_last_answer():
    assert [precision_at(np.array([1, 2]), k) for k in (1, 2, 3, 10)] == [0, 0.5, 2 / 3, 2 / 3]
