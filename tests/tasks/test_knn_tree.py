"""k-NN from a tree of class folders to its numbers: what is compared, what is left out, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tasks.kept import Kept, Silent
from tests.tasks.test_knn import by_loops
from vitscope.errors import DataError, TaskError
from vitscope.tasks import Asked
from vitscope.tasks.knn import Knn

NAMES = ("ant", "bee", "cat", "dog")


def write(root: Path, split: str, counts: dict[str, int]) -> None:
    """Class folders of files that nobody reads."""
    for name, count in counts.items():
        (root / split / name).mkdir(parents=True)
        for number in range(count):
            (root / split / name / f"{number}.png").write_bytes(b"an image")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four classes, six images of each in train and three in val."""
    write(tmp_path, "train", dict.fromkeys(NAMES, 6))
    write(tmp_path, "val", dict.fromkeys(NAMES, 3))
    return tmp_path


def task(root: Path, *, k: tuple[int, ...] = (1, 5, 20), protocol: str = "corrected", limit: int | None = None,
         per_class: int | None = None, **options) -> Knn:  # fmt: skip
    asked = Asked(root=root, protocol=protocol, limit=limit, per_class=per_class, options={"k": k, **options})
    return Knn(asked)


def kept(layers: int, gallery: int | list[int], queries: int | list[int], seed: int = 0) -> dict[str, Kept]:
    """Random vectors of so many images, or of these places."""
    generator, found = np.random.default_rng(seed), {}
    for name, places in (("gallery", gallery), ("queries", queries)):
        count = places if isinstance(places, int) else len(places)
        found[name] = Kept(generator.normal(size=(layers, count, 6)), None if isinstance(places, int) else places)
    return found


@pytest.mark.parametrize("protocol", ["corrected", "paper"])
@pytest.mark.parametrize("tokens", ["cls", "spatial"])
def test_every_layer_and_k_against_loops(root, protocol, tokens):
    vectors, silent = kept(3, 24, 12), Silent()
    outcome = task(root, protocol=protocol, tokens=tokens).compute(vectors, silent)
    gallery_labels, labels = np.repeat(range(4), 6), np.repeat(range(4), 3)
    for layer in range(3):
        for column, k in enumerate((1, 5, 20)):
            rows = (vectors["gallery"].rows[layer], gallery_labels, vectors["queries"].rows[layer], labels)
            first, among = by_loops(*rows, k, 0.07, empty=protocol == "paper")
            assert outcome.arrays["top1"].values[layer, column] == np.float32(first / 12)
            assert outcome.arrays["top5"].values[layer, column] == np.float32(among / 12)
    np.testing.assert_array_equal(outcome.arrays["accuracy"].values, outcome.arrays["top1"].values[:, 2])
    assert {name: array.dims for name, array in outcome.arrays.items()} == {
        "accuracy": ("layer",), "top1": ("layer", "k"), "top5": ("layer", "k"),
    }  # fmt: skip
    assert (outcome.count, outcome.coords, outcome.notes) == (12, {"k": ["1", "5", "20"]}, ())
    assert silent.seen[-1] == (72, 72)


def test_the_defaults_are_the_paper_s(root):
    found = Knn(Asked(root=root))
    assert found.settings["temperature"] == 0.07
    assert found.settings["tokens"] == "cls"
    assert found.settings["k"] == [10, 20]
    assert found.notes == ("k = 100, 200 is left out: train has 24 images",)


def test_without_20_another_k_stands_for_a_layer(root):
    outcome = task(root, k=(1, 9, 12)).compute(kept(1, 24, 12), Silent())
    assert outcome.arrays["accuracy"].values[0] == outcome.arrays["top1"].values[0, 2]
    assert outcome.notes == ("a layer's accuracy is that at k = 12: 20 was not computed",)


def test_what_could_not_be_read_is_left_out_and_said(root):
    """Of ant no gallery image can be read, so that its queries are left out; of the others some are gone."""
    gallery, queries = [*range(6, 11), 13, 20, 23], [0, 2, 3, 4, 7, 9, 11]
    vectors = kept(2, gallery, queries)
    outcome = task(root, k=(1, 5, 20)).compute(vectors, Silent())
    labels, gallery_labels = np.array(queries)[2:] // 3, np.array(gallery) // 6
    for layer in range(2):
        for column, k in enumerate((1, 5)):
            rows = (vectors["gallery"].rows[layer], gallery_labels, vectors["queries"].rows[layer][2:], labels)
            first, among = by_loops(*rows, k, 0.07, empty=False)
            assert outcome.arrays["top1"].values[layer, column] == np.float32(first / 5)
            assert outcome.arrays["top5"].values[layer, column] == np.float32(among / 5)
    assert outcome.count == 5
    assert outcome.coords == {"k": ["1", "5"]}
    assert outcome.notes == (
        "k = 20 is left out: train has 8 images",
        "2 images of val are left out: no image of their class in train could be read",
        "a layer's accuracy is that at k = 5: 20 was not computed",
    )


def test_nothing_that_could_be_read_is_a_sentence(root):
    with pytest.raises(DataError, match="no image of val could be read whose class"):
        task(root).compute(kept(1, [0, 1], [11]), Silent())
    with pytest.raises(DataError, match="no image of val could be read whose class"):
        task(root).compute(kept(1, [], []), Silent())
    with pytest.raises(TaskError, match="train has 2 images, fewer than the smallest k, 5"):
        task(root, k=(5,)).compute(kept(1, [0, 1], [0]), Silent())


def test_a_class_that_train_lacks_is_left_out_and_said(root):
    write(root, "val", {"elk": 4})
    write(root, "train", {"fox": 2})
    found = task(root)
    assert [len(images.records) for images in found.sets.values()] == [26, 12]
    assert "4 images of val are left out: their classes have no image in train (elk)" in found.notes
    outcome = found.compute(kept(1, 26, 12), Silent())
    assert outcome.count == 12


def test_a_limit_and_images_per_class_keep_all_classes(root):
    few, two = task(root, limit=8, k=(1,)), task(root, per_class=2, k=(1,))
    assert [record.name for record in few.sets["gallery"].records] == [
        f"train/{name}/{number}.png" for name in NAMES for number in range(2)
    ]
    assert [len(images.records) for images in few.sets.values()] == [8, 8]
    assert [len(images.records) for images in two.sets.values()] == [8, 8]
    assert len({task(root, k=(1,)).fingerprint, few.fingerprint}) == 2


def test_every_file_is_part_of_the_fingerprint(root):
    before = task(root).fingerprint
    (root / "val" / "dog" / "2.png").write_bytes(b"another image")
    changed = task(root).fingerprint
    (root / "train" / "ant" / "0.png").unlink()
    assert len({before, changed, task(root).fingerprint}) == 3


@pytest.mark.parametrize(
    ("train", "val", "sentence"),
    [
        ({"ant": 5, "bee": 5}, {}, "expected train/<class>/.* and val/<class>"),
        ({}, {"ant": 5, "bee": 5}, "expected train/<class>"),
        ({"ant": 5}, {"ant": 5}, "the one class ant"),
        ({"ant": 0, "bee": 0}, {"ant": 1, "bee": 1}, "no image in train"),
        ({"ant": 5, "bee": 5}, {"cat": 1}, "no class in common"),
        ({"ant": 1, "bee": 1}, {"ant": 1, "bee": 1}, "2 images, fewer than the smallest k, 10"),
    ],
)
def test_trees_that_cannot_be_compared_are_refused_before_any_work(tmp_path, train, val, sentence):
    write(tmp_path, "train", train)
    write(tmp_path, "val", val)
    with pytest.raises((DataError, TaskError), match=sentence):
        task(tmp_path, k=(10,))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temperature": 0.0}, "--temperature 0.0"),
        ({"temperature": float("nan")}, "--temperature nan"),
        ({"k": ()}, "--k"),
        ({"k": (0, 5)}, "--k 0,5"),
        ({"limit": 0}, "--limit 0"),
    ],
)
def test_options_that_make_no_sense(root, options, sentence):
    with pytest.raises(TaskError, match=sentence):
        task(root, **options)
