"""Retrieval scores against loops, the worked numbers of the official evaluation, and rankings of what could be read."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests.tasks.kept import Kept, Silent
from vitscope.errors import DataError, ModelError, TaskError
from vitscope.tasks import Asked
from vitscope.tasks.nearest import SIZES
from vitscope.tasks.ranking import DIFFICULTIES, KS, average_precision, precision_at, ranks_of, score
from vitscope.tasks.retrieval import Retrieval

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


BOXES = [(10, 20, 30.5, 40), (1, 2, 3, 4), (0, 0, 9, 9), (5, 5, 6, 6)]
TRUTHS = [
    {"easy": [0, 7], "hard": [2], "junk": [3, 6]},
    {"easy": [], "hard": [4, 5], "junk": []},
    {"easy": [1], "hard": [], "junk": [0, 2]},
    {"easy": [], "hard": [], "junk": [6]},
]
HALVES = np.array([[a, b, c, d] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1) for d in (-1, 1)]) / 2


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree of eight images and four queries; what is in the images is not looked at."""
    (tmp_path / "jpg").mkdir()
    names = {
        "imlist": [f"place_{number}" for number in range(8)],
        "qimlist": [f"query_{number}" for number in range(4)],
    }
    for name in (*names["imlist"], *names["qimlist"]):
        (tmp_path / "jpg" / f"{name}.jpg").write_bytes(b"an image")
    gnd = [{"bbx": list(box), **places} for box, places in zip(BOXES, TRUTHS, strict=True)]
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps({"gnd": gnd, **names}, protocol=2))
    return tmp_path


def task(root: Path, limit: int | None = None, per_class: int | None = None, **options) -> Retrieval:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return Retrieval(Asked(root=root, limit=limit, per_class=per_class, options=named))


def rankings(queries: np.ndarray, database: np.ndarray, places: list[int]) -> list[list[int]]:
    """Places in the database by falling cosine, ties by place: one float64 product after the other."""
    found = []
    for query in queries.astype(np.float64):
        cosines = []
        for place, row in zip(places, database.astype(np.float64), strict=True):
            dot = sum(a * b for a, b in zip(query, row, strict=True))
            cosines.append((dot / math.sqrt(sum(query**2) * sum(row**2)), place))
        found.append([place for _, place in sorted(cosines, key=lambda pair: (-pair[0], pair[1]))])
    return found


def same(outcome, layer: int, expected: list[list[float]]) -> None:
    """Whether the outcome of a layer is the `table` of loops."""
    np.testing.assert_allclose(outcome.arrays["map"].values[layer], [row[0] for row in expected], rtol=1e-6)
    np.testing.assert_allclose(outcome.arrays["precision"].values[layer], [row[1:] for row in expected], rtol=1e-6)
    np.testing.assert_allclose(outcome.arrays["map-medium"].values[layer], expected[1][0], rtol=1e-6)


@pytest.mark.parametrize("tile", [3, 8192])
@pytest.mark.parametrize("tokens", ["cls", "spatial"])
def test_every_layer_against_loops(root, monkeypatch, tile, tokens):
    monkeypatch.setitem(SIZES, "cpu", replace(SIZES["cpu"], gallery=tile))
    generator = np.random.default_rng(0)
    database, queries = Kept(generator.normal(size=(3, 8, 5))), Kept(generator.normal(size=(3, 4, 5)))
    silent = Silent()
    outcome = task(root, tokens=tokens).compute({"database": database, "queries": queries}, silent)
    truths = [truth(**places) for places in TRUTHS]
    for layer in range(3):
        same(outcome, layer, table(rankings(queries.rows[layer], database.rows[layer], list(range(8))), truths))
    assert silent.seen == [(1, 3), (2, 3), (3, 3)]
    assert outcome.count == 4
    assert outcome.coords == {"difficulty": ["easy", "medium", "hard"], "k": ["1", "5", "10"]}
    (note,) = outcome.notes
    assert note.startswith("of 4 queries a right answer have: 2 in easy, 3 in medium, 2 in hard; ")


def test_ties_stand_in_the_order_of_the_database(root):
    database, queries = Kept(HALVES[None, [3, 3, 5, 5, 9, 9, 3, 3]]), Kept(HALVES[None, [3, 5, 0, 15]])
    outcome = task(root).compute({"database": database, "queries": queries}, Silent())
    expected = rankings(queries.rows[0], database.rows[0], list(range(8)))
    assert expected[0] == [0, 1, 6, 7, 2, 3, 4, 5]
    same(outcome, 0, table(expected, [truth(**places) for places in TRUTHS]))


def test_what_could_not_be_read_is_in_no_ranking_and_no_answer(root):
    generator = np.random.default_rng(1)
    database, queries = generator.normal(size=(1, 5, 4)), generator.normal(size=(1, 3, 4))
    readable, asked = [1, 2, 4, 6, 7], [0, 1, 3]
    kept = {"database": Kept(database, readable), "queries": Kept(queries, asked)}
    outcome = task(root).compute(kept, Silent())
    there = [{kind: set(places) & set(readable) for kind, places in TRUTHS[query].items()} for query in asked]
    same(outcome, 0, table(
        rankings(kept["queries"].rows[0], kept["database"].rows[0], readable), [truth(**places) for places in there],
    ))  # fmt: skip
    assert outcome.count == 3
    with pytest.raises(DataError, match="no image of the database, or no query, could be read"):
        task(root).compute({**kept, "queries": Kept(np.zeros((1, 0, 4)), [])}, Silent())


def test_features_that_are_not_finite_are_refused(root):
    rows = np.ones((1, 8, 4))
    rows[0, 3, 2] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        task(root).compute({"database": Kept(rows), "queries": Kept(rows[:, :4])}, Silent())


def test_the_geometry_is_the_reference_s_unless_another_is_asked_for(root):
    plain, cropped, native = task(root), task(root, crop_query=True), task(root, native=True)
    assert [images.thumbnail for images in plain.sets.values()] == [224, 224]
    assert [images.thumbnail for images in native.sets.values()] == [None, None]
    assert [record.box for record in plain.sets["queries"].records] == [None] * 4
    assert [record.box for record in cropped.sets["queries"].records] == BOXES
    assert all(record.box is None for record in cropped.sets["database"].records)
    assert (plain.settings["query"], plain.settings["resolution"]) == ("whole", "long side at most 224")
    assert (cropped.settings["query"], native.settings["resolution"]) == ("cropped to its box", "native")
    assert cropped.sets["database"].fingerprint == plain.sets["database"].fingerprint
    assert len({one.fingerprint for one in (plain, cropped)}) == 2


def test_a_limit_asks_fewer_queries_of_the_whole_database(root):
    fewer = task(root, limit=2)
    assert [len(images.records) for images in fewer.sets.values()] == [8, 2]
    assert "the first 2 of 4 queries; the database is whole" in fewer.notes
    assert fewer.fingerprint != task(root).fingerprint
    generator = np.random.default_rng(2)
    database, queries = Kept(generator.normal(size=(1, 8, 3))), Kept(generator.normal(size=(1, 2, 3)))
    outcome = fewer.compute({"database": database, "queries": queries}, Silent())
    expected = rankings(queries.rows[0], database.rows[0], list(range(8)))
    same(outcome, 0, table(expected, [truth(**places) for places in TRUTHS[:2]]))


def test_ground_truth_is_part_of_the_fingerprint(root):
    before = task(root).fingerprint
    content = pickle.loads((root / "gnd_roxford5k.pkl").read_bytes())
    content["gnd"][2]["junk"] = [2]
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content, protocol=2))
    assert task(root).fingerprint != before


@pytest.mark.parametrize(
    ("given", "sentence"), [({"limit": 0}, "--limit 0"), ({"per_class": 3}, "--per-class.*use --limit")]
)
def test_options_that_do_not_fit(root, given, sentence):
    with pytest.raises(TaskError, match=sentence):
        task(root, **given)


@pytest.mark.parametrize("places", [[8], [-1], [1.0], ["0"], [0, 0]])
def test_ground_truth_that_points_nowhere_is_refused_before_any_work(root, places):
    content = pickle.loads((root / "gnd_roxford5k.pkl").read_bytes())
    content["gnd"][2]["junk"] = places
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataError, match=r"gnd\[2\]"):
        task(root)


def test_a_pickle_that_would_run_something_is_refused(root):
    (root / "gnd_roxford5k.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(DataError, match="plain lists"):
        task(root)
    assert not Path("ran").exists()


def test_of_two_data_sets_in_one_folder_the_kind_says_which(root):
    content = pickle.loads((root / "gnd_roxford5k.pkl").read_bytes())
    paris = {**content, "gnd": content["gnd"][:3], "qimlist": content["qimlist"][:3]}
    (root / "gnd_rparis6k.pkl").write_bytes(pickle.dumps(paris, protocol=2))
    for kind, queries in (("roxford5k", 4), ("rparis6k", 3)):
        found = Retrieval(Asked(root=root, kind=kind))
        assert (found.dataset, len(found.sets["queries"].records)) == (kind, queries)


def test_other_trees_are_refused_with_the_layout(tmp_path):
    with pytest.raises(DataError, match=r"gnd_roxford5k.pkl or gnd_rparis6k.pkl beside jpg"):
        task(tmp_path)
    with pytest.raises(DataError, match="no folder there"):
        task(tmp_path / "nowhere")
