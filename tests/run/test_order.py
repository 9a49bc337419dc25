"""The order of a pass: for good, and the same for every model."""

from __future__ import annotations

import numpy as np
import pytest

from tests.run import jobs
from vitscope.data.images import read
from vitscope.run.order import LISTED, SHUFFLED, named, places


def splitmix(place: int) -> int:
    """The hash in Python's own whole numbers."""
    mask = (1 << 64) - 1
    value = (place + 1) * 0x9E3779B97F4A7C15 & mask
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
    value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
    return value ^ value >> 31


@pytest.mark.parametrize("images", [0, 1, 2, 31, 1000])
def test_the_shuffled_order_is_a_fixed_permutation(images):
    order = places(SHUFFLED, images)
    assert order.dtype == np.int64
    assert order.tolist() == sorted(range(images), key=splitmix)


def test_classes_are_mixed():
    """5000 images in 50 classes: a block of 32 holds about 24 of them, never one or two as in the listed order."""
    classes = [len(set(block)) for block in (places(SHUFFLED, 4992) // 100).reshape(-1, 32)]
    assert min(classes) > 15
    assert 22 < np.mean(classes) < 26


def test_the_hash_is_that_of_splitmix64():
    """The first number that the published generator gives from the seed 0."""
    assert splitmix(0) == 0xE220A8397B1DCDAF


def test_protocols():
    assert named("corrected") == SHUFFLED
    assert named("paper") == LISTED
    assert places(LISTED, 5).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("protocol", "block"), [("corrected", 32), ("paper", 8)])
def test_models_of_other_width_and_grid_pair_up(pictures, tmp_path, protocol, block):
    """And one image cannot be read: the same rows are missing everywhere."""
    folder = tmp_path / "pictures"
    jobs.pictures(folder, 41)
    (folder / "010.png").write_bytes(b"nothing")
    found = []
    metrics = ("grams", "vectors", "token-norms")
    for model in ("random/test_vit", "random/test_vit2", "random/test_vit_relpos"):
        asked = jobs.request(folder, model=model, protocol=protocol, metrics=metrics)
        run = jobs.measured(asked, tmp_path / "cache")[1]
        assert run.spec.order == named(protocol)
        assert run.spec.gram_images == block
        found.append(run)
    one = found[0]
    blocks = one.array("grams", "places")
    assert blocks.shape == (-(-41 // block), block)
    assert blocks.ravel()[:41].tolist() == places(named(protocol), 41).tolist()
    assert (blocks.ravel()[41:] == -1).all()
    gone = (blocks == 10) | (blocks == -1)
    for run in found:
        np.testing.assert_array_equal(run.array("grams", "places"), blocks)
        grams = run.array("grams", "all")
        assert grams.shape[1:] == (*blocks.shape, block)
        for layer in grams:
            np.testing.assert_array_equal(np.isnan(layer), gone[:, :, None] | gone[:, None, :])
        assert run.result("grams").images == run.result("token-norms").images == 40
        assert ("cls" in run.result("grams").arrays) == ("cls" in run.geometry.prefix)


def test_images_given_are_measured_instead_of_those_in_the_folder(pictures, tmp_path):
    from vitscope.run.extract import extract
    from vitscope.spec import Resources
    from vitscope.store.reader import load_run

    asked, some = jobs.request(pictures, metrics=("vectors", "gallery"), gallery=9), read(pictures, limit=5)
    report = extract(asked, Resources(device="cpu"), tmp_path, jobs.Listener(), images=some)
    assert (report.images, report.used) == (5, 5)
    assert load_run(report.folder).spec.images == some.fingerprint
    same = jobs.measured(jobs.request(pictures, metrics=("vectors", "gallery"), gallery=9, limit=5), tmp_path)[0]
    assert same.folder == report.folder
    assert same.measured == []
