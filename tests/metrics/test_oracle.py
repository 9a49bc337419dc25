"""Every metric against plain loops over images, layers, heads and tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests import oracles
from vitscope import catalog
from vitscope.batch import Batch, Images
from vitscope.geometry import Geometry
from vitscope.metrics import Setting

GEOMETRIES = {
    "square": Geometry(layers=2, heads=3, prefix=("cls",), rows=4, columns=4, patch=(8, 8)),
    "registers, not square": Geometry(
        layers=1, heads=2, prefix=("cls", "reg1", "reg2"), rows=3, columns=5, patch=(8, 8)
    ),
    "no prefix": Geometry(layers=2, heads=2, prefix=(), rows=3, columns=3, patch=(8, 8)),
}


@pytest.fixture(params=GEOMETRIES, scope="module")
def case(request):
    """A geometry and the attention of five images (I, L, H, T, T) float64; one row looks at the prefix alone."""
    geometry = GEOMETRIES[request.param]
    attention = oracles.photographs(geometry, images=5)
    if geometry.prefix:
        first = len(geometry.prefix)
        attention[2, 0, 0, first + 1, :] = 0
        attention[2, 0, 0, first + 1, 0] = 1
    return geometry, attention


def measure(
    name: str, geometry: Geometry, attention: np.ndarray, labels: list[int] | None = None
) -> dict[str, np.ndarray]:
    classes = 0 if labels is None else max(labels) + 1
    setting = Setting(geometry, torch.device("cpu"), classes, gallery=(0, 1, 2))
    metric = catalog.load("metric", catalog.METRICS, name)(setting)
    places = tuple(range(len(attention)))
    images = Images(
        torch.zeros(len(attention), 8, 8, 3, dtype=torch.uint8),
        None if labels is None else torch.tensor(labels),
        places,
    )
    for layer in range(geometry.layers):
        probabilities = torch.from_numpy(attention[:, layer]).float()
        batch = Batch(geometry, layer, probabilities, probabilities.log() + 3.7, 0, images, slice(None))
        metric.add(batch)
    return metric.adds.compute(metric.sums.state())


def same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_mean_attention(case):
    geometry, attention = case
    same(measure("attention", geometry, attention)["mean"], oracles.mean_attention(attention))


def test_mean_spatial_attention(case):
    geometry, attention = case
    same(measure("spatial-attention", geometry, attention)["mean"], oracles.mean_spatial(attention, geometry))


PER_IMAGE = {
    "distance": oracles.distance,
    "entropy": lambda attention, geometry: oracles.entropy(attention),
    "prefix-mass": oracles.prefix_mass,
    "head-deviation": oracles.head_deviation,
    "position-deviation": oracles.position_deviation,
}


@pytest.mark.parametrize("name", PER_IMAGE)
def test_numbers_per_image_and_their_spread(case, name):
    geometry, attention = case
    if name == "prefix-mass" and not geometry.prefix:
        kind = catalog.load("metric", catalog.METRICS, name)
        assert not kind.applies(Setting(geometry, torch.device("cpu")))
        return
    values = PER_IMAGE[name](attention, geometry)
    found = measure(name, geometry, attention)
    same(found["mean"], oracles.mean(values))
    same(found["std"], oracles.spread(values))


def test_class_attention(case):
    geometry, attention = case
    labels = [1, 0, 1, 1, 0]
    same(measure("class-attention", geometry, attention, labels)["mean"], oracles.class_attention(attention, labels))


def test_gallery_keeps_its_images_in_half_precision(case):
    geometry, attention = case
    found = measure("gallery", geometry, attention)
    assert found["place"].tolist() == [0, 1, 2]
    assert found["attention"].dtype == np.float16
    np.testing.assert_array_equal(found["attention"], attention[:3].astype(np.float32).astype(np.float16))


def test_known_answers():
    """Uniform attention on grids of the paper's models, and attention to itself."""
    for edge, expected in ((7, 0.6016), (14, 0.5601), (16, 0.5551), (24, 0.5436)):
        geometry = Geometry(layers=1, heads=1, prefix=("cls",), rows=edge, columns=edge, patch=(16, 16))
        tokens = geometry.tokens
        uniform = np.full((1, 1, 1, tokens, tokens), 1 / tokens)
        assert round(float(measure("distance", geometry, uniform)["mean"][0, 0]), 4) == expected
        np.testing.assert_allclose(measure("entropy", geometry, uniform)["mean"], np.log(tokens), rtol=1e-6)
        np.testing.assert_allclose(measure("prefix-mass", geometry, uniform)["mean"], 1 / tokens, rtol=1e-6)
        itself = np.eye(tokens)[None, None, None] * (1 - 1e-12) + 1e-30
        assert measure("distance", geometry, itself)["mean"][0, 0] < 1e-6


@pytest.mark.parametrize("mass", [0.0, 1e-44, 1e-40])
def test_patches_that_give_all_their_attention_to_the_prefix_count_as_nothing(mass):
    geometry = Geometry(layers=1, heads=1, prefix=("cls",), rows=2, columns=2, patch=(8, 8))
    attention = np.full((1, 1, 1, 5, 5), mass / 4)
    attention[..., 0] = 1
    assert measure("distance", geometry, attention)["mean"][0, 0] < 1e-30
    np.testing.assert_allclose(measure("spatial-attention", geometry, attention)["mean"], 0, atol=1e-30)


def test_a_spread_of_one_image_is_not_a_number(case):
    geometry, attention = case
    assert np.isnan(measure("distance", geometry, attention[:1])["std"]).all()
