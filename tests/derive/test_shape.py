"""The measurements behind the head tags, against what they are defined as, and heads at the edge of what there is."""

from __future__ import annotations

import numpy as np
import pytest

from vitscope.derive import shape
from vitscope.derive.aligned import aligned
from vitscope.derive.heads import profile, tags
from vitscope.geometry import Geometry


def grid(rows: int, columns: int, prefix: tuple[str, ...] = ("cls",)) -> Geometry:
    return Geometry(layers=1, heads=1, prefix=prefix, rows=rows, columns=columns, patch=(16, 16))


@pytest.fixture(params=[(4, 4), (3, 5), (1, 6), (6, 1)], ids=str)
def geometry(request) -> Geometry:
    return grid(*request.param)


@pytest.fixture
def spatial(geometry) -> np.ndarray:
    weight = np.random.default_rng(1).random((2, 3, geometry.patches, geometry.patches)) ** 3
    return weight / weight.sum(axis=-1, keepdims=True)


def whole(spatial: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Ā without prefix attention around R̄."""
    mean = np.zeros((*spatial.shape[:2], geometry.tokens, geometry.tokens))
    first = len(geometry.prefix)
    mean[..., first:, first:] = spatial
    mean[..., :first, :] = 1 / geometry.tokens
    return mean


def test_shuffled_is_the_mean_over_all_ways_to_deal_out_the_maps(spatial, geometry):
    total = sum(aligned(np.roll(spatial, shift, axis=-2), geometry) for shift in range(geometry.patches))
    background = shape.shuffled(spatial.mean(axis=-2), geometry)
    np.testing.assert_allclose(background, total / geometry.patches, atol=1e-12)
    np.testing.assert_allclose(background.sum(axis=(-2, -1)), 1)


def test_attention_that_ignores_the_query_has_no_local_part(spatial, geometry):
    same = np.broadcast_to(spatial.mean(axis=-2, keepdims=True), spatial.shape)
    background = shape.shuffled(same.mean(axis=-2), geometry)
    np.testing.assert_allclose(aligned(same, geometry), background, atol=1e-12)
    np.testing.assert_allclose(shape.local_part(aligned(same, geometry), background, geometry), 0, atol=1e-12)
    np.testing.assert_allclose(profile(whole(same, geometry), same, geometry).reach, 1)


def test_mean_length(geometry):
    density = np.zeros((2 * geometry.rows - 1, 2 * geometry.columns - 1))
    density[0, -1] = 0.5  # all rows up, all columns right
    density[geometry.rows - 1, geometry.columns - 1] = 0.5
    up, right = geometry.rows - 1, geometry.columns - 1
    assert shape.mean_length(density, geometry) == pytest.approx(np.hypot(up, right) / 2)
    assert shape.mean_length(density, geometry, "right") == right / 2
    assert shape.mean_length(density, geometry, "down") == up / 2


def test_core_of_a_few_cells():
    geometry = grid(4, 4)
    local = np.zeros((7, 7))
    local[3, 3], local[3, 4], local[3, 5], local[0, 0] = 2, 4, 2, 0.3
    core = shape.core(local, 0.1, geometry)
    assert core.own == 0.25
    np.testing.assert_allclose(core.centre, [1, 0])
    np.testing.assert_allclose(core.extent, np.sqrt([0.5 + 1 / 12, 1 / 12]))
    assert core.lean == 1
    assert shape.core(local, 0.05, geometry).lean < 1


def test_arms_of_a_cross_and_of_a_blob():
    geometry = grid(9, 9)
    down, right = np.indices((17, 17)) - 8
    share, unlike = shape.arms(np.exp(-(down**2) / 6 - right**2 / 2), geometry)
    assert unlike == pytest.approx(1)
    assert 0 < share < 0.5
    share, unlike = shape.arms(((down == 0) | (right == 0)).astype(float), geometry)
    assert share == pytest.approx(28 / 33)
    assert unlike > 1.5


def test_few():
    geometry = grid(5, 5)
    spatial = np.full((1, 1, 25, 25), 0.2 / 23)
    spatial[..., [6, 18]] = 0.4
    few = shape.few(spatial, spatial.mean(axis=-2), 4, geometry)
    np.testing.assert_allclose(few.share, 0.8)
    np.testing.assert_allclose(few.shared, 1)
    assert few.apart > 0.9
    spatial[..., :13, 6], spatial[..., :13, 18] = 0.8, 0.0  # the first half of the queries prefers the one,
    spatial[..., 13:, 6], spatial[..., 13:, 18] = 0.0, 0.8  # the second the other
    few = shape.few(spatial, spatial.mean(axis=-2), 4, geometry)
    np.testing.assert_allclose(few.share, 0.8)
    np.testing.assert_allclose(few.shared, 0.5, atol=0.03)


def test_grids_of_one_row_one_column_and_one_patch(geometry, spatial):
    for shown, maps in ((geometry, spatial), (grid(1, 1), np.ones((1, 1, 1, 1)))):
        scores = profile(whole(maps, shown), maps, shown)
        assert np.isfinite(scores.reach).all()
        assert all(len(found) <= 2 for layer in tags(scores) for found in layer)


@pytest.mark.parametrize("prefix", [(), ("cls",), ("cls", "dist"), ("reg1", "reg2")])
def test_sinks_are_named(prefix):
    geometry = grid(3, 4, prefix)
    spatial = np.full((1, 1, 12, 12), 1 / 12)
    for token, name in enumerate([*prefix, "1,1", "1,2"]):
        mean = np.full((1, 1, geometry.tokens, geometry.tokens), 0.3 / (geometry.tokens - 1))
        mean[..., token] = 0.7
        sinks = [tag for tag in tags(profile(mean, spatial, geometry))[0][0] if tag.name == "sink"]
        assert [(tag.detail, str(tag)) for tag in sinks] == [(name, f"sink {name}")]
        assert sinks[0].score == pytest.approx(0.7)


def test_a_head_without_spatial_attention_is_only_a_sink():
    geometry = grid(4, 4)
    mean = np.zeros((1, 1, 17, 17))
    mean[..., 0] = 1
    (found,) = tags(profile(mean, np.zeros((1, 1, 16, 16)), geometry))[0]
    assert [str(tag) for tag in found] == ["sink cls"]


def test_numbers_that_do_not_exist_give_no_tags():
    geometry = grid(4, 4)
    mean, spatial = np.full((1, 1, 17, 17), np.nan), np.full((1, 1, 16, 16), np.nan)
    assert tags(profile(mean, spatial, geometry)) == [[[]]]
