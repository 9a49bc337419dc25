"""Metrics of features against plain float64 loops over images, layers and tokens."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vitscope import catalog
from vitscope.batch import PLACES, Features, Images
from vitscope.geometry import Geometry
from vitscope.metrics import Setting

GEOMETRIES = {
    "CLS": Geometry(layers=2, heads=3, prefix=("cls",), rows=3, columns=3, patch=(8, 8)),
    "registers": Geometry(layers=1, heads=2, prefix=("cls", "reg1", "reg2"), rows=2, columns=4, patch=(8, 8)),
    "no CLS": Geometry(layers=2, heads=2, prefix=(), rows=3, columns=3, patch=(8, 8)),
    "registers, no CLS": Geometry(layers=1, heads=2, prefix=("reg1",), rows=2, columns=2, patch=(8, 8)),
}
BLOCK, WIDTH = 5, 6
ORDER = (7, 3, 12, 0, 9, 4, 1, 8, 2, 11, 6, 5)  # places of the pass: two whole blocks and one of two images
UNREADABLE = {12, 8, 2}


@pytest.fixture(params=GEOMETRIES, scope="module")
def case(request):
    """A geometry, and tokens (place in a block) → (I, L, T, D) float64 of all images, far from zero on average."""
    geometry = GEOMETRIES[request.param]
    generator = np.random.default_rng(3)
    shape = (13, geometry.layers, geometry.tokens, WIDTH)
    return geometry, {place: generator.normal(2.0, 1.0, shape) for place in PLACES}


def measure(
    name: str,
    geometry: Geometry,
    tokens: dict[str, np.ndarray],
    order: tuple[int, ...] = ORDER,
    unreadable: frozenset[int] | set[int] = frozenset(),
    batch: int = 2 * BLOCK,
) -> dict[str, np.ndarray]:
    """The result of a metric after passes of `batch` images."""
    width = next(iter(tokens.values())).shape[-1]
    setting = Setting(geometry, torch.device("cpu"), 0, (), width, frozenset(PLACES), order, BLOCK)
    metric = catalog.load("metric", catalog.METRICS, name)(setting)
    for start in range(0, len(order), batch):
        places = tuple(place for place in order[start : start + batch] if place not in unreadable)
        if not places:
            continue
        images = Images(torch.zeros(len(places), 8, 8, 3, dtype=torch.uint8), None, places)
        for layer in range(geometry.layers):
            for place in PLACES:
                if place in metric.at:
                    values = torch.from_numpy(tokens[place][list(places), layer]).float()
                    metric.look(Features(geometry, layer, place, values, images))
    state = metric.sums.state()
    assert metric.sums.sound(state)
    return metric.adds.compute(state)


def product(one: np.ndarray, other: np.ndarray) -> float:
    return math.fsum(float(a) * float(b) for a, b in zip(one.ravel(), other.ravel(), strict=True))


def gram(rows: list[np.ndarray], *, centred: bool) -> np.ndarray:
    """X·Xᵀ entry by entry, less the mean row or not."""
    mean = sum(rows) / len(rows) if centred else np.zeros_like(rows[0])
    return np.array([[product(one - mean, other - mean) for other in rows] for one in rows])


def hsic(one: np.ndarray, other: np.ndarray) -> float:
    """HSIC₁ of two Grams, as Nguyen et al. (2020) write it."""
    n = len(one)
    k, m = one.copy(), other.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    cross = sum(k[i, j] * m[j, i] for i in range(n) for j in range(n))
    both = sum(k[i, j] * m[j, h] for i in range(n) for j in range(n) for h in range(n))
    return (cross + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * both) / (n * (n - 3))


def kept(geometry: Geometry, kind: str) -> slice:
    first = len(geometry.prefix)
    return {"cls": slice(0, 1), "spatial": slice(first, None)}.get(kind, slice(None))


GRAMS = [
    *(("grams", kind, "output") for kind in ("cls", "spatial", "all")),
    *(("norm-grams", place, place) for place in ("norm1", "norm2")),
    *(("residual-grams", place, place) for place in PLACES[3:]),
]


@pytest.mark.parametrize(("metric", "kind", "place"), GRAMS)
def test_grams_are_centred_products_and_their_ranges_are_not(case, metric, kind, place):
    geometry, tokens = case
    found = measure(metric, geometry, tokens, unreadable=UNREADABLE)
    if kind == "cls" and "cls" not in geometry.prefix:
        assert not {"cls", "cls-range"} & found.keys()
        return
    assert found[kind].dtype == found[f"{kind}-range"].dtype == np.float32
    assert found["places"].tolist() == [[7, 3, 12, 0, 9], [4, 1, 8, 2, 11], [6, 5, -1, -1, -1]]
    for layer in range(geometry.layers):
        for block, places in enumerate(found["places"]):
            there = [row for row, image in enumerate(places) if image >= 0 and image not in UNREADABLE]
            rows = [tokens[place][places[row], layer, kept(geometry, kind)] for row in there]
            expected = np.full((BLOCK, BLOCK), np.nan)
            expected[np.ix_(there, there)] = gram(rows, centred=True)
            np.testing.assert_allclose(found[kind][layer, block], expected, rtol=1e-4, atol=1e-4)
            whole = gram(rows, centred=False)
            np.testing.assert_allclose(found[f"{kind}-range"][layer, block], whole.max() - whole.min(), rtol=1e-5)


def test_hsic_does_not_change_when_the_mean_is_subtracted(case):
    geometry, tokens = case
    found = measure("grams", geometry, tokens)
    rows = [tokens["output"][place, 0] for place in ORDER[:BLOCK]]
    other = [tokens["norm1"][place, 0] for place in ORDER[:BLOCK]]
    uncentred = hsic(gram(rows, centred=False), gram(other, centred=False))
    centred = hsic(found["all"][0, 0].astype(np.float64), gram(other, centred=True))
    np.testing.assert_allclose(centred, uncentred, rtol=1e-4)


def test_grams_keep_their_digits_far_from_zero(case):
    """Features that share a mean of 1000: Grams of theirs as they are would have lost all digits (see HSIC above)."""
    geometry, tokens = case
    far = {"output": tokens["output"] + 1000.0}
    near, moved = measure("grams", geometry, tokens), measure("grams", geometry, far)
    np.testing.assert_allclose(moved["all"], near["all"], atol=2e-2)
    assert moved["all-range"][:, :2].min() > 1e3


def test_two_models_of_other_width_and_grid_pair_up(case):
    geometry, tokens = case
    other = Geometry(layers=3, heads=2, prefix=("cls",), rows=2, columns=2, patch=(16, 16))
    wide = {place: np.random.default_rng(5).normal(size=(13, 3, 5, 11)) for place in PLACES}
    one = measure("grams", geometry, tokens, unreadable=UNREADABLE)
    two = measure("grams", other, wide, unreadable=UNREADABLE, batch=BLOCK)
    np.testing.assert_array_equal(one["places"], two["places"])
    np.testing.assert_array_equal(np.isnan(one["all"][0]), np.isnan(two["all"][0]))


def test_a_block_cut_in_two_is_noticed(case):
    geometry, tokens = case
    with pytest.raises(AssertionError):
        measure("grams", geometry, tokens, batch=BLOCK - 2)


def test_vectors_are_the_cls_token_and_the_mean_of_the_patches(case):
    geometry, tokens = case
    found = measure("vectors", geometry, tokens, unreadable=UNREADABLE)
    there = [place for place in ORDER if place not in UNREADABLE]
    assert found["places"].tolist() == there
    assert found["rows"].dtype == np.float16
    kinds = ["cls", "spatial"] if "cls" in geometry.prefix else ["spatial"]
    assert found["rows"].shape == (len(kinds), geometry.layers, len(there), WIDTH)
    for number, kind in enumerate(kinds):
        for layer in range(geometry.layers):
            for row, place in enumerate(there):
                values = tokens["output"][place, layer, kept(geometry, kind)]
                mean = [math.fsum(column) / len(column) for column in values.T]
                np.testing.assert_allclose(found["rows"][number, layer, row], mean, rtol=2**-10)


def test_ratios_of_norms_are_taken_in_each_image(case):
    geometry, tokens = case
    found = measure("residual-norms", geometry, tokens, unreadable=UNREADABLE)
    there = [place for place in ORDER if place not in UNREADABLE]
    kinds = ["all", "cls", "spatial"] if "cls" in geometry.prefix else ["all", "spatial"]
    assert found["mean"].shape == (2, geometry.layers, len(kinds))
    for b, branch in enumerate(("attention", "mlp")):
        for layer in range(geometry.layers):
            for k, kind in enumerate(kinds):
                ratios = [
                    math.sqrt(product(skip, skip)) / math.sqrt(product(added, added))
                    for place in there
                    for skip in [tokens[f"{branch}-skip"][place, layer, kept(geometry, kind)]]
                    for added in [tokens[f"{branch}-branch"][place, layer, kept(geometry, kind)]]
                ]
                mean = math.fsum(ratios) / len(ratios)
                spread = math.sqrt(math.fsum((ratio - mean) ** 2 for ratio in ratios) / (len(ratios) - 1))
                np.testing.assert_allclose(found["mean"][b, layer, k], mean, rtol=1e-5)
                np.testing.assert_allclose(found["std"][b, layer, k], spread, rtol=1e-4)


def test_a_branch_that_is_zero_has_no_ratio(case):
    geometry, tokens = case
    silent = {**tokens, "mlp-branch": tokens["mlp-branch"].copy()}
    silent["mlp-branch"][3, 0] = 0
    found = measure("residual-norms", geometry, silent)
    assert np.isnan(found["mean"][1, 0]).all()
    assert np.isfinite(found["mean"][0]).all()
    assert np.isfinite(found["mean"][1, 1:]).all()


def test_norms_of_patches_and_the_share_that_stands_far_out(case):
    geometry, tokens = case
    first = len(geometry.prefix)
    sink = {"output": tokens["output"].copy()}
    sink["output"][3, :, first] *= 20
    sink["output"][4, :, first + 2] *= 30
    sink["output"][:, :, :first] *= 100  # prefix tokens are no patches
    found = measure("token-norms", geometry, sink)
    for layer in range(geometry.layers):
        norms = np.array([
            [math.sqrt(product(token, token)) for token in sink["output"][place, layer, first:]] for place in ORDER
        ])  # fmt: skip
        share = []
        for image in norms:
            low, high = np.percentile(image, [25, 75])
            share.append(sum(norm > high + 3 * (high - low) for norm in image) / len(image))
        assert sum(share) >= 2 / geometry.patches or geometry.patches == 4  # of four, none is beyond the fence
        np.testing.assert_allclose(found["mean"][layer], norms.mean(0), rtol=1e-5)
        np.testing.assert_allclose(found["median"][layer], np.median(norms, axis=1).mean(), rtol=1e-5)
        np.testing.assert_allclose(found["outliers"][layer], np.mean(share), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found["outliers-std"][layer], np.std(share, ddof=1), rtol=1e-5, atol=1e-7)


def test_equal_norms_have_no_outliers():
    geometry = GEOMETRIES["CLS"]
    found = measure("token-norms", geometry, {"output": np.ones((13, 2, geometry.tokens, WIDTH))})
    assert (found["outliers"] == 0).all()
    np.testing.assert_allclose(found["mean"], math.sqrt(WIDTH), rtol=1e-6)
