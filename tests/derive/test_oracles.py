"""Every derived number against the loops of tests/oracles.py, and identities that hold whatever the attention."""

from __future__ import annotations

import numpy as np
import pytest

from tests import oracles
from vitscope.derive.aligned import aligned, coverage
from vitscope.derive.average import MODES, average
from vitscope.derive.distance import mean_distance, uniform_distance
from vitscope.derive.offset import magnitude, offset
from vitscope.derive.query import patches, query_row
from vitscope.errors import ViewError
from vitscope.geometry import Geometry, positions


def grid(rows: int, columns: int, prefix: tuple[str, ...] = ("cls",), layers: int = 2, heads: int = 2) -> Geometry:
    return Geometry(layers=layers, heads=heads, prefix=prefix, rows=rows, columns=columns, patch=(16, 16))


GRIDS = {
    "square": grid(4, 4),
    "wide": grid(3, 5),
    "tall, registers": grid(5, 2, ("cls", "reg1", "reg2")),
    "distilled": grid(3, 3, ("cls", "dist")),
    "no cls": grid(3, 4, ()),
    "registers alone": grid(2, 4, ("reg1", "reg2")),
    "one row": grid(1, 4),
}


@pytest.fixture(params=GRIDS.values(), ids=GRIDS.keys())
def geometry(request) -> Geometry:
    return request.param


@pytest.fixture
def attention(geometry) -> np.ndarray:
    return oracles.photographs(geometry, images=3, seed=geometry.tokens)


def means(attention: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Ā and R̄ as the cache holds them, float32."""
    return (
        oracles.mean_attention(attention).astype(np.float32),
        oracles.mean_spatial(attention, geometry).astype(np.float32),
    )


def close(actual: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("mode", MODES)
def test_average(mode, attention, geometry):
    if mode == "cls" and "cls" not in geometry.prefix:
        with pytest.raises(ViewError, match="no CLS token"):
            average(mode, *means(attention, geometry), geometry)
    else:
        close(average(mode, *means(attention, geometry), geometry), oracles.average(mode, attention, geometry))


def test_aligned(attention, geometry):
    spatial = means(attention, geometry)[1]
    close(aligned(spatial, geometry), oracles.aligned(attention, geometry))
    close(aligned(spatial, geometry, corrected=True), oracles.aligned_corrected(attention, geometry))


def test_distance(attention, geometry):
    spatial = means(attention, geometry)[1]
    close(mean_distance(spatial, geometry), oracles.mean(oracles.distance(attention, geometry)))


def test_offset(attention, geometry):
    spatial = means(attention, geometry)[1]
    expected = oracles.offset(attention, geometry)
    np.testing.assert_allclose(offset(spatial, geometry), expected, rtol=1e-5, atol=1e-6)
    close(magnitude(expected), np.array([[np.hypot(x, y) for x, y in layer] for layer in expected]))


def test_null_rows_give_no_distance_and_no_displacement():
    geometry = grid(3, 4)
    attention = oracles.photographs(geometry)
    attention[:, 0, 0, 3] = 0  # one patch of the first head looks at CLS alone, in every image
    attention[:, 0, 0, 3, 0] = 1
    attention[:, 1, 1] = 0  # a head where all do
    attention[:, 1, 1, :, 0] = 1
    spatial = means(attention, geometry)[1]
    close(aligned(spatial, geometry), oracles.aligned(attention, geometry))
    close(mean_distance(spatial, geometry), oracles.mean(oracles.distance(attention, geometry)))
    np.testing.assert_allclose(offset(spatial, geometry), oracles.offset(attention, geometry), rtol=1e-5, atol=1e-6)
    assert aligned(spatial, geometry)[0, 0].sum() == pytest.approx(1 - 1 / geometry.patches)
    assert mean_distance(spatial, geometry)[1, 1] == 0
    assert (offset(spatial, geometry)[1, 1] == 0).all()


def test_what_a_query_gives_and_receives(attention, geometry):
    mean, first = means(attention, geometry)[0], len(geometry.prefix)
    everywhere = range(first, geometry.tokens)
    for layer, head, key in np.ndindex(geometry.layers, geometry.heads, geometry.tokens):
        given, received = mean[layer, head], mean[layer, head].T
        for one in (given, received):
            spatial = np.mean([one[query, key] for query in everywhere], dtype=float)
            assert query_row(one, "spatial", geometry)[key] == pytest.approx(spatial, rel=1e-6)
            last = (geometry.rows - 1, geometry.columns - 1)
            assert query_row(one, last, geometry)[key] == one[-1, key]
            if "cls" in geometry.prefix:
                assert query_row(one, "cls", geometry)[key] == one[geometry.prefix.index("cls"), key]
            if geometry.prefix:
                assert query_row(one, "register", geometry)[key] == one[0, key]


def test_patches_lie_row_by_row(attention, geometry):
    tokens = means(attention, geometry)[0][..., 0, :]
    found, first = patches(tokens, geometry), len(geometry.prefix)
    for row, column in np.ndindex(geometry.rows, geometry.columns):
        key = first + row * geometry.columns + column
        np.testing.assert_array_equal(found[..., row, column], tokens[..., key])


def test_rows_of_any_leading_shape():
    geometry = grid(3, 4)
    image = oracles.photographs(geometry)[0].astype(np.float16)
    for attention, shape in ((image[1, 0], ()), (image[None], (1, 2, 2))):
        row = query_row(attention, (2, 3), geometry)
        assert (row.shape, row.dtype) == ((*shape, geometry.tokens), np.float64)
        assert patches(row, geometry).shape == (*shape, 3, 4)


# Identities, and constants worked out by hand.


def test_aligned_sums_to_one_and_is_the_triangle_for_uniform_attention(attention, geometry):
    spatial = means(attention, geometry)[1]
    np.testing.assert_allclose(aligned(spatial, geometry).sum(axis=(-2, -1)), 1, rtol=1e-6)
    patches = geometry.patches
    uniform = np.full((1, 1, patches, patches), 1 / patches, np.float32)
    for down in range(1 - geometry.rows, geometry.rows):
        for right in range(1 - geometry.columns, geometry.columns):
            expected = (geometry.rows - abs(down)) * (geometry.columns - abs(right)) / patches**2
            cell = aligned(uniform, geometry)[0, 0, down + geometry.rows - 1, right + geometry.columns - 1]
            assert cell == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(aligned(uniform, geometry)[0, 0] * patches, coverage(geometry), rtol=1e-6)
    np.testing.assert_allclose(aligned(uniform, geometry, corrected=True) * patches, 1, rtol=1e-6)


@pytest.mark.parametrize(("right", "down"), [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)])
def test_offset_of_a_head_that_looks_at_a_neighbour(right, down):
    geometry = grid(7, 7)
    spatial, having = np.zeros((1, 1, 49, 49)), 0
    for row, column in np.ndindex(7, 7):
        inside = 0 <= row + down < 7 and 0 <= column + right < 7
        having += inside
        key = (row + down) * 7 + column + right if inside else row * 7 + column
        spatial[0, 0, row * 7 + column, key] = 1
    step, share = 1 / 6, having / 49
    np.testing.assert_allclose(offset(spatial, geometry)[0, 0], [right * step * share, down * step * share], atol=1e-12)


def test_offset_of_symmetric_attention_is_zero(geometry):
    patches, place = geometry.patches, positions(geometry)
    uniform = np.full((patches, patches), 1 / patches)
    near = np.exp(-np.linalg.norm(place[:, None] - place[None], axis=-1) * 4)
    near /= near.sum()  # symmetric as a matrix, so that each displacement is met by its opposite
    np.testing.assert_allclose(offset(np.stack([uniform, near])[None], geometry), 0, atol=1e-12)


@pytest.mark.parametrize(("edge", "constant"), [(7, 0.6016), (14, 0.5601), (16, 0.5551), (24, 0.5436), (28, 0.5404)])
def test_distance_of_uniform_and_identical_attention(edge, constant):
    geometry = grid(edge, edge)
    assert round(uniform_distance(geometry), 4) == constant
    uniform = np.full((1, 1, edge**2, edge**2), 1 / edge**2, np.float32)
    assert mean_distance(uniform, geometry)[0, 0] == pytest.approx(uniform_distance(geometry), rel=1e-6)
    assert mean_distance(np.eye(edge**2, dtype=np.float32)[None, None], geometry)[0, 0] == 0


def test_averages_add_up(attention, geometry):
    mean, spatial = means(attention, geometry)
    first = len(geometry.prefix)
    for mode in MODES:
        if mode != "cls" or "cls" in geometry.prefix:
            np.testing.assert_allclose(average(mode, mean, spatial, geometry).sum(axis=-1), 1, rtol=1e-5)
    assert (average("pure", mean, spatial, geometry)[..., :first] == 0).all()
    if geometry.prefix == ("cls",):
        parts = average("cls", mean, spatial, geometry) + geometry.patches * average("spatial", mean, spatial, geometry)
        np.testing.assert_allclose(average("all", mean, spatial, geometry), parts / geometry.tokens, rtol=1e-6)


@pytest.mark.parametrize(("edge", "token"), [(14, 91), (7, 25), (16, 120), (28, 378)])
def test_the_centre_token(edge, token):
    geometry = grid(edge, edge)
    assert geometry.token(*geometry.centre()) == token


def test_memory_mapped_matrices(tmp_path):
    geometry = grid(3, 4)
    mean, spatial = means(oracles.photographs(geometry), geometry)
    np.save(tmp_path / "mean.npy", mean)
    np.save(tmp_path / "spatial.npy", spatial)
    mapped = np.load(tmp_path / "mean.npy", mmap_mode="r")
    mapped_spatial = np.load(tmp_path / "spatial.npy", mmap_mode="r")
    for mode in MODES:
        expected = average(mode, mean, spatial, geometry)
        np.testing.assert_array_equal(average(mode, mapped, mapped_spatial, geometry), expected)
    np.testing.assert_array_equal(aligned(mapped_spatial, geometry), aligned(spatial, geometry))
    np.testing.assert_array_equal(offset(mapped_spatial, geometry), offset(spatial, geometry))
    np.testing.assert_array_equal(query_row(mapped, "spatial", geometry), query_row(mean, "spatial", geometry))


def test_modes_say_what_they_need():
    geometry = grid(2, 2)
    with pytest.raises(ViewError, match="no averaging mode is called 'mean'"):
        average("mean", None, None, geometry)
    with pytest.raises(ViewError, match="'pure' needs spatial attention"):
        average("pure", np.zeros((1, 1, 5, 5)), None, geometry)
    with pytest.raises(ViewError, match="'all' needs attention"):
        average("all", None, np.zeros((1, 1, 4, 4)), geometry)
