"""k-NN and retrieval through whole evaluations: the embedded world, chance, files that cannot be read, real weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tasks import backbones
from tests.tasks.kept import Silent
from tests.tasks.test_retrieval import rankings, table
from vitscope.data.pixels import crop, decode
from vitscope.data.records import ImageSet
from vitscope.data.revisited import read as read_revisited
from vitscope.demo import world
from vitscope.errors import DataError
from vitscope.run.evaluate import evaluate
from vitscope.run.request import Report, TaskRequest
from vitscope.spec import Resources
from vitscope.store.reader import Cache, Result, load_run
from vitscope.tasks import Asked
from vitscope.tasks.knn import Knn

MODEL = "demo-fs"


class Heard(Silent):
    """A watcher of whole evaluations."""

    def tell(self, sentence: str) -> None:
        """Nobody is listening."""

    def warn(self, sentence: str) -> None:
        """Nobody is listening."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The embedded world as ImageNet and as ROxford5k. Do not write in them."""
    return world.write(tmp_path_factory.mktemp("world"), only={"imagenet", "roxford5k"})


def run(task: str, model: str, data: Path, cache: Path, **asked) -> tuple[Report, Result]:
    """An evaluation on the CPU, and its result as the cache has it."""
    request = TaskRequest(task=task, model=model, data=data, **asked)
    report = evaluate(request, Resources(device="cpu", workers=0), cache, Heard())
    return report, load_run(report.folder).result(task)


def features(images: ImageSet, thumbnail: int | None = None) -> np.ndarray:
    """CLS tokens (L, I, D) of a model's blocks, of crops made here, one image at a time, rounded as the cache does."""
    backbone, found = backbones.named(MODEL), []
    for record in images.records:
        image = decode(record.path)
        if record.box is not None:
            image = image.crop(tuple(round(edge) for edge in record.box))
        if thumbnail is not None:
            image.thumbnail((thumbnail, thumbnail), Image.Resampling.LANCZOS)
        pixels = torch.from_numpy(crop(image, backbone.window))[None]
        found.append(np.stack([tokens[0, 0].numpy() for tokens in backbone.features(pixels)]))
    return np.stack(found, axis=1).astype(np.float16)


def first_places(gallery: np.ndarray, gallery_labels, queries: np.ndarray, labels, k: int) -> float:
    """The share of queries that are right, in float64."""
    gallery, queries = (rows.astype(np.float64) for rows in (gallery, queries))
    similarity = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    ).T
    right = 0
    for row, label in zip(similarity, labels, strict=True):
        nearest = sorted(range(len(row)), key=lambda place: (-row[place], place))[:k]
        votes = {name: sum(np.exp(row[p] / 0.07) for p in nearest if gallery_labels[p] == name) for name in labels}
        right += max(votes, key=lambda name: votes[name]) == label
    return right / len(labels)


def test_knn_on_the_world_is_what_the_features_of_its_images_give(drawn, tmp_path):
    """Two of 72 answers may differ: features come from passes of other sizes, and are rounded to half precision."""
    report, result = run("knn", MODEL, drawn["imagenet"], tmp_path, per_class=3, options={"k": (1, 20)})
    sets = Knn(Asked(root=drawn["imagenet"], per_class=3, options={"k": (1, 20)})).sets
    gallery, queries = (features(sets[name]) for name in ("gallery", "queries"))
    labels = {name: [record.label for record in sets[name].records] for name in sets}
    top1, accuracy = result.array("top1"), result.array("accuracy")
    for layer in range(8):
        for column, k in enumerate((1, 20)):
            expected = first_places(gallery[layer], labels["gallery"], queries[layer], labels["queries"], k)
            assert abs(top1[layer, column] - expected) < 2.5 / 72
    np.testing.assert_array_equal(accuracy, top1[:, 1])
    assert accuracy[-1] > accuracy[0] + 0.2
    assert result.coords["k"] == ["1", "20"]
    assert (report.images, report.used, result.images) == (144, 72, 72)


def test_other_numbers_of_neighbours_need_no_second_pass(drawn, tmp_path):
    run("knn", MODEL, drawn["imagenet"], tmp_path, per_class=2, options={"k": (1,)})
    before = {run.folder: run.facts for run in Cache(tmp_path).runs() if not run.spec.task}
    assert len(before) == 2
    report, _ = run("knn", MODEL, drawn["imagenet"], tmp_path, per_class=2, options={"k": (5, 20)})
    assert {run.folder: run.facts for run in Cache(tmp_path).runs() if not run.spec.task} == before
    assert report.measured == ["knn"]
    again, _ = run("knn", MODEL, drawn["imagenet"], tmp_path, per_class=2, options={"k": (5, 20)})
    assert (again.measured, again.reused) == ([], ["knn"])


@pytest.mark.parametrize("crop_query", [False, True])
def test_retrieval_on_the_world_is_what_the_features_of_its_images_give(drawn, tmp_path, crop_query):
    """To 0.02 of mAP: as above, and one place more or less of a positive moves it."""
    _, result = run("retrieval", MODEL, drawn["roxford5k"], tmp_path, limit=6, options={"crop-query": crop_query})
    data = read_revisited(drawn["roxford5k"])
    queries = SimpleNamespace(
        records=[
            record if crop_query else SimpleNamespace(path=record.path, box=None) for record in data.queries.records[:6]
        ]
    )
    database, asked = features(data.database, 224), features(queries, 224)
    found = result.array("map")
    for layer in (0, 4, 7):
        ranked = rankings(asked[layer], database[layer], list(range(len(data.database.records))))
        expected = [row[0] for row in table(ranked, data.truth[:6])]
        np.testing.assert_allclose(found[layer], expected, atol=0.02)
    np.testing.assert_array_equal(result.array("map-medium"), found[:, 1])
    if not crop_query:
        assert found[-1, 1] > 2 * found[0, 1]
    words = {run.spec.preprocess for run in Cache(tmp_path).runs() if not run.spec.task}
    assert words == {"long side at most 224 (Lanczos), short side, bicubic, centre crop"}


def test_cropping_queries_looks_at_the_database_only_once(drawn, tmp_path):
    first, _ = run("retrieval", MODEL, drawn["roxford5k"], tmp_path, limit=2)
    second, _ = run("retrieval", MODEL, drawn["roxford5k"], tmp_path, limit=2, options={"crop-query": True})
    assert first.folder != second.folder
    passes = [len(run.facts["passes"]) for run in Cache(tmp_path).runs() if not run.spec.task]
    assert passes == [1, 1, 1]


@pytest.mark.slow
def test_noise_is_at_chance_and_its_trials_spread(drawn, tmp_path):
    """Ten trials of 48 answers of which one in 24 is right by chance: the mean has a deviation of 0.009."""
    _, knn = run("knn", "random", drawn["imagenet"], tmp_path, per_class=2, options={"k": (20,)})
    trials = knn.array("accuracy")
    assert trials.shape == (10,)
    assert abs(trials.mean() - 1 / 24) < 0.04
    assert trials.std() > 0
    _, retrieval = run("retrieval", "random", drawn["roxford5k"], tmp_path, limit=6)
    medium = retrieval.array("map-medium")
    assert medium.shape == (10,)
    assert 0.03 < medium.mean() < 0.12  # about 11 of 228 images are right
    assert medium.std() > 0


def test_files_that_cannot_be_read_are_counted_and_left_out(drawn, tmp_path):
    tree = tmp_path / "tree"
    names = sorted(path.name for path in (drawn["imagenet"] / "train").iterdir())[:3]
    for split in ("train", "val"):
        for name in names:
            (tree / split / name).mkdir(parents=True)
            for path in sorted((drawn["imagenet"] / split / name).iterdir())[:4]:
                (tree / split / name / path.name).write_bytes(path.read_bytes())
    for path in (tree / "train" / names[0]).iterdir():
        path.write_bytes(b"no image")
    lost = sorted((tree / "val" / names[1]).iterdir())[0]
    lost.write_bytes(b"")
    report, result = run("knn", MODEL, tree, tmp_path / "cache", options={"k": (1, 8, 10)})
    assert len(report.skipped) == 5
    assert {"file": f"val/{names[1]}/{lost.name}", "reason": "the file is empty"} in report.skipped
    assert (result.images, result.coords["k"]) == (7, ["1", "8"])
    assert (
        "4 images of val are left out: no image of their class in train could be read"
        in load_run(report.folder).facts["notes"]
    )
    for path in tree.rglob("*.JPEG"):
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match="none of the 12 images"):
        run("knn", MODEL, tree, tmp_path / "cache", options={"k": (1,)})
