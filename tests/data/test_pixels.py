"""Every kind of image file becomes the same RGB picture, and nothing worse than Unreadable happens."""

from __future__ import annotations

import io
import os
import pickle
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests import makers
from vitscope.data.pixels import FORMATS, STRIP, Unreadable, crop, decode


@pytest.mark.parametrize("name", makers.IN_COLOUR)
def test_colours_survive_every_format(tmp_path, name):
    makers.IN_COLOUR[name](tmp_path / name)
    image = decode(tmp_path / name)
    assert (image.mode, image.size) == ("RGB", (makers.WIDTH, makers.HEIGHT))
    assert np.abs(makers.corners(image) - makers.CORNERS).max() <= 6


def test_lab_is_colour_too(tmp_path):
    makers.lab(tmp_path / "lab.tif")
    assert np.abs(makers.corners(decode(tmp_path / "lab.tif")) - makers.CORNERS).max() <= 30


@pytest.mark.parametrize("name", makers.IN_GREY)
def test_greys_of_every_depth_keep_their_brightness(tmp_path, name):
    makers.IN_GREY[name](tmp_path / name)
    image = decode(tmp_path / name)
    assert (image.mode, image.size) == ("RGB", (makers.WIDTH, makers.HEIGHT))
    assert np.abs(makers.corners(image) - np.array([[0], [80], [160], [255]])).max() <= 2


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    values = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(values).save(tmp_path / "ramp.png")
    assert np.array_equal(np.asarray(decode(tmp_path / "ramp.png"))[..., 0], np.rint(values / 257))


def test_holes_in_float_images_are_black(tmp_path):
    values = np.array([[np.nan, 0.0, np.inf], [1.0, 0.5, -np.inf]], np.float32)
    Image.fromarray(values).save(tmp_path / "holes.tif")
    assert np.asarray(decode(tmp_path / "holes.tif"))[..., 0].tolist() == [[0, 0, 0], [255, 128, 0]]


def test_an_even_float_image_is_no_division_by_zero(tmp_path):
    Image.fromarray(np.full((4, 4), -3.0, np.float32)).save(tmp_path / "even.tif")
    assert np.asarray(decode(tmp_path / "even.tif")).max() == 0


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_transparency_is_seen_over_white(tmp_path, suffix):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 51]]], np.uint8).repeat(4, axis=0)
    path = tmp_path / f"alpha.{suffix}"
    Image.fromarray(pixels).save(path, **({"lossless": True, "exact": True} if suffix == "webp" else {}))
    assert np.asarray(decode(path))[0].tolist() == [[10, 20, 30], [255, 255, 255], [204, 204, 204]]


def test_grey_with_alpha_is_seen_over_white(tmp_path):
    Image.fromarray(np.array([[[100, 255], [100, 0], [0, 51]]], np.uint8), "LA").save(tmp_path / "la.png")
    assert np.asarray(decode(tmp_path / "la.png"))[0, :, 0].tolist() == [100, 255, 204]


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    for name, transparency in {"one.png": 1, "each.png": bytes([255, 0])}.items():
        image.save(tmp_path / name, transparency=transparency)
        assert np.asarray(decode(tmp_path / name))[0].tolist() == [[10, 20, 30], [255, 255, 255]]


@pytest.mark.parametrize(("mode", "transparency"), [("L", 7), ("RGB", (7, 7, 7)), ("1", 0)])
def test_a_transparent_colour_without_a_palette_is_white(tmp_path, mode, transparency):
    image = Image.new(mode, (2, 1), {"1": 1}.get(mode, "#404040"))
    image.putpixel((1, 0), transparency)
    image.save(tmp_path / "key.png", transparency=transparency)
    assert np.asarray(decode(tmp_path / "key.png"))[0, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path, suffix, orientation):
    path = tmp_path / f"turned.{suffix}"
    stored = makers.turned(path, orientation)
    assert np.array_equal(np.asarray(decode(path)), makers.quadrants())
    if suffix != "tif":
        assert np.array_equal(np.asarray(decode(path, orient=False)), stored)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpegs_are_turned_as_pillow_turns_them(tmp_path, orientation):
    makers.turned(tmp_path / "turned.jpg", orientation)
    with Image.open(tmp_path / "turned.jpg") as image:
        assert np.array_equal(np.asarray(decode(tmp_path / "turned.jpg")), np.asarray(ImageOps.exif_transpose(image)))


def test_deep_images_are_turned_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.array([[0, 65535]], np.uint16)).save(tmp_path / "deep.png", exif=exif)
    assert np.asarray(decode(tmp_path / "deep.png"))[..., 0].tolist() == [[0], [255]]


def test_a_damaged_tag_leaves_the_pixels_alone(tmp_path, capfd):
    for count, exif in enumerate(
        [b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12"]
    ):
        makers.colour().save(tmp_path / f"{count}.jpg", exif=exif, quality=95)
        assert decode(tmp_path / f"{count}.jpg").size == (makers.WIDTH, makers.HEIGHT)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", b"", "the file is empty"),
        ("text.jpg", b"Not an image at all.", "no image, or its header is damaged"),
        ("drawing.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image, or its header is damaged"),
        ("head.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", "the file is cut short"),
        ("head.png", b"\x89PNG\r\n\x1a\n", "no image, or its header is damaged"),
    ],
)
def test_what_is_no_image_is_said_so(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable) as caught:
        decode(tmp_path / name)
    assert caught.value.reason == reason


def test_what_cannot_be_opened_is_said_so(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name, reason in {"missing.png": "no such file or directory", "folder.png": "is a directory"}.items():
        with pytest.raises(Unreadable, match=reason):
            decode(tmp_path / name)


@pytest.mark.parametrize("name", [*makers.IN_COLOUR, *makers.IN_GREY])
def test_a_file_cut_in_half_is_unreadable(tmp_path, name, capfd):
    {**makers.IN_COLOUR, **makers.IN_GREY}[name](tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    kept = len(whole) // 2 if name not in {"pages.tif", "pictures.jpg", "animated.png", "gif.png"} else 100
    (tmp_path / name).write_bytes(whole[:kept])
    with pytest.raises(Unreadable) as caught:
        decode(tmp_path / name)
    assert 0 < len(caught.value.reason) < 120
    assert capfd.readouterr().err == ""


def test_a_photograph_cut_short_says_so(tmp_path, photographs):
    (tmp_path / "cut.jpg").write_bytes((photographs / "rocket.jpg").read_bytes()[:50_000])
    with pytest.raises(Unreadable, match="the file is cut short"):
        decode(tmp_path / "cut.jpg")


def test_damage_anywhere_is_unreadable_or_an_image(tmp_path, capfd):
    generator = np.random.default_rng(0)
    path = tmp_path / "damaged"
    for name, write in {**makers.IN_COLOUR, **makers.IN_GREY}.items():
        write(tmp_path / name)
        whole = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
        for _ in range(12):
            damaged = whole.copy()
            places = generator.integers(0, min(len(whole), 400), 4)
            damaged[places] = generator.integers(0, 256, 4)
            path.write_bytes(damaged.tobytes())
            try:
                assert decode(path).mode == "RGB"
            except Unreadable as error:
                assert error.reason
        assert capfd.readouterr().err == "" or name.endswith(("tif", "tiff"))  # libtiff prints by itself


def test_bombs_are_refused_without_decoding(tmp_path):
    for width, height in ((20_000, 20_000), (2_000_000_000, 2_000_000_000), (178_956_971, 1)):
        makers.claim_png(tmp_path / "bomb.png", width, height)
        with pytest.raises(Unreadable, match="too large"):
            decode(tmp_path / "bomb.png")


def test_large_images_bring_no_warning(tmp_path, monkeypatch):
    makers.colour().save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", makers.WIDTH * makers.HEIGHT - 1)
    assert decode(tmp_path / "large.png").size == (makers.WIDTH, makers.HEIGHT)


def test_threads_leave_the_warning_filters_as_they_were(tmp_path, monkeypatch):
    makers.colour().save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", makers.WIDTH * makers.HEIGHT - 1)
    before, errors = list(warnings.filters), []

    def work():
        try:
            for _ in range(40):
                decode(tmp_path / "large.png")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(warnings.filters) == before


def test_every_format_is_one_that_pillow_has():
    Image.init()
    assert set(FORMATS) <= set(Image.OPEN)


def test_a_name_that_is_not_unicode_is_read(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    image = io.BytesIO()
    makers.colour().save(image, "PNG")
    try:
        (tmp_path / name).write_bytes(image.getvalue())
    except OSError:
        assert sys.platform == "darwin"  # whose file systems only take Unicode
    else:
        assert decode(tmp_path / name).size == (makers.WIDTH, makers.HEIGHT)


def test_the_reason_passes_between_processes():
    error = pickle.loads(pickle.dumps(Unreadable("the file is empty")))
    assert (str(error), error.reason) == ("the file is empty", "the file is empty")


@pytest.mark.parametrize("side", [37, 224, 518])
def test_square_crops_are_those_of_torchvision(photographs, side):
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    reference = Compose([Resize(side, InterpolationMode.BICUBIC), CenterCrop(side)])
    for path in sorted(photographs.iterdir()):
        image = decode(path)
        assert np.array_equal(crop(image, (side, side)), np.asarray(reference(image)))


@settings(max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40))
def test_square_crops_of_any_shape_are_those_of_torchvision(width, height, side):
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    if max(width, height) > STRIP * min(width, height):
        return
    pixels = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    reference = Compose([Resize(side, InterpolationMode.BICUBIC), CenterCrop(side)])
    assert np.array_equal(crop(image, (side, side)), np.asarray(reference(image)))


@settings(max_examples=60)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 30), st.integers(1, 30))
def test_crops_have_the_shape_asked_for(width, height, rows, columns):
    taken = crop(Image.new("RGB", (width, height), (9, 8, 7)), (rows, columns))
    assert (taken.shape, taken.dtype, taken.flags.writeable) == ((rows, columns, 3), np.uint8, True)
    assert (taken == (9, 8, 7)).all()


def test_a_wide_crop_takes_the_whole_width_and_the_middle_of_the_height():
    image = makers.colour().resize((64, 48), Image.Resampling.NEAREST)
    taken = crop(image, (16, 64))
    assert np.array_equal(taken, np.asarray(image)[16:32])


def test_long_strips_take_the_same_pixels_without_the_memory():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 300, 3), dtype=np.uint8)
    for image in (Image.fromarray(pixels), Image.fromarray(pixels.swapaxes(0, 1).copy())):
        whole = (24, 2400) if image.width < image.height else (2400, 24)
        resized = np.asarray(image.resize(whole, Image.Resampling.BICUBIC)).astype(int)
        middle = resized[1188:1212] if image.width < image.height else resized[:, 1188:1212]
        assert np.abs(crop(image, (24, 24)) - middle).mean() <= 0.5
    assert crop(Image.new("RGB", (1, 60_000)), (224, 224)).shape == (224, 224, 3)
