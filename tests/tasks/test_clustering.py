"""Purity, NMI, ARI and k-means against worked numbers and slow formulas."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitscope.errors import ModelError
from vitscope.tasks.clustering import ari, contingency, kmeans, nmi, purity, scores

LABELS = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
FOUND = np.array([1, 1, 0, 0, 0, 0, 2, 2, 2, 1])


def test_the_worked_example():
    assert contingency(LABELS, FOUND).tolist() == [[1, 2, 0], [3, 0, 0], [0, 1, 3]]
    assert scores(LABELS, FOUND) == pytest.approx((0.8, 0.6180656, 0.4318182), abs=1e-6)


def by_letter(labels: list[int], found: list[int]) -> tuple[float, float, float]:
    """The three scores by counting, and the Rand index by looking at every pair."""
    n = len(labels)
    pure = sum(max(sum(y == a and c == b for y, c in zip(labels, found, strict=True)) for a in set(labels))
               for b in set(found)) / n  # fmt: skip

    def entropy(names):
        return -sum(names.count(a) / n * np.log(names.count(a) / n) for a in set(names))

    both = entropy(list(zip(labels, found, strict=True)))
    mutual = entropy(labels) + entropy(found) - both
    mean = (entropy(labels) + entropy(found)) / 2
    pairs = list(combinations(range(n), 2))
    same = [(labels[i] == labels[j], found[i] == found[j]) for i, j in pairs]
    together, in_labels, in_found = (sum(map(test, same)) for test in (all, lambda p: p[0], lambda p: p[1]))
    chance = in_labels * in_found / len(pairs)
    most = (in_labels + in_found) / 2
    rand = 1.0 if most == chance else (together - chance) / (most - chance)
    return pure, 1.0 if mean == 0 else mutual / mean, rand


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=2, max_size=25))
def test_scores_equal_counting(rows):
    labels, found = (list(part) for part in zip(*rows, strict=True))
    assert scores(np.array(labels), np.array(found)) == pytest.approx(by_letter(labels, found), abs=1e-9)


def test_purity_has_its_ends():
    assert purity(LABELS, np.arange(10)) == 1
    assert purity(LABELS, np.zeros(10)) == pytest.approx(0.4)
    before = LABELS.copy()
    purity(LABELS, FOUND)
    np.testing.assert_array_equal(LABELS, before)


def test_names_of_clusters_mean_nothing():
    renamed = np.array([7, -1, 3])[FOUND]
    assert scores(LABELS, renamed) == pytest.approx(scores(LABELS, FOUND))


def test_chance_is_what_it_should_be():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(50), 100)
    pure, mutual, rand = scores(labels, kmeans(rng.normal(size=(5000, 16)), 50))
    assert 0.04 < pure < 0.07
    assert mutual < 0.1
    assert abs(rand) < 0.005


def test_kmeans_finds_what_is_apart_and_is_the_same_every_time():
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), 20)
    rows = (rng.normal(size=(80, 5)) + 30 * np.eye(5)[labels]).astype(np.float16)
    found = kmeans(rows, 4)
    assert purity(labels, found) == nmi(labels, found) == ari(labels, found) == pytest.approx(1)
    np.testing.assert_array_equal(found, kmeans(rows, 4))


def test_kmeans_of_rows_that_are_alike_or_not_finite():
    assert set(kmeans(np.ones((6, 2)), 3)) == {0}
    with pytest.raises(ModelError, match="not finite"):
        kmeans(np.array([[1.0, np.inf], [0, 0]]), 2)


def test_ten_starts_beat_one():
    """The trap of scikit-learn 1.4: without n_init the published numbers cannot be reached."""
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(5)
    rows = rng.normal(size=(300, 2)).astype(np.float32)
    own = KMeans(n_clusters=12, n_init=10, random_state=0).fit(rows)
    np.testing.assert_array_equal(kmeans(rows, 12), own.labels_)
