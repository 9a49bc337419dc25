"""CKA against the worked numbers of the literature, loops over its formulas, its laws, and the published packages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.derive import grams
from vitscope.derive import cka as module
from vitscope.derive.cka import Blocks, Rows, cka, each_with_each, exact, unfolded
from vitscope.errors import ViewError

X = np.array([(1, 0), (0, 1), (1, 1), (2, 0), (0, 3)], dtype=float)
Y = np.array([(1, 2), (0, 1), (1, 0), (3, 1), (1, 4)], dtype=float)
WORKED = -2 / 3 / np.sqrt(2 * 91 / 30)  # HSIC₁ of (X, Y), (X, X) and (Y, Y): −2/3, 2 and 91/30
Z = np.array([(1, 0), (0, 1), (2, 1), (3, 0), (0, 2)], dtype=float)


def blocks(layers, **options) -> Blocks:
    return grams.blocks([np.asarray(layer, dtype=float) for layer in layers], **{"size": 5, **options})


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_the_worked_example():
    xyz = blocks([X, Y, Z])
    vectors = unfolded(xyz, np.ones((1, 5), dtype=bool))
    expected = [[2, -2 / 3, 2.0666667], [-2 / 3, 3.0333333, None], [2.0666667, None, 3.3333333]]
    for i, row in enumerate(expected):
        for j, value in enumerate(row):
            if value is not None:
                assert vectors[i] @ vectors[j] == pytest.approx(value, abs=1e-6)
    assert cka(xyz, xyz)[0] == pytest.approx([1, WORKED, 0.8004166], abs=1e-6)


def test_two_blocks_of_the_worked_example():
    second = X[::-1] * (1, 2) + 1
    one, other = (np.concatenate(parts) for parts in ((X, second), (Y, 3 * Y)))
    assert cka(blocks([one]), blocks([other]))[0, 0] == pytest.approx(-0.2366655, abs=1e-6)
    scaled = cka(blocks([one], ranges=True), blocks([other], ranges=True))[0, 0]
    assert scaled == pytest.approx(-0.25165, abs=1e-5)
    assert scaled == pytest.approx(grams.cka([X, second], [Y, 3 * Y], scaled=True), abs=1e-6)


@pytest.mark.parametrize("changed", [X[:, ::-1], 5 * X, X + 3, X @ [[0.6, 0.8], [-0.8, 0.6]]])
def test_turning_scaling_and_moving_change_nothing(changed):
    assert cka(blocks([X]), blocks([changed]))[0, 0] == pytest.approx(1, abs=1e-6)
    assert cka(blocks([changed]), blocks([Y]))[0, 0] == pytest.approx(WORKED, abs=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), size=st.integers(4, 9), many=st.integers(1, 3), rest=st.integers(0, 8))
def test_all_pairs_equal_the_formula_in_loops(seed, size, many, rest):
    """Product of U-centred matrices = the three terms of HSIC₁, for every pair of layers at once."""
    rng = np.random.default_rng(seed)
    count = size * many + min(rest, size - 1)
    one = [rng.normal(size=(count, width)) @ rng.normal(size=(width, width)) for width in (2, 3)]
    other = [rng.normal(size=(count, 4)) + one[0][:, :1] for _ in range(3)]
    parts = [[[layer[i : i + size] for i in range(0, count, size)] for layer in layers] for layers in (one, other)]
    for scaled in (False, True):
        found = cka(grams.blocks(one, size, ranges=scaled), grams.blocks(other, size, ranges=scaled))
        expected = [[grams.cka(x, y, scaled=scaled) for y in parts[1]] for x in parts[0]]
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_constant_off_the_diagonal_changes_nothing():
    plain = blocks([X, Y])
    moved = Blocks(plain.grams + np.float32(7) * (1 - np.eye(5, dtype=np.float32)), plain.places)
    np.testing.assert_allclose(cka(plain, moved), cka(plain, plain), atol=1e-6)


def test_one_block_is_the_same_with_and_without_its_range():
    np.testing.assert_allclose(cka(blocks([X], ranges=True), blocks([Y], ranges=True))[0, 0], WORKED, atol=1e-6)


def test_nothing_is_cut_to_between_0_and_1():
    values = [cka(grams.blocks([normal(8, 3, seed=s)], 4), grams.blocks([normal(8, 3, seed=s + 99)], 4)).item()
              for s in range(20)]  # fmt: skip
    assert min(values) < 0


def test_the_diagonal_is_one_and_the_matrix_symmetric():
    layers = grams.blocks([normal(64, 7, seed=s) * 10.0 ** (3 * s - 6) for s in range(5)], 32)
    found = cka(layers, layers)
    assert np.abs(np.diagonal(found) - 1).max() < 1e-12
    np.testing.assert_array_equal(found, found.T)
    again = Blocks(layers.grams.copy(), layers.places)
    assert np.abs(np.diagonal(cka(layers, again)) - 1).max() < 1e-12


def test_images_that_one_model_lacks_are_left_out_of_both():
    one, other = normal(10, 3), normal(10, 5, seed=1) + 2
    holed = other.copy()
    holed[[1, 7]] = np.nan
    kept = [[0, 2, 3, 4], [5, 6, 8, 9]]
    found = cka(blocks([one]), blocks([holed])).item()
    assert found == pytest.approx(grams.cka([one[k] for k in kept], [other[k] for k in kept]), abs=1e-5)
    assert cka(blocks([holed]), blocks([one])).item() == pytest.approx(found, abs=1e-12)


def test_blocks_with_fewer_than_four_images_are_left_out():
    one, other = normal(13, 3), normal(13, 4, seed=1)
    expected = grams.cka([one[:5], one[5:10]], [other[:5], other[5:10]])
    assert cka(blocks([one]), blocks([other])).item() == pytest.approx(expected, abs=1e-5)
    holed = one.copy()
    holed[[6, 8]] = np.nan
    alone = grams.cka([one[:5]], [other[:5]])
    assert cka(blocks([holed]), blocks([other])).item() == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("lacking", [(), (3,)])
@pytest.mark.parametrize("ranges", [False, True])
def test_many_models_at_once_equal_pairs(lacking, ranges):
    layers = [normal(12, 4, seed=s) + normal(12, 4) for s in range(4)]
    layers[2][list(lacking)] = np.nan
    single = [blocks([layer], size=6, ranges=ranges) for layer in layers]
    expected = [[cka(one, other).item() for other in single] for one in single]
    np.testing.assert_allclose(each_with_each(single), expected, atol=1e-12)


def test_too_few_images_are_a_sentence():
    with pytest.raises(ViewError, match="no block holds 4 images"):
        cka(blocks([normal(3, 2)]), blocks([normal(3, 2, seed=1)]))
    assert cka(blocks([normal(4, 2)]), blocks([normal(4, 2, seed=1)])).shape == (1, 1)


def test_other_images_are_a_sentence():
    layers = [normal(10, 3)]
    for other in (blocks(layers, order=np.arange(10)[::-1]), blocks(layers, size=8), blocks([normal(11, 3)])):
        with pytest.raises(ViewError, match="same blocks of images"):
            cka(blocks(layers), other)


def test_features_that_do_not_vary_have_no_cka():
    found = cka(blocks([np.ones((5, 2)), X], ranges=True), blocks([Y], ranges=True))
    assert np.isnan(found[0, 0])
    assert found[1, 0] == pytest.approx(WORKED, abs=1e-6)


def rows(values, kept=None) -> Rows:
    stored = np.asarray(values)
    return Rows(lambda start, stop: stored[start:stop], np.arange(len(stored)) if kept is None else np.array(kept))


def kornblith(x: np.ndarray, y: np.ndarray) -> float:
    """Linear CKA by Grams that are centred with the matrix H, as it was published."""
    h = np.eye(len(x)) - 1 / len(x)
    k, l = h @ grams.gram(x) @ h, h @ grams.gram(y) @ h  # noqa: E741
    return np.sum(k * l) / np.sqrt(np.sum(k * k) * np.sum(l * l))


def test_exact_cka_of_the_worked_example():
    assert exact(rows(X), rows(Y)) == pytest.approx((WORKED, 0.5496208), abs=1e-6)
    assert exact(rows(X), rows(Z))[0] == pytest.approx(0.8004166, abs=1e-6)
    same = rows(X)
    assert exact(same, same) == pytest.approx((1, 1), abs=1e-12)


@pytest.mark.parametrize("chunk", [1, 3, 7, 40])
def test_exact_cka_equals_one_block_of_everything_in_any_chunks(monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK", chunk)
    x = normal(30, 6) + 3
    y = x @ normal(6, 9, seed=1) / 3 + normal(30, 9, seed=2)
    unbiased, biased = exact(rows(x), rows(y))
    assert unbiased == pytest.approx(grams.cka([x], [y]), abs=1e-9)
    assert biased == pytest.approx(kornblith(x, y), abs=1e-9)
    kept = [0, 1, 4, 9, 10, 17, 29]
    assert exact(rows(x, kept), rows(y, kept))[0] == pytest.approx(grams.cka([x[kept]], [y[kept]]), abs=1e-9)


def test_exact_cka_of_too_few_or_of_nothing_that_varies():
    with pytest.raises(ViewError, match="needs 4 images or more"):
        exact(rows(X[:3]), rows(Y[:3]))
    assert np.isnan(exact(rows(np.full((9, 2), 0.1, dtype=np.float16)), rows(normal(9, 2)))).all()


@pytest.mark.filterwarnings("default")  # the packages raise deprecation warnings of their own
def test_the_published_packages_agree_where_they_are_right():
    import torch
    from cka.hsic import hsic
    from torch_cka import CKA

    one = [normal(8, 6, seed=s) for s in (0, 1)]
    other = [x @ normal(6, 5, seed=9) + normal(8, 5, seed=s + 5) / 2 for s, x in enumerate(one)]
    found = cka(grams.blocks([np.concatenate(one)], 8), grams.blocks([np.concatenate(other)], 8)).item()
    assert 0 < found < 1
    comparer = CKA(torch.nn.Identity(), torch.nn.Sequential(), "one", "other", [""], [""])
    terms = [
        [comparer._HSIC(*(torch.tensor(_hollow(grams.gram(z)), dtype=torch.float32) for z in pair))
         for pair in ((x, y), (x, x), (y, y))]
        for x, y in zip(one, other, strict=True)
    ]  # fmt: skip
    cross, own, others = np.mean(terms, axis=0)
    assert cross / np.sqrt(own * others) == pytest.approx(found, abs=1e-4)
    pairs = [[torch.tensor(grams.gram(z))[None] for z in pair] for pair in zip(one, other, strict=True)]
    cross, own, others = np.mean([[float(term) for term in hsic(*pair)] for pair in pairs], axis=0)
    assert cross / np.sqrt(own * others) == pytest.approx(found, abs=1e-5)


def _hollow(gram: np.ndarray) -> np.ndarray:
    return gram * (1 - np.eye(len(gram)))
