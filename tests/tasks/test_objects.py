"""Objects of COCO: pooled vectors against loops over pixels and tokens, scores against scikit-learn, and bad cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tasks import backbones, outlines
from vitscope.data.masks import soft_mask
from vitscope.errors import DataError, TaskError
from vitscope.models.backbone import Backbone
from vitscope.tasks import Asked, Outcome
from vitscope.tasks.objects import Objects
from vitscope.tasks.regions import UNIT, pooled

RIGHT = (120, 5, 158, 75)  # outside of the central square of a picture of 160 × 80
PICTURES: list[outlines.Picture] = [
    (160, 80, [(3, (10, 10, 50, 40)), (7, (60, 20, 100, 70)), (3, RIGHT)]),
    (60, 90, [(7, (5, 5, 30, 30)), (3, (0, 0, 60, 90))]),
    (80, 80, []),
    (30, 20, [(7, (2, 2, 20, 15))]),  # smaller than a tile
]


@pytest.fixture(scope="module")
def model() -> Backbone:
    return backbones.named("random/demo-fs")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return outlines.coco(tmp_path / "coco", PICTURES)


def asked(root: Path, protocol: str = "corrected", limit: int | None = None, **options: object) -> Asked:
    return Asked(root=root, protocol=protocol, limit=limit, options={"clusters": 3, **options})


def outcome(task: Objects, model: Backbone) -> Outcome:
    return task.compute([task.measure(unit, model).state for unit in range(len(task.units))])


def slow_dense(model: Backbone, root: Path) -> tuple[np.ndarray, list[int]]:
    """Vectors (regions, layers, width) of dense tiles, token by token; every tile by itself."""
    rows, labels = [], []
    for number, (width, height, regions) in enumerate(PICTURES):
        if not regions:
            continue
        image = Image.open(root / "val2017" / f"{number + 1:012d}.jpg").convert("RGB")
        short = 160
        size = (
            (short * width // height // 8 * 8, short) if width >= height else (short, short * height // width // 8 * 8)
        )
        pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC))
        grid = np.full((8, size[1] // 8, size[0] // 8, 96), np.nan)
        for top in sorted({min(80 * t, size[1] - 80) for t in range(-(-size[1] // 80))}):
            for left in sorted({min(80 * t, size[0] - 80) for t in range(-(-size[0] // 80))}):
                tile = torch.from_numpy(pixels[None, top : top + 80, left : left + 80].copy())
                for layer, tokens in enumerate(model.features(tile)):
                    part = grid[layer, top // 8 : top // 8 + 10, left // 8 : left // 8 + 10]
                    fresh = tokens[0, 1:].reshape(10, 10, 96).numpy()
                    part[np.isnan(part)] = fresh[np.isnan(part)]
        for label, (x0, y0, x1, y1) in regions:
            mask = np.zeros((height, width), dtype=bool)
            mask[y0:y1, x0:x1] = True
            weights = soft_mask(mask, grid.shape[1], grid.shape[2], crop=False)
            assert weights is not None
            row = np.zeros((8, 96))
            for r, c in np.ndindex(weights.shape):
                row += weights[r, c] * grid[:, r, c]
            rows.append(row)
            labels.append(label)
    return np.stack(rows), labels


def test_dense_vectors_are_weighted_means_of_the_tokens_of_tiles(tree: Path, model: Backbone) -> None:
    task = Objects(asked(tree))
    assert task.units == ["images 1 to 4"]
    model.forwards = 0
    state = task.measure(0, model).state
    assert model.forwards == 8 + 6 + 6  # tiles of the three pictures with regions: one pass for all layers
    vectors, labels = slow_dense(model, tree)
    assert state["labels"].tolist() == labels
    assert state["counts"].tolist() == [3, 0]
    np.testing.assert_allclose(state["vectors"], vectors, rtol=0, atol=2e-5)


def test_one_crop_leaves_out_what_lies_outside_of_it(tree: Path, model: Backbone) -> None:
    task = Objects(asked(tree, dense=False))
    model.forwards = 0
    state = task.measure(0, model).state
    assert model.forwards == 3
    assert state["labels"].tolist() == [3, 7, 7, 3, 7]  # the region at the right edge is gone
    assert state["counts"].tolist() == [3, 1]
    found = outcome(task, model)
    assert "Regions left out: 1, which lie outside the central crop." in found.notes
    assert found.count == 3


def test_the_crop_is_where_the_mask_is(tmp_path: Path, model: Backbone) -> None:
    """A region that fills the crop has the mean of all patches."""
    tree = outlines.coco(tmp_path, [(160, 80, [(3, (0, 0, 160, 80)), (7, (0, 0, 160, 80))])])
    state = Objects(Asked(root=tree, options={"clusters": 2, "dense": False})).measure(0, model).state
    image = Image.open(tree / "val2017" / "000000000001.jpg").convert("RGB")
    crop = torch.from_numpy(np.asarray(image.crop((40, 0, 120, 80)))[None].copy())
    for layer, tokens in enumerate(model.features(crop)):
        np.testing.assert_allclose(state["vectors"][0, layer], tokens[0, 1:].mean(0).numpy(), atol=2e-5)


def test_scores_are_those_of_scikit_learn_on_the_same_vectors(tree: Path, model: Backbone) -> None:
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    found = outcome(Objects(asked(tree)), model)
    vectors, labels = slow_dense(model, tree)
    for layer in range(8):
        clusters = KMeans(3, n_init=10, random_state=0).fit(vectors[:, layer].astype(np.float32)).labels_
        expected = {
            "purity": contingency_matrix(labels, clusters).max(0).sum() / len(labels),
            "nmi": normalized_mutual_info_score(labels, clusters),
            "ari": adjusted_rand_score(labels, clusters),
        }
        for name, value in expected.items():
            assert found.arrays[name].values[layer] == pytest.approx(value, abs=1e-6)
            assert found.arrays[name].dims == ("layer",)
    assert found.notes[0] == "6 regions of 2 labels in 3 clusters."


def test_pooling_is_a_weighted_sum() -> None:
    rng = np.random.default_rng(0)
    tokens = [torch.from_numpy(rng.normal(size=(3, 4, 5)).astype(np.float32)) for _ in range(2)]
    weights = rng.random((6, 3, 4))
    expected = np.einsum("rhw,lhwd->rld", weights, np.stack([layer.double().numpy() for layer in tokens]))
    np.testing.assert_allclose(pooled(tokens, weights), expected, rtol=1e-5)


def test_units_are_slices_that_add_up(tmp_path: Path, model: Backbone) -> None:
    pictures: list[outlines.Picture] = [(40, 40, [(3 if i % 2 else 7, (4, 4, 30, 30))]) for i in range(UNIT + 2)]
    task = Objects(Asked(root=outlines.coco(tmp_path, pictures), options={"clusters": 2, "dense": False}))
    assert task.units == [f"images 1 to {UNIT}", f"images {UNIT + 1} to {UNIT + 2}"]
    states = [task.measure(unit, model).state for unit in (0, 1)]
    assert [len(state["labels"]) for state in states] == [UNIT, 2]
    assert task.compute(states).count == UNIT + 2


def test_a_picture_without_regions_alone_in_its_unit(tmp_path: Path, model: Backbone) -> None:
    pictures: list[outlines.Picture] = [(40, 40, [(3, (4, 4, 30, 30)), (7, (8, 8, 20, 20))])] * UNIT
    task = Objects(
        Asked(root=outlines.coco(tmp_path, [*pictures, (40, 40, [])]), options={"clusters": 2, "dense": False})
    )
    empty = task.measure(1, model).state
    assert (empty["vectors"].shape[0], empty["labels"].tolist(), empty["counts"].tolist()) == (0, [], [0, 0])
    assert task.compute([task.measure(0, model).state, empty]).count == UNIT


def test_pictures_that_cannot_be_used_are_counted(tree: Path, model: Backbone) -> None:
    (tree / "val2017" / "000000000001.jpg").unlink()
    Image.new("RGB", (61, 90)).save(tree / "val2017" / "000000000002.jpg")
    task = Objects(asked(tree, clusters=2))
    measured = task.measure(0, model)
    assert measured.skipped == (
        ("val2017/000000000001.jpg", "no such file or directory"),
        ("val2017/000000000002.jpg", "61 × 90 pixels, its regions are drawn on 60 × 90"),
    )
    with pytest.raises(DataError, match="regions of one label only \\(train\\)"):
        task.compute([measured.state])


def test_too_little_to_cluster_is_said_before_anything_runs(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="6 regions cannot make 80 clusters: use more images, or fewer --clusters"):
        Objects(asked(tree, clusters=0))
    with pytest.raises(TaskError, match="--clusters 1: at least 2"):
        Objects(asked(tree, clusters=1))
    with pytest.raises(DataError, match="no region that can be used"):
        Objects(Asked(root=outlines.coco(tmp_path / "empty", [(40, 40, [])]), options={"clusters": 2}))
    with pytest.raises(DataError, match="regions of one label only"):
        Objects(
            Asked(root=outlines.coco(tmp_path / "one", [(40, 40, [(3, (1, 1, 9, 9))] * 3)]), options={"clusters": 2})
        )


def test_images_per_class_are_refused(tree: Path) -> None:
    with pytest.raises(TaskError, match=r"--per-class.*use --limit"):
        Objects(Asked(root=tree, per_class=2, options={"clusters": 2}))


def test_the_papers_rule_for_regions(tree: Path) -> None:
    """A first ring of two points hides the good second one in the paper's code."""
    import json

    path = tree / "annotations" / "instances_val2017.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"].insert(0, [1, 1, 5, 4])
    path.write_text(json.dumps(content))
    for protocol, kept in (("corrected", 6), ("paper", 5)):
        task = Objects(asked(tree, protocol))
        assert sum(len(task._kept(image)) for image in task._data.images) == kept


def test_defaults_are_the_papers(tmp_path: Path) -> None:
    boxes = [(3 if i % 2 else 7, (i, i, i + 9, i + 9)) for i in range(90)]
    task = Objects(Asked(root=outlines.coco(tmp_path, [(120, 120, boxes)])))
    assert task.settings["clusters"] == 80
    assert task.settings["features"] == "dense tiles"
    assert task.settings["starts"] == 10


def test_progress_is_told_while_clusters_are_sought(tree: Path, model: Backbone) -> None:
    heard: list[tuple[int, int]] = []
    task = Objects(Asked(root=tree, options={"clusters": 2}, progress=lambda done, total: heard.append((done, total))))
    task.compute([task.measure(0, model).state])
    assert heard == [(layer, 8) for layer in range(9)]
