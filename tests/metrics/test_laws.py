"""What every metric of the catalog must obey; a new one is tested by being listed there."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
import torch

from vitscope import catalog
from vitscope.batch import Batch, Images
from vitscope.geometry import Geometry
from vitscope.metrics import Setting

GEOMETRY = Geometry(layers=2, heads=3, prefix=("cls", "reg1"), rows=3, columns=4, patch=(8, 8))
CLASSES = 3
CPU = torch.device("cpu")


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
    for layer in range(GEOMETRY.layers):
        for first in range(0, len(places), images):
            group = slice(first, min(first + images, len(places)))
            for start in range(0, GEOMETRY.tokens, queries):
                part = scores[places.start + group.start : places.start + group.stop, layer, :, start : start + queries]
                metric.add(Batch(GEOMETRY, layer, part.softmax(-1), part, start, about(places), group))
    return metric.sums


@pytest.fixture(params=sorted(catalog.METRICS))
def metric(request):
    kind = catalog.load("metric", catalog.METRICS, request.param)
    return lambda: kind(Setting(GEOMETRY, CPU, CLASSES, gallery=6))


def close(left, right):
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_allclose(left[name], right[name], rtol=2e-5, atol=1e-6, err_msg=name)


def test_values_have_the_dims_they_name(metric):
    sums = run(metric(), logits(10), range(10))
    sizes = {
        "layer": 2, "head": 3, "query": None, "key": None, "prefix": 2, "class": 3, "image": 6, "row": 24, "column": 32,
        "channel": 3,
    }  # fmt: skip
    values = type(sums).compute(sums.state())
    assert values.keys() == metric().dims.keys()
    for name, dims in metric().dims.items():
        assert values[name].ndim == len(dims)
        for dim, length in zip(dims, values[name].shape, strict=True):
            assert length == sizes[dim] or (sizes[dim] is None and length in {GEOMETRY.tokens, GEOMETRY.patches})


def test_splitting_images_changes_nothing(metric):
    scores = logits(10)
    whole = run(metric(), scores, range(10))
    algebra = type(whole)
    parts = [run(metric(), scores, range(a, b)).state() for a, b in ((0, 1), (1, 4), (4, 10))]
    close(algebra.compute(reduce(algebra.merge, parts)), algebra.compute(whole.state()))


def test_several_passes_in_one_shard_change_nothing(metric):
    scores = logits(10)
    whole = run(metric(), scores, range(10))
    one = metric()
    for places in (range(3), range(3, 4), range(4, 10)):
        run(one, scores, places)
    close(type(whole).compute(one.sums.state()), type(whole).compute(whole.state()))


@pytest.mark.parametrize(("images", "queries"), [(1, 100), (4, 100), (100, 5), (3, 1), (1, 2)])
def test_cutting_a_pass_into_pieces_changes_nothing(metric, images, queries):
    scores = logits(10)
    whole = run(metric(), scores, range(10))
    cut = run(metric(), scores, range(10), images=images, queries=queries)
    close(type(whole).compute(cut.state()), type(whole).compute(whole.state()))


def test_merge_is_associative_and_no_images_are_neutral(metric):
    scores = logits(10)
    a, b, c = (run(metric(), scores, places).state() for places in (range(2), range(2, 7), range(7, 10)))
    algebra = type(metric().sums)
    left, right = algebra.merge(algebra.merge(a, b), c), algebra.merge(a, algebra.merge(b, c))
    close(algebra.compute(left), algebra.compute(right))
    nothing = metric().sums.state()
    close(algebra.compute(algebra.merge(nothing, a)), algebra.compute(a))
    close(algebra.compute(algebra.merge(a, nothing)), algebra.compute(a))
    assert algebra.images(left) == (6 if "crop" in metric().dims else 10)
    assert algebra.images(nothing) == 0


def test_sums_across_shards_are_float64(metric):
    state = run(metric(), logits(4), range(4)).state()
    merged = type(metric().sums).merge(state, state)
    if "crop" not in metric().dims:
        assert {values.dtype for values in merged.values()} == {np.dtype(np.float64)}


def test_version_and_unit_are_stated(metric):
    assert metric().version >= 1
    assert metric().unit


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
