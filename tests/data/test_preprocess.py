"""From image to crop: the paper's way, timm's way of every model, and what an image set asks for before."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitscope.data.pixels import Unreadable, decode
from vitscope.data.preprocess import Preprocess


@pytest.mark.parametrize("resampling", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["center", "squash"])
@pytest.mark.parametrize(("size", "share"), [((224, 224), 0.9), ((98, 98), 0.875), ((64, 64), 1.0), ((37, 37), 0.95)])
def test_a_models_own_crops_are_those_of_timm(photographs, size, share, mode, resampling):
    from timm.data.transforms_factory import transforms_imagenet_eval

    reference = transforms_imagenet_eval(size, share, mode, interpolation=resampling, normalize=False)
    own = Preprocess(share, resampling, mode == "squash")
    for path in sorted(photographs.iterdir()):
        image = decode(path)
        expected = np.asarray(reference(image)).transpose(1, 2, 0)
        assert np.array_equal(own.apply(image, size), expected)


def test_squeezed_crops_that_are_not_square(photographs):
    from timm.data.transforms_factory import transforms_imagenet_eval

    reference = transforms_imagenet_eval((96, 64), 0.9, "squash", interpolation="bicubic", normalize=False)
    image = decode(photographs / "chelsea.png")
    expected = np.asarray(reference(image)).transpose(1, 2, 0)
    assert np.array_equal(Preprocess(0.9, squeeze=True).apply(image, (96, 64)), expected)


def test_different_steps_have_different_words():
    steps = [
        Preprocess(share, resampling, squeeze, thumbnail)
        for share in (1.0, 0.9, 0.875)
        for resampling in ("bicubic", "bilinear")
        for squeeze in (False, True)
        for thumbnail in (None, 224, 112)
    ]
    assert len({step.words for step in steps}) == len(steps)
    assert Preprocess().words == "short side, bicubic, centre crop"  # of all runs there have ever been


def test_a_thumbnail_comes_before_the_crop(photographs):
    image = decode(photographs / "china.jpg")
    before = np.asarray(image).copy()
    small = Preprocess(thumbnail=112).apply(image, (112, 112))
    width, height = image.size
    shrunk = image.resize((112, round(112 * height / width)), Image.Resampling.LANCZOS, reducing_gap=2.0)
    again = shrunk.resize((int(112 * shrunk.width / shrunk.height), 112), Image.Resampling.BICUBIC)
    left = round((again.width - 112) / 2)
    assert np.array_equal(small, np.asarray(again.crop((left, 0, left + 112, 112))))
    assert np.array_equal(np.asarray(image), before)
    assert not np.array_equal(small, Preprocess().apply(image, (112, 112)))


def test_a_thumbnail_enlarges_nothing():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    assert np.array_equal(Preprocess(thumbnail=60).apply(image, (40, 40)), Preprocess().apply(image, (40, 40)))


def test_nothing_outside_of_a_box_is_looked_at():
    pixels = np.zeros((50, 80, 3), np.uint8)
    pixels[10:30, 20:60] = np.random.default_rng(0).integers(0, 256, (20, 40, 3))
    inside = Image.fromarray(pixels[10:30, 20:60].copy())
    for box in ((20, 10, 60, 30), (19.6, 10.4, 60.4, 29.7)):
        taken = Preprocess(0.9).apply(Image.fromarray(pixels), (16, 16), box)
        assert np.array_equal(taken, Preprocess(0.9).apply(inside, (16, 16)))
    corner = Preprocess().apply(Image.fromarray(pixels), (16, 16), (-5.0, -3.0, 40.2, 20.0))
    assert np.array_equal(corner, Preprocess().apply(Image.fromarray(pixels[:20, :40].copy()), (16, 16)))


@pytest.mark.parametrize("box", [(80.0, 0.0, 90.0, 50.0), (10.0, 10.0, 10.2, 40.0), (30.0, 10.0, 20.0, 40.0)])
def test_a_box_without_a_pixel(box):
    with pytest.raises(Unreadable, match="its box holds no pixel of the image, which is 80 × 50"):
        Preprocess().apply(Image.new("RGB", (80, 50)), (16, 16), box)
