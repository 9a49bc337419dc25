"""SPair-71k: PCK by hand, the draw of pairs, a tree that is drawn here, the world, and trees that are wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from tests.tasks import backbones
from vitscope.demo.world import write
from vitscope.errors import DataError, ModelError, TaskError
from vitscope.models.backbone import Backbone
from vitscope.tasks import Asked, Outcome
from vitscope.tasks.matching import correct
from vitscope.tasks.spair import SPair, drawn, limited, pck, tally

# PCK by hand


def hits(errors: list[float], extent: float, *, strict: bool) -> np.ndarray:
    """bool (alpha, layer, point) of one layer that misses by these distances."""
    found = np.array([[[error, 0.0] for error in errors]])
    return correct(found, np.zeros((len(errors), 2)), extent, strict=strict)


@pytest.mark.parametrize(("strict", "point", "image"), [(False, 4 / 6, 0.625), (True, 0.5, 0.5)])
def test_four_variants(strict: bool, point: float, image: float) -> None:
    """Pair A misses by 3, 9, 10, 11 with a box of 100, pair B by 12, 30 with one of 200."""
    pairs = [hits([3, 9, 10, 11], 100, strict=strict), hits([12, 30], 200, strict=strict)]
    for over in (False, True):  # one category: both means are the same
        points, images, category = pck([tally(pairs, 1)], over_categories=over)
        assert (points[0, 0], images[0, 0], category[0, 0, 0]) == pytest.approx((point, image, point), rel=1e-15)


def test_mean_over_categories_or_over_all() -> None:
    """Two categories of different size; at .1, .05 and .01 of a box of 100."""
    first = tally([hits([0, 0, 20], 100, strict=False), hits([7], 100, strict=False)], 1)
    second = tally([hits([0.5, 50], 100, strict=False)], 1)
    points, images, category = pck([first, second], over_categories=False)
    np.testing.assert_allclose(points, [[4 / 6, 3 / 6, 3 / 6]])
    np.testing.assert_allclose(images, [[(2 / 3 + 1 + 1 / 2) / 3, (2 / 3 + 0 + 1 / 2) / 3, (2 / 3 + 0 + 1 / 2) / 3]])
    np.testing.assert_allclose(category, [[[3 / 4, 1 / 2], [2 / 4, 1 / 2], [2 / 4, 1 / 2]]])
    points, images, _ = pck([first, second], over_categories=True)
    np.testing.assert_allclose(points, [[(3 / 4 + 1 / 2) / 2, 1 / 2, 1 / 2]])
    np.testing.assert_allclose(images, [[((2 / 3 + 1) / 2 + 1 / 2) / 2, (1 / 3 + 1 / 2) / 2, (1 / 3 + 1 / 2) / 2]])


def test_layers_are_kept_apart() -> None:
    one = np.zeros((3, 2, 4), bool)
    one[0, 1, :3] = True
    points, images, _ = pck([tally([one], 2)], over_categories=False)
    np.testing.assert_array_equal(points, [[0, 0, 0], [0.75, 0, 0]])
    np.testing.assert_array_equal(images, points)


# the pairs


def test_draw_is_with_replacement_and_never_changes() -> None:
    pairs: list[Any] = list(range(7))
    found = drawn("train", pairs, 20)
    assert found == [5, 1, 0, 5, 1, 6, 0, 4, 5, 4, 4, 0, 0, 4, 5, 3, 6, 2, 6, 1]
    assert found == drawn("train", pairs, 20) != drawn("bus", pairs, 20)
    assert drawn("train", pairs, 5) == found[:5]
    assert drawn("train", pairs, 0) == pairs


def test_limit_takes_turns() -> None:
    pairs: dict[str, list[Any]] = {"a": [1, 2, 3], "b": [4], "c": [5, 6]}
    assert limited(pairs, 4) == {"a": [1, 2], "b": [4], "c": [5]}
    assert limited(pairs, 2) == {"a": [1], "b": [4]}
    assert limited(pairs, None) == limited(pairs, 99) == pairs


# a tree


SIZES = [(60, 40), (40, 60), (33, 50), (64, 64), (50, 31)]


def tree(root: Path, *, separator: str = ":") -> None:
    """Of two categories, one pattern in five shapes, and all twenty pairs of them, with one to four points each.

    The first point is a corner outside of the last pixel, the others are the same place of the pattern or next to it.
    """
    random = np.random.default_rng(0)
    annotations = root / "PairAnnotation" / "test"
    annotations.mkdir(parents=True)
    for category in ("bus", "train"):
        folder = root / "JPEGImages" / category
        folder.mkdir(parents=True)
        pattern = Image.fromarray(random.integers(0, 256, (5, 5, 3)).astype(np.uint8))
        for place, size in enumerate(SIZES):
            pattern.resize(size, Image.Resampling.NEAREST).save(folder / f"p{place}.jpg", quality=95)
        for number, (source, target) in enumerate((i, j) for i in range(5) for j in range(5) if i != j):
            share = random.random((int(random.integers(1, 5)), 2))
            share[0] = 1
            name = f"{number:06d}-p{source}-p{target}"
            content: dict[str, Any] = {
                "category": category,
                "mirror": 0,
                "kps_ids": [str(i) for i in range(len(share))],
            }
            for side, place in (("src", source), ("trg", target)):
                points = (share * SIZES[place] + random.integers(-1, 2, share.shape)).clip(0, SIZES[place])
                points[0] = SIZES[place]
                content |= {
                    f"{side}_imname": f"p{place}.jpg", f"{side}_imsize": [*SIZES[place], 3],
                    f"{side}_bndbox": [0, 1, *SIZES[place]], f"{side}_kps": points.round().astype(int).tolist(),
                }  # fmt: skip
            (annotations / f"{name}{separator}{category}.json").write_text(json.dumps(content))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree(tmp_path / "tree")
    return tmp_path / "tree"


@pytest.fixture
def model(tiny) -> Backbone:
    return backbones.of(tiny, (32, 32), batch_size=3)


def outcome(task: SPair, model: Backbone) -> Outcome:
    return task.compute([task.measure(unit, model).state for unit in range(len(task.units))])


def by_pixels(contents: list[dict], folder: Path, model: Backbone, *, paper: bool) -> tuple[np.ndarray, np.ndarray]:
    """Points right and points of one category, (layer, alpha), with all tokens enlarged to every pixel, in float64."""
    right, points = np.zeros((model.layers, 3)), 0
    for content in contents:
        maps, places = {}, {}
        for side in ("src", "trg"):
            picture = Image.open(folder / content[f"{side}_imname"]).convert("RGB")
            scale = 32 / max(picture.size)
            sides = [round(length * scale) for length in picture.size]
            offset = [(32 - length) // 2 for length in sides]
            sheet = Image.new("RGB", (32, 32))
            sheet.paste(picture.resize(sides, Image.Resampling.LANCZOS), tuple(offset))
            tokens = model.features(torch.from_numpy(np.array(sheet))[None])
            maps[side] = [F.normalize(layer[0, 1:].double(), dim=-1).T.reshape(-1, 4, 4) for layer in tokens]
            places[side] = np.array(content[f"{side}_kps"]) * scale + offset
        x1, y1, x2, y2 = content["trg_bndbox"]
        limit = np.array([0.1, 0.05, 0.01]) * max(x2 - x1, y2 - y1) * scale
        for (x, y), truth in zip(places["src"], places["trg"], strict=True):
            points += 1
            for layer in range(model.layers):
                source, target = (
                    F.interpolate(maps[side][layer][None], scale_factor=8, mode="bilinear")[0]
                    for side in ("src", "trg")
                )
                point = source[:, min(round(y), 31), min(round(x), 31)]
                if paper:
                    products = torch.einsum("d,dhw->hw", point, target).round(decimals=12)
                    row, column = divmod(int(products.argmax()), 32)
                    found = np.array([column, row])
                else:
                    row, column = divmod(int(torch.einsum("d,dhw->hw", point, maps["trg"][layer]).argmax()), 4)
                    found = np.array([column * 8 + 3.5, row * 8 + 3.5])
                distance = np.sqrt(((found - truth) ** 2).sum())
                right[layer] += distance < limit if paper else distance <= limit
    return right, np.array(points)


@pytest.mark.parametrize("protocol", ["paper", "corrected"])
def test_numbers_are_those_of_maps_of_all_pixels(root: Path, model: Backbone, protocol: str) -> None:
    task = SPair(Asked(root=root, protocol=protocol, options={"pairs": 0}))
    found = outcome(task, model)
    assert found.count == 40
    assert model.forwards == 10  # five pictures a category, once each
    expected = []
    for category in ("bus", "train"):
        files = sorted((root / "PairAnnotation/test").glob(f"*:{category}.json"))
        contents = [json.loads(file.read_text()) for file in files]
        expected.append(by_pixels(contents, root / "JPEGImages" / category, model, paper=protocol == "paper"))
    each = np.stack([right / points for right, points in expected], -1)
    np.testing.assert_allclose(found.arrays["pck-category"].values, each, rtol=1e-12)
    assert 0.1 < each[..., 0, :].max() < 0.9
    right, points = (sum(one[place] for one in expected) for place in (0, 1))
    over = each.mean(-1) if protocol == "paper" else right / points
    np.testing.assert_allclose(found.arrays["pck-point"].values, over, rtol=1e-12)
    np.testing.assert_array_equal(found.arrays["pck"].values, found.arrays["pck-point"].values[:, 0])
    assert found.coords == {"alpha": ["0.1", "0.05", "0.01"], "category": ["bus", "train"]}


def test_twenty_pairs_a_category(root: Path, model: Backbone) -> None:
    """The paper's subset; a pair that is drawn twice counts twice, its pictures go through the model once."""
    task = SPair(Asked(root=root, protocol="paper"))
    found = outcome(task, model)
    assert found.count == 40
    assert model.forwards <= 10
    again = outcome(SPair(Asked(root=root, protocol="paper")), model)
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(again.arrays[name].values, array.values)
    whole = outcome(SPair(Asked(root=root, protocol="paper", options={"pairs": 0})), model)
    assert (whole.arrays["pck-image"].values != found.arrays["pck-image"].values).any()


def test_an_underscore_stands_for_the_colon(tmp_path: Path, model: Backbone) -> None:
    """Same draw, same fingerprint, same numbers."""
    for name, separator in (("colon", ":"), ("underscore", "_")):
        tree(tmp_path / name / "SPair-71k", separator=separator)
    tasks = [SPair(Asked(root=tmp_path / name)) for name in ("colon", "underscore")]
    assert tasks[0].fingerprint == tasks[1].fingerprint
    numbers = [outcome(task, model).arrays["pck-point"].values for task in tasks]
    np.testing.assert_array_equal(*numbers)


def test_other_categories_change_no_draw(tmp_path: Path, model: Backbone) -> None:
    tree(tmp_path / "two")
    shutil.copytree(tmp_path / "two", tmp_path / "one")
    for path in (tmp_path / "one/PairAnnotation/test").glob("*:bus.json"):
        path.unlink()
    two, one = (SPair(Asked(root=tmp_path / name)) for name in ("two", "one"))
    assert (two.units, one.units) == (["bus", "train"], ["train"])
    np.testing.assert_array_equal(two.measure(1, model).state["right"], one.measure(0, model).state["right"])


def test_limits(root: Path) -> None:
    assert sum(map(len, SPair(Asked(root=root, limit=3))._pairs.values())) == 3
    assert [len(pairs) for pairs in SPair(Asked(root=root, per_class=4))._pairs.values()] == [4, 4]
    fingerprints = {SPair(Asked(root=root, limit=limit)).fingerprint for limit in (3, 4, None)}
    assert len(fingerprints) == 3
    with pytest.raises(TaskError, match="--limit 0 keeps no pair"):
        SPair(Asked(root=root, limit=0))
    with pytest.raises(TaskError, match="--pairs -1 is no number of pairs"):
        SPair(Asked(root=root, options={"pairs": -1}))
    with pytest.raises(DataError, match="val"):
        SPair(Asked(root=root, options={"split": "val"}))


# what is wrong


def missing(path: Path) -> None:
    path.unlink()


def broken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def larger(path: Path) -> None:
    Image.open(path).resize((120, 80)).save(path)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (missing, "no such file or directory"),
        (broken, "damaged|cut short|no image"),
        (larger, "120 × 80 pixels, but its keypoints are for 60 × 40"),
    ],
)
def test_a_picture_that_cannot_be_used(root: Path, model: Backbone, damage: Callable, reason: str) -> None:
    """Its eight pairs of twenty are left out, and it is named once."""
    damage(root / "JPEGImages/bus/p0.jpg")
    task = SPair(Asked(root=root, options={"pairs": 0}))
    bus, train = (task.measure(unit, model) for unit in range(2))
    ((name, why),) = bus.skipped
    assert name == "JPEGImages/bus/p0.jpg"
    assert re.search(reason, why), why
    assert (int(bus.state["pairs"]), int(train.state["pairs"])) == (12, 20)
    assert task.compute([bus.state, train.state]).count == 32


def test_a_category_without_a_usable_picture(root: Path, model: Backbone) -> None:
    for path in (root / "JPEGImages/bus").iterdir():
        path.unlink()
    task = SPair(Asked(root=root))
    bus, train = (task.measure(unit, model).state for unit in range(2))
    assert task.compute([bus, train]).coords["category"] == ["train"]
    with pytest.raises(DataError, match="none of the pairs could be used"):
        task.compute([bus, bus])


def test_a_keypoint_outside_of_its_image(root: Path) -> None:
    path = next((root / "PairAnnotation/test").iterdir())
    content = json.loads(path.read_text())
    content["trg_kps"][0] = [9999, 1]
    path.write_text(json.dumps(content))
    task = SPair(Asked(root=root, options={"pairs": 0}))
    assert sum(map(len, task._pairs.values())) == 39
    assert "1 pair left out: a keypoint outside of its photograph" in task.notes


def test_activations_that_overflow(root: Path, model: Backbone) -> None:
    with torch.no_grad():
        model.model.module.blocks[1].mlp.fc2.bias.fill_(torch.inf)
    with pytest.raises(ModelError, match="not finite"):
        SPair(Asked(root=root)).measure(0, model)


# the world


def test_a_trained_model_finds_points_and_noise_does_not(tmp_path: Path) -> None:
    world = write(tmp_path, only=["spair"])["spair"]
    found = {}
    for name in ("demo-fs", "random/demo-fs", "random"):
        found[name] = outcome(SPair(Asked(root=world, limit=48)), backbones.named(name)).arrays["pck"].values
    assert found["demo-fs"].max() > 0.2
    assert found["demo-fs"].max() > 2 * found["random/demo-fs"].max()
    assert found["random"].mean() < 0.05
    assert len(found["random"]) == 10
