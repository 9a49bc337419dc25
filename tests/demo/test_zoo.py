"""The shipped weights: they load strictly, they have not collapsed, and they have learnt something."""

from __future__ import annotations

import csv

import pytest
import torch
from safetensors import safe_open

from vitscope.demo import zoo
from vitscope.demo.train.evaluate import (
    CURVES,
    attention_maps,
    cls_features,
    grid_distances,
    knn,
    knn_by_layer,
    spread,
    vectors,
)
from vitscope.demo.train.pictures import Pictures, drawn

GALLERY, QUERIES = 24, 8
NAMES = list(zoo.DEMO_MODELS)


@pytest.fixture(scope="module")
def pictures() -> tuple[Pictures, Pictures]:
    return drawn("train", GALLERY), drawn("val", QUERIES)


@pytest.fixture(scope="module")
def untrained(pictures) -> float:
    torch.manual_seed(0)
    return max(of_layers(zoo.architecture("fs").eval(), *pictures))


def of_layers(model: torch.nn.Module, train: Pictures, val: Pictures) -> list[float]:
    """k-NN top-1 of every layer's CLS token."""
    gallery, queries = cls_features(model, train.images), cls_features(model, val.images)
    return knn_by_layer(gallery, train.labels, queries, val.labels)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_small_float16_and_say_what_they_are(name):
    demo = zoo.DEMO_MODELS[name]
    assert demo.path.stat().st_size < 2_700_000
    with safe_open(demo.path, "pt") as file:
        about = file.metadata()
        assert {file.get_tensor(key).dtype for key in file.keys()} <= {torch.float16, torch.int64}  # noqa: SIM118
    assert about["method"] == demo.method
    assert (about["patch"], about["depth"], about["heads"]) == ("8", "8", "6")


@pytest.mark.parametrize("name", NAMES)
def test_a_model_loads_strictly_in_float32_and_eval_mode(name):
    model = zoo.build(name)
    assert not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert torch.isfinite(model.forward_features(torch.zeros(1, 3, 80, 80))).all()  # type: ignore[operator]
    assert attention_maps(model, torch.zeros(1, 3, 80, 80, dtype=torch.uint8)).shape == (8, 1, 6, 101, 101)


@pytest.mark.parametrize(
    ("name", "margin"),
    [("demo-fs", 0.7), ("demo-clip", 0.5), ("demo-moco", 0.15), ("demo-mae", 0.05), ("demo-dino", 0.08)],
)
def test_a_model_has_learnt_and_not_collapsed(name, margin, pictures, untrained):
    model = zoo.build(name)
    scores = of_layers(model, *pictures)
    assert max(scores) > untrained + margin
    assert spread(cls_features(model, pictures[1].images)[scores.index(max(scores))]) > 0.1


def test_beit_has_learnt_in_its_patches_if_hardly_in_cls(pictures):
    """Its objective asks nothing of CLS; the README says what CLS reaches."""

    def best(model):
        train, val = pictures
        rows = [vectors(model, part.images)[1] for part in (train, val)]
        return max(knn_by_layer(rows[0], train.labels, rows[1], val.labels))

    torch.manual_seed(0)
    assert best(zoo.build("demo-beit")) > best(zoo.architecture("beit").eval()) + 0.08
    assert spread(cls_features(zoo.build("demo-beit"), pictures[1].images)[-1]) > 0.1


def test_full_supervision_knows_the_classes(pictures):
    assert of_layers(zoo.build("demo-fs"), *pictures)[-1] >= 0.85


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        zoo.build("demo-simclr")


def test_beit_has_relative_positions_and_no_absolute_ones():
    keys = zoo.build("demo-beit").state_dict()
    assert "pos_embed" not in keys
    assert keys["blocks.0.attn.relative_position_bias_table"].shape == (19 * 19 + 3, 6)


def test_the_evaluation_covers_every_model_and_layer():
    with (CURVES / "evaluation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["model"], int(row["layer"])) for row in rows} >= {
        (name, layer) for name in NAMES for layer in range(1, 9)
    }
    for row in rows:
        assert 0 <= float(row["knn"]) <= 1
        assert 0 < float(row["entropy"]) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_every_model_has_a_curve_that_falls(name):
    with (CURVES / f"{zoo.DEMO_MODELS[name].method}.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]


def test_knn_weighs_neighbours_by_similarity():
    gallery = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    labels = torch.tensor([0, 1, 1])
    assert knn(gallery, labels, torch.tensor([[2.0, 0.1], [0.1, 3.0]]), torch.tensor([0, 1])) == 1.0


def test_spread_is_nothing_for_equal_features_and_much_for_random_ones():
    assert spread(torch.ones(50, 8)) == pytest.approx(0, abs=1e-6)
    assert spread(torch.randn(500, 64, generator=torch.Generator().manual_seed(0))) == pytest.approx(1, abs=0.05)


def test_distances_are_shares_of_the_side():
    far = grid_distances(10)
    assert float(far[0, 9]) == pytest.approx(0.9)
    assert float(far[0, 10]) == pytest.approx(0.1)
    assert float(far.mean()) == pytest.approx(0.52, abs=0.01)
