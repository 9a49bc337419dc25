"""Clustering of the images of a folder, layer by layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.cluster import KMeans

from tests.tasks.kept import Kept, Silent
from vitscope.errors import DataError, NotMeasured, TaskError
from vitscope.tasks import Asked
from vitscope.tasks.clustering import scores
from vitscope.tasks.clusters import Clusters


def tree(folder: Path, counts: dict[str, int]) -> Path:
    """A folder of class folders with so many images; the class "" has its images at the top."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            Image.new("RGB", (8, 8), (index, 0, 0)).save(folder / name / f"{index}.png")
    return folder


def asked(root: Path, **options) -> Asked:
    return Asked(root=root, kind="images", options=options)


def vectors(labels: np.ndarray, layers: int = 3) -> np.ndarray:
    """(L, I, D): noise in the first layer, ever more of the label with depth."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(layers, len(labels), 6))
    return noise + np.arange(layers)[:, None, None] * 8 * np.eye(6)[labels]


def test_every_layer_equals_scikit_learn_by_hand(tmp_path):
    task = Clusters(asked(tree(tmp_path, {"a": 9, "b": 8, "c": 7})))
    labels = np.array([record.label for record in task.sets["images"].records])
    rows, watcher = vectors(labels), Silent()
    outcome = task.compute({"images": Kept(rows)}, watcher)
    assert outcome.coords == {"tokens": ["cls", "spatial"]}
    assert outcome.arrays["purity"].dims == ("tokens", "layer")
    for t, turned in enumerate((rows, rows[:, :, ::-1])):
        for layer in range(3):
            features = turned[layer].astype(np.float16).astype(np.float32)
            found = KMeans(3, n_init=10, random_state=0).fit(features).labels_
            measured = [outcome.arrays[name].values[t, layer] for name in ("purity", "nmi", "ari")]
            assert measured == pytest.approx(scores(labels, found), abs=1e-6)
    np.testing.assert_array_equal(outcome.arrays["layer-purity"].values, outcome.arrays["purity"].values[0])
    assert outcome.arrays["purity"].values[0, 2] == 1
    assert (watcher.seen[-1], outcome.count) == ((6, 6), 24)
    assert Clusters.best[0] in outcome.arrays
    assert outcome.arrays[Clusters.best[0]].dims == ("layer",)


def test_as_many_clusters_as_classes_or_as_asked_for(tmp_path):
    root = tree(tmp_path, {"a": 5, "b": 5, "c": 5})
    assert Clusters(asked(root)).settings["clusters"] == 3
    assert Clusters(asked(root, clusters=5)).settings["clusters"] == 5
    assert Clusters(Asked(root=root, kind="images", per_class=2)).settings["clusters"] == 3
    assert Clusters(Asked(root=root, kind="images", limit=10)).settings["clusters"] == 2
    assert Clusters(asked(root)).settings["starts"] == 10


def test_the_kind_of_data_is_recognised(tmp_path):
    root = tree(tmp_path, {"a": 2, "b": 2})
    assert Clusters(Asked(root=root)).fingerprint == Clusters(asked(root)).fingerprint


def test_images_that_could_not_be_read_are_left_out_with_their_labels(tmp_path):
    task = Clusters(asked(tree(tmp_path, {"a": 6, "b": 6}), tokens="cls"))
    labels = np.repeat([0, 1], 6)
    kept = [0, 2, 3, 5, 6, 7, 8, 11]
    outcome = task.compute({"images": Kept(vectors(labels)[:, kept], kept)}, Silent())
    assert outcome.arrays["purity"].values[0, 2] == 1
    assert (outcome.count, outcome.coords["tokens"]) == (8, ["cls"])
    with pytest.raises(DataError, match="1 images cannot make 2 clusters"):
        task.compute({"images": Kept(vectors(labels)[:, :1], [0])}, Silent())


def test_a_model_without_cls_is_clustered_by_its_patches(tmp_path):
    class Patches(Kept):
        def read(self, layer: int, tokens: str, start: int, stop: int) -> np.ndarray:
            if tokens == "cls":
                raise NotMeasured("no CLS.")
            return super().read(layer, tokens, start, stop)

    root = tree(tmp_path, {"a": 6, "b": 6})
    stored = {"images": Patches(vectors(np.repeat([0, 1], 6)))}
    outcome = Clusters(asked(root)).compute(stored, Silent())
    assert outcome.coords["tokens"] == ["spatial"]
    assert "no CLS token" in outcome.notes[0]
    with pytest.raises(NotMeasured):
        Clusters(asked(root, tokens="cls")).compute(stored, Silent())


@pytest.mark.parametrize(
    ("counts", "options", "error", "said"),
    [
        ({"": 5}, {}, DataError, "images without a class"),
        ({"a": 5}, {}, DataError, "images of one class only (a)"),
        ({"a": 2, "b": 2}, {"clusters": 5}, DataError, "4 images cannot make 5 clusters"),
        ({"a": 2, "b": 2}, {"clusters": 1}, TaskError, "at least 2"),
        ({"a": 2, "b": 2}, {"clusters": -3}, TaskError, "at least 2"),
    ],
)
def test_what_cannot_be_clustered_is_a_sentence(tmp_path, counts, options, error, said):
    with pytest.raises(error) as raised:
        Clusters(asked(tree(tmp_path, counts), **options))
    assert said in str(raised.value)
