"""What every metric of the catalog must obey; a new one is tested by being listed there.

What is given to metrics of attention can be cut into pieces of any size, to metrics of features into whole blocks.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
import torch

from vitscope import catalog
from vitscope.batch import PLACES, Batch, Features, Images
from vitscope.geometry import Geometry
from vitscope.metrics import Setting
from vitscope.metrics.sums import Mean, Moments

GEOMETRY = Geometry(layers=2, heads=3, prefix=("cls", "reg1"), rows=3, columns=4, patch=(8, 8))
CLASSES = 3
CPU = torch.device("cpu")
WIDTH, BLOCK = 5, 4
OF_FEATURES = [name for name in sorted(catalog.METRICS) if hasattr(catalog.load("metric", catalog.METRICS, name), "at")]
OF_ATTENTION = [name for name in sorted(catalog.METRICS) if name not in OF_FEATURES]


def logits(images: int) -> torch.Tensor:
    """(I, L, H, T, T), different for every image."""
    g = GEOMETRY
    generator = torch.Generator().manual_seed(7)
    return 2 * torch.randn(images, g.layers, g.heads, g.tokens, g.tokens, generator=generator)


def about(places: range) -> Images:
    pixels = torch.arange(len(places), dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 24, 32, 3) + places.start
    labels = torch.tensor([place % CLASSES for place in places])
    return Images(pixels, labels, tuple(places))


def run(metric, scores: torch.Tensor, places: range, *, images: int = 100, queries: int = 100):
    """The metric after one forward pass over `places`, handed over in groups of `images` and slices of `queries`."""
    if hasattr(metric, "at"):
        return look(metric, places)
    for layer in range(GEOMETRY.layers):
        for first in range(0, len(places), images):
            group = slice(first, min(first + images, len(places)))
            for start in range(0, GEOMETRY.tokens, queries):
                part = scores[places.start + group.start : places.start + group.stop, layer, :, start : start + queries]
                metric.add(Batch(GEOMETRY, layer, part.softmax(-1), part, start, about(places), group))
    return metric.sums


def look(metric, places: range):
    """The metric after one forward pass over `places`, at all places of a block."""
    for layer in range(GEOMETRY.layers):
        for number, place in enumerate(PLACES):
            if place in metric.at:
                generator = torch.Generator().manual_seed(100 * layer + number)
                tokens = torch.randn(10, GEOMETRY.tokens, WIDTH, generator=generator)[places.start : places.stop]
                metric.look(Features(GEOMETRY, layer, place, tokens, about(places)))
    return metric.sums


def shard(places: range) -> Setting:
    """What a metric has to know of a shard that goes through `places`."""
    return Setting(GEOMETRY, CPU, CLASSES, tuple(range(6)), WIDTH, frozenset(PLACES), tuple(places), BLOCK)


def loaded(name: str):
    kind = catalog.load("metric", catalog.METRICS, name)
    return lambda places=range(10): kind(shard(places))


@pytest.fixture(params=sorted(catalog.METRICS))
def metric(request):
    """Makes a metric for a shard of some places."""
    return loaded(request.param)


@pytest.fixture(params=OF_ATTENTION)
def of_attention(request):
    return loaded(request.param)


def close(left, right):
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_allclose(left[name], right[name], rtol=2e-5, atol=1e-6, err_msg=name)


def test_values_have_the_dims_they_name(metric):
    sums = run(metric(), logits(10), range(10))
    sizes = {
        "layer": 2, "head": 3, "query": None, "key": None, "prefix": 2, "class": 3, "image": (6, 4), "row": (10, 24),
        "channel": 3, "column": 32, "tokens": (2, 3), "width": 5, "block": 3, "other": 4, "patch": 12, "branch": 2,
    }  # fmt: skip
    values = type(sums).compute(sums.state())
    assert values.keys() == metric().dims.keys()
    for name, dims in metric().dims.items():
        assert values[name].ndim == len(dims)
        for dim, length in zip(dims, values[name].shape, strict=True):
            fitting = (GEOMETRY.tokens, GEOMETRY.patches) if sizes[dim] is None else np.atleast_1d(sizes[dim])
            assert length in fitting


def test_splitting_images_changes_nothing(metric):
    scores = logits(10)
    whole = run(metric(), scores, range(10))
    algebra = type(whole)
    edges = ((0, 4), (4, 8), (8, 10)) if hasattr(metric(), "at") else ((0, 1), (1, 4), (4, 10))
    parts = [run(metric(range(a, b)), scores, range(a, b)).state() for a, b in edges]
    close(algebra.compute(reduce(algebra.merge, parts)), algebra.compute(whole.state()))


def test_several_passes_in_one_shard_change_nothing(metric):
    scores = logits(10)
    whole = run(metric(), scores, range(10))
    one = metric()
    whole_blocks = (range(4), range(4, 8), range(8, 10))
    for places in whole_blocks if hasattr(one, "at") else (range(3), range(3, 4), range(4, 10)):
        run(one, scores, places)
    close(type(whole).compute(one.sums.state()), type(whole).compute(whole.state()))


@pytest.mark.parametrize(("images", "queries"), [(1, 100), (4, 100), (100, 5), (3, 1), (1, 2)])
def test_cutting_a_pass_into_pieces_changes_nothing(of_attention, images, queries):
    scores = logits(10)
    whole = run(of_attention(), scores, range(10))
    cut = run(of_attention(), scores, range(10), images=images, queries=queries)
    close(type(whole).compute(cut.state()), type(whole).compute(whole.state()))


def test_merge_is_associative_and_no_images_are_neutral(metric):
    scores = logits(10)
    edges = (range(4), range(4, 8), range(8, 10))
    a, b, c = (run(metric(places), scores, places).state() for places in edges)
    algebra = type(metric().sums)
    left, right = algebra.merge(algebra.merge(a, b), c), algebra.merge(a, algebra.merge(b, c))
    close(algebra.compute(left), algebra.compute(right))
    nothing = metric(range(0)).sums.state()
    close(algebra.compute(algebra.merge(nothing, a)), algebra.compute(a))
    close(algebra.compute(algebra.merge(a, nothing)), algebra.compute(a))
    assert algebra.images(left) == (6 if "crop" in metric().dims else 10)
    assert algebra.images(nothing) == 0


def test_sums_across_shards_are_float64(metric):
    state = run(metric(range(4)), logits(4), range(4)).state()
    merged = type(metric().sums).merge(state, state)
    if issubclass(metric().adds, Mean | Moments):
        assert {values.dtype for values in merged.values()} == {np.dtype(np.float64)}


def test_version_and_unit_are_stated(metric):
    assert metric().version >= 1
    assert metric().unit
    assert metric().needs


def test_what_is_not_finite_is_noticed(metric):
    """One image of which every number is too large, among images that could not be read."""
    one = metric(range(4))
    state = run(one, logits(4) * 1e30, range(1)).state()
    assert one.sums.sound(state)
    spoilt = {name: values.copy() for name, values in state.items()}
    for name, values in spoilt.items():
        if values.dtype.kind == "f" and name != "count":
            values[...] = np.inf
    assert not one.sums.sound(spoilt)


def test_sums_lose_no_mass():
    """A constant 1/197 of 102,400 images, in shards of 512 (one half-precision sum would stall far below)."""
    mean = catalog.load("metric", catalog.METRICS, "attention").adds
    value = torch.tensor(1 / 197)
    shard = mean((1,), CPU)
    for _ in range(512):
        shard.total += value
        shard.count += 1
    total = reduce(mean.merge, [shard.state()] * 200)
    np.testing.assert_allclose(mean.compute(total)["mean"], value, rtol=1e-5)
    assert mean.images(total) == 102_400
