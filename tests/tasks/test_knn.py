"""k-NN against loops in float64, the worked numbers of DINO's own evaluation, and trees that cannot be used."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.tasks.kept import Kept, image_set
from vitscope.errors import DataError, ModelError, TaskError
from vitscope.tasks import nearest as module
from vitscope.tasks.labelled import evenly, labels_in, meet
from vitscope.tasks.nearest import Sizes, nearest, unit_rows
from vitscope.tasks.votes import Ballot, class_scores, hits, usable

CPU = torch.device("cpu")
TRAIN = np.array([(1, 0), (0.8, 0.6), (0.6, 0.8), (0, 1), (-1, 0)])
TRAIN_LABELS = np.array([0, 1, 1, 2, 0])
QUERIES = np.array([(0.96, 0.28), (0.28, 0.96)])
HALVES = np.array([[a, b, c, d] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1) for d in (-1, 1)]) / 2


def found_in(gallery: np.ndarray, queries: np.ndarray, k: int, tile: int) -> module.Neighbours:
    looked: list[int] = []
    unit = unit_rows(queries, CPU)
    sizes = Sizes(held=99, read=2 * tile + 1, queries=3, gallery=tile)
    found = nearest(unit, lambda start, stop: gallery[start:stop], len(gallery), k, sizes, looked.append)
    assert sum(looked) == len(gallery)
    assert max(looked) <= sizes.read
    return found


def loops(gallery, queries, k):
    """(similarity, place) of the k nearest, float64, ties by place: one dot product after the other."""
    found = []
    for query in queries:
        similar = []
        for place, row in enumerate(gallery):
            dot = sum(float(a) * float(b) for a, b in zip(query, row, strict=True))
            lengths = math.sqrt(sum(float(a) ** 2 for a in query)) * math.sqrt(sum(float(b) ** 2 for b in row))
            similar.append((dot / lengths if lengths else 0.0, place))
        found.append(sorted(similar, key=lambda pair: (-pair[0], pair[1]))[:k])
    return found


def answers(found, labels, classes, temperature):
    """For every query, the classes by their votes, and those that have a vote."""
    for neighbours in found:
        votes = [0.0] * classes
        for similarity, place in neighbours:
            votes[labels[place]] += math.exp(similarity / temperature)
        order = sorted(range(classes), key=lambda label: (-votes[label], label))
        yield order, {labels[place] for _, place in neighbours}


def by_loops(gallery, gallery_labels, queries, labels, k, temperature, *, empty):
    """How many are right at the first place, and among the first five."""
    classes = max(*gallery_labels, *labels) + 1
    first = among = 0
    told = answers(loops(gallery, queries, k), gallery_labels, classes, temperature)
    for (order, voted), label in zip(told, labels, strict=True):
        first += order[0] == label
        among += label in [name for name in order[: min(5, k)] if empty or name in voted]
    return first, among


def ballot(gallery, gallery_labels, queries, labels, ks, *, temperature=0.07, empty=False, asked=None) -> Ballot:
    asked = np.ones(len(labels), bool) if asked is None else asked
    return Ballot(
        Kept(gallery[None]), Kept(queries[None]), np.array(gallery_labels), np.array(labels), asked, ks, temperature,
        "cls", empty, CPU,
    )  # fmt: skip


def right(asked: Ballot) -> list[tuple[int, int]]:
    done: list[int] = []
    counts = asked.layer(0, done.append)
    assert sum(done) == asked.steps
    return [(int(first), int(among)) for first, among in counts]


def test_the_worked_neighbours_and_weights():
    found = found_in(TRAIN, QUERIES, 3, 8)
    np.testing.assert_allclose(found.similarity_QK[0], [0.96, 0.936, 0.8], rtol=1e-6)
    assert found.places_QK.tolist() == [[0, 1, 2], [3, 2, 1]]
    similarity = np.array([[0.96, 0.936, 0.8]])
    weight = math.exp(0.96 / 0.07)
    weights = [class_scores(similarity, np.array([order]), 3, 0.07)[0] * weight for order in ([0, 1, 2], [0, 1, 1])]
    assert [f"{value:.1f}" for value in weights[0]] == ["903729.8", "641412.8", "91910.6"]
    assert [f"{value:.1f}" for value in weights[1][:2]] == ["903729.8", "733323.4"]


def test_two_of_three_neighbours_are_outvoted():
    queries = unit_rows(QUERIES, CPU).numpy()
    found = found_in(TRAIN, queries, 3, 8)
    scores = class_scores(found.similarity_QK, TRAIN_LABELS[found.places_QK], 3, 0.07)
    assert scores.argmax(1).tolist() == [0, 2]


@pytest.mark.parametrize("empty", [False, True])
def test_fifty_copies_score_what_the_official_function_says(empty):
    queries, labels = np.tile(QUERIES, (50, 1)), [0, 1] * 50
    found = right(ballot(TRAIN, TRAIN_LABELS, queries, labels, (1, 2, 3, 5), empty=empty))
    assert [first for first, _ in found] == [50, 50, 50, 50]
    assert [among for _, among in found] == [50, 100, 100, 100]


@pytest.mark.parametrize(("queries", "gallery"), [(2048, 8192), (5, 7), (1, 1), (3, 40)])
def test_random_rows_against_loops_in_tiles_of_any_size(monkeypatch, queries, gallery):
    monkeypatch.setitem(module.SIZES, "cpu", Sizes(2 * queries, 3 * gallery, queries, gallery))
    generator = np.random.default_rng(0)
    rows, asked = (
        generator.normal(size=(150, 12)).astype(np.float16),
        generator.normal(size=(23, 12)).astype(np.float16),
    )
    rows_labels, labels = generator.integers(0, 8, 150), generator.integers(0, 9, 23)
    for empty in (False, True):
        found = right(ballot(rows, rows_labels, asked, labels, (1, 4, 20, 150), empty=empty))
        assert found == [by_loops(rows, rows_labels, asked, labels, k, 0.07, empty=empty) for k in (1, 4, 20, 150)]


@pytest.mark.parametrize("tile", [1, 3, 16, 64, 100])
@pytest.mark.parametrize("k", [1, 5, 16, 63, 64])
def test_ties_go_to_the_first_in_the_gallery(tile, k):
    """Sixteen rows, four times over in another order: similarities are −1, −½, 0, ½ and 1, each many times."""
    generator = np.random.default_rng(1)
    gallery = HALVES[np.concatenate([generator.permutation(16) for _ in range(4)])]
    found = found_in(gallery, HALVES, k, tile)
    expected = loops(gallery, HALVES, k)
    assert found.places_QK.tolist() == [[place for _, place in row] for row in expected]
    assert found.similarity_QK.tolist() == [[similarity for similarity, _ in row] for row in expected]


@pytest.mark.parametrize("empty", [False, True])
def test_ties_of_classes_go_to_the_first_class(empty):
    generator = np.random.default_rng(2)
    gallery = HALVES[generator.integers(0, 16, 60)]
    gallery_labels, labels = generator.integers(0, 7, 60), generator.integers(0, 7, 16)
    ks = (1, 2, 3, 7, 30, 60)
    found = right(ballot(gallery, gallery_labels, HALVES, labels, ks, temperature=0.5, empty=empty))
    assert found == [by_loops(gallery, gallery_labels, HALVES, labels, k, 0.5, empty=empty) for k in ks]


def test_a_gallery_that_comes_nearer_and_nearer_is_sorted_in_whole():
    angles = np.linspace(np.pi, 0, 500)
    gallery = np.stack([np.cos(angles), np.sin(angles)], 1)
    found = found_in(gallery, np.array([[1.0, 0.0]]), 30, 50)
    assert found.places_QK[0].tolist() == list(range(499, 469, -1))


def test_one_hot_clusters_are_all_right():
    gallery, labels = np.repeat(np.eye(6), 30, axis=0), np.repeat(np.arange(6), 30)
    assert right(ballot(gallery, labels, np.eye(6), np.arange(6), (1, 10, 30))) == [(6, 6)] * 3


def test_lengths_do_not_matter_and_a_row_of_zeros_is_a_neighbour_at_0():
    gallery = np.array([[100.0, 0], [0, 0], [0, 0.01], [-3, 0]])
    found = found_in(gallery, np.array([[7.0, 0]]), 4, 2)
    assert found.places_QK.tolist() == [[0, 1, 2, 3]]
    assert found.similarity_QK.tolist() == [[1, 0, 0, -1]]


def test_a_gallery_smaller_than_k_gives_what_it_has():
    assert found_in(TRAIN, QUERIES, 9, 2).places_QK.shape == (2, 5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused(value):
    rows = np.array([[1.0, 0.0], [value, 0.0]], np.float16)
    with pytest.raises(ModelError, match="not finite"):
        found_in(TRAIN, rows, 1, 8)
    with pytest.raises(ModelError, match="--precision fp32"):
        found_in(rows, QUERIES, 1, 8)


def test_a_class_without_a_neighbour_is_among_the_first_five_only_as_the_reference_does():
    similarity, neighbours = np.array([[0.9, 0.8, 0.7, 0.6, 0.5]]), np.array([[6, 6, 6, 6, 6]])
    for label, expected in ((0, 1), (3, 1), (4, 0), (6, 1)):
        assert hits(similarity, neighbours, np.array([label]), 7, 0.07, empty=True)[1] == expected
        assert hits(similarity, neighbours, np.array([label]), 7, 0.07, empty=False)[1] == (label == 6)


@pytest.mark.parametrize("temperature", [1e-6, 1e-3, 1e6])
def test_no_temperature_overflows(temperature):
    scores = class_scores(np.array([[1.0, 0.5, -1.0]]), np.array([[2, 1, 0]]), 3, temperature)
    assert np.isfinite(scores).all()
    assert scores.argmax() == 2


def test_queries_that_do_not_count_are_left_out_block_by_block(monkeypatch):
    monkeypatch.setitem(module.SIZES, "cpu", Sizes(held=4, read=3, queries=2, gallery=2))
    labels = np.arange(10) % 6
    gallery = np.eye(6)
    asked = np.array([False] * 4 + [True] * 3 + [False] * 3)
    case = ballot(gallery, np.arange(6), np.eye(6)[labels], labels, (1,), asked=asked)
    assert right(case) == [(3, 3)]
    assert (case.queries.largest, case.gallery.largest) == (4, 3)


def test_no_more_than_a_tile_is_read_at_a_time(monkeypatch):
    monkeypatch.setitem(module.SIZES, "cpu", Sizes(held=16, read=32, queries=5, gallery=7))
    generator = np.random.default_rng(3)
    case = ballot(generator.normal(size=(500, 4)), generator.integers(0, 3, 500), np.ones((70, 4)), [0] * 70, (10,))
    right(case)
    assert (case.queries.largest, case.gallery.largest) == (16, 32)


def test_k_above_the_gallery_is_left_out_and_said():
    assert usable((200, 10, 20, 20, 100), 150) == ((10, 20, 100), ("k = 200 is left out: train has 150 images",))
    assert usable((10,), 10) == ((10,), ())
    with pytest.raises(TaskError, match="5 images, fewer than the smallest k, 10"):
        usable((10, 20), 5)
    for ks in ((), (0, 10), (-1,)):
        with pytest.raises(TaskError, match="at least 1"):
            usable(ks, 5)


def test_classes_meet_by_name_not_by_number():
    train = image_set([0, 0, 1, 2], ("ant", "bee", "cat"))
    val = image_set([0, 1, 1, 2], ("bee", "cat", "dog"), "val")
    kept, notes = meet(train, val)
    assert [record.name for record in kept.records] == ["val/0.png", "val/1.png", "val/2.png"]
    assert notes == ("1 images of val are left out: their classes have no image in train (dog)",)
    assert labels_in(kept, train.classes).tolist() == [1, 2, 2]
    assert labels_in(val, train.classes).tolist() == [1, 2, 2, -1]
    same = image_set([1, 0], ("ant", "bee"), "val")
    assert meet(train, same) == (same, ())


@pytest.mark.parametrize(
    ("train", "val", "sentence"),
    [
        (([0, 0], ("ant",)), ([0], ("ant",)), "the one class ant"),
        (([0, 0], ("ant", "bee")), ([0], ("ant", "bee")), "the one class ant"),
        (([], ()), ([0], ("ant",)), "train holds no image"),
        (([0, 1], ("ant", "bee")), ([], ()), "val holds no image"),
        (([None, None], ()), ([0], ("ant",)), "without a class"),
        (([0, 1], ("ant", "bee")), ([None], ()), "val has images without a class"),
        (([0, 1], ("ant", "bee")), ([0, 1, 2, 3], ("cat", "dog", "elk", "fox")), "no class in common.*4 in all"),
    ],
)
def test_sets_that_cannot_be_compared(train, val, sentence):
    with pytest.raises(DataError, match=sentence):
        meet(image_set(*train), image_set(*val, "val"))


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 9])
def test_a_limit_takes_the_first_of_every_class_in_turn(limit):
    images = image_set([0, 0, 0, 0, 1, 2, 2, 2, 2], ("ant", "bee", "cat"))
    kept = evenly(images, limit)
    names = [record.name for record in kept.records]
    counts = [sum(record.label == label for record in kept.records) for label in range(3)]
    assert len(names) == limit
    assert names == sorted(names)
    assert counts == {
        1: [1, 0, 0], 2: [1, 1, 0], 3: [1, 1, 1], 5: [2, 1, 2], 7: [3, 1, 3], 9: [4, 1, 4],
    }[limit]  # fmt: skip
    assert all(int(a.name[6:-4]) < int(b.name[6:-4]) for a, b in pairwise(kept.records))


def test_a_limit_above_the_set_changes_nothing_and_0_is_refused():
    images = image_set([0, 1], ("ant", "bee"))
    assert evenly(images, None) is images
    assert evenly(images, 2) is images
    with pytest.raises(TaskError, match="--limit 0"):
        evenly(images, 0)
