"""DAVIS-2017: videos with a mask for every frame, and masks that programs have changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays
from PIL import Image

from tests.data import trees
from vitscope.data import davis
from vitscope.errors import DataError, UnknownName


def test_the_order_of_videos_is_that_of_the_list(tmp_path):
    root = trees.davis(tmp_path, {"zebra": 2, "ape": 3})
    zebra, ape = davis.read(root)
    assert (zebra.name, ape.name) == ("zebra", "ape")
    assert [path.name for path in ape.frames] == ["00000.jpg", "00001.jpg", "00002.jpg"]
    assert [path.name for path in ape.masks] == ["00000.png", "00001.png", "00002.png"]
    assert [one.name for one in davis.read(root, sequences=("ape", "zebra"))] == ["zebra", "ape"]
    assert davis.read(root, sequences=["ape"]) == (ape,)
    with pytest.raises(UnknownName, match=r"no video is called 'appe'\. Did you mean ape\?"):
        davis.read(root, sequences=["appe"])
    assert [record.name for record in davis.images(root, limit=3).records] == [
        *(f"JPEGImages/480p/zebra/{number:05d}.jpg" for number in range(2)),
        "JPEGImages/480p/ape/00000.jpg",
    ]


def test_the_folder_above(tmp_path):
    trees.davis(tmp_path / "DAVIS", {"ape": 1})
    assert davis.read(tmp_path)[0].frames[0] == tmp_path / "DAVIS/JPEGImages/480p/ape/00000.jpg"


def test_leftovers_are_no_frames(tmp_path):
    root = trees.davis(tmp_path, {"ape": 2})
    trees.write(root / "JPEGImages" / "480p" / "ape" / ".DS_Store", "")
    trees.write(root / "JPEGImages" / "480p" / "ape" / "._00000.jpg", "")
    trees.write(root / "JPEGImages" / "480p" / "ape" / "notes.txt", "")
    trees.write(root / "ImageSets" / "2017" / "val.txt", "\r\n ape \r\n\nape\n")
    assert [len(one.frames) for one in davis.read(root)] == [2]


def test_a_tree_that_is_none_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match=r"not laid out as DAVIS-2017: expected JPEGImages/480p/<video>"):
        davis.read(tmp_path)
    root = trees.davis(tmp_path, {"ape": 2})
    with pytest.raises(DataError, match=r"expected train\.txt; found val\.txt"):
        davis.read(root, "train")
    trees.write(root / "ImageSets" / "2017" / "val.txt", "\n")
    with pytest.raises(DataError, match="names no video"):
        davis.read(root)
    trees.write(root / "ImageSets" / "2017" / "val.txt", "bear\n")
    with pytest.raises(DataError, match="bear cannot be read: No such file"):
        davis.read(root)
    (root / "JPEGImages" / "480p" / "bear").mkdir()
    (root / "Annotations" / "480p" / "bear").mkdir()
    with pytest.raises(DataError, match="bear holds no frame"):
        davis.read(root)
    for name in ("../ape", "/ape", "a/b", ".."):
        trees.write(root / "ImageSets" / "2017" / "val.txt", f"{name}\n")
        with pytest.raises(DataError, match="is not the name of a video"):
            davis.read(root)


@pytest.mark.parametrize(("folder", "suffix", "left"), [("Annotations", "png", "frame"), ("JPEGImages", "jpg", "mask")])
def test_a_frame_without_its_mask_and_a_mask_without_its_frame(tmp_path, folder, suffix, left):
    root = trees.davis(tmp_path, {"ape": 3})
    (root / folder / "480p" / "ape" / f"00001.{suffix}").unlink()
    with pytest.raises(DataError, match=f"of 00001 there is only a {left}"):
        davis.read(root)


def test_counts_are_compared_with_the_published_ones(tmp_path):
    assert (len(davis.FRAMES), sum(davis.FRAMES.values())) == (30, 1999)
    assert davis.notes(davis.read(trees.davis(tmp_path / "a", {"ape": 2}))) == ()  # no video of DAVIS-2017
    root = trees.davis(tmp_path / "b", {"judo": 34, "libby": 5})
    assert davis.notes(davis.read(root)) == (
        "2 of the 30 videos of DAVIS-2017 val",
        "libby as published has 49 frames, this one 5",
    )
    (root / "JPEGImages" / "480p" / "libby" / "00001.jpg").write_bytes(b"")
    assert "1 of 39 files that the data set names are missing or empty, first libby/00001.jpg" in davis.notes(
        davis.read(root)
    )


def test_the_fingerprint_knows_the_pixels_of_masks(tmp_path):
    one, two = (davis.read(trees.davis(tmp_path / name, {"ape": 2})) for name in "ab")
    assert davis.fingerprint(one) == davis.fingerprint(two)
    mask = davis.read_mask(two[0].masks[1])
    mask[0, 0] = 1
    davis.write_mask(two[0].masks[1], mask)
    assert davis.fingerprint(one) != davis.fingerprint(two)
    assert davis.fingerprint(one) != davis.fingerprint(davis.read(trees.davis(tmp_path / "c", {"ape": 3})))


def test_the_palette_is_that_of_pascal_voc():
    colours = davis.palette()
    assert colours[:5].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    assert colours[255].tolist() == [224, 224, 192]
    assert len(np.unique(colours, axis=0)) == 256


@given(arrays.arrays(np.uint8, (5, 7)))
def test_masks_survive_writing_in_every_way_that_keeps_their_colours(tmp_path_factory, numbers):
    folder = tmp_path_factory.mktemp("masks")
    davis.write_mask(folder / "mask.png", numbers)
    with Image.open(folder / "mask.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.array(image), numbers)  # as the official tool reads it
        assert len(image.getpalette() or ()) == 768
        image.convert("RGB").save(folder / "rgb.png")
        image.convert("RGBA").save(folder / "rgba.png")
        image.save(folder / "packed.png", optimize=True)
    repacked = Image.fromarray(255 - numbers)
    repacked.putpalette(davis.palette()[::-1].tobytes())
    repacked.save(folder / "repacked.png")
    for name in ("mask", "rgb", "rgba", "packed", "repacked"):
        assert np.array_equal(davis.read_mask(folder / f"{name}.png"), numbers), name


def test_a_palette_of_other_colours_is_read_by_its_numbers(tmp_path):
    numbers = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image = Image.fromarray(numbers)
    image.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    image.save(tmp_path / "grey-palette.png")
    assert np.array_equal(davis.read_mask(tmp_path / "grey-palette.png"), numbers)


def test_masks_that_have_lost_their_numbers_are_refused(tmp_path):
    path = trees.davis(tmp_path, {"ape": 1}) / "Annotations" / "480p" / "ape" / "00000.png"
    with Image.open(path) as image:
        rgb, grey = image.convert("RGB"), image.convert("L")
    grey.save(path)
    with pytest.raises(DataError, match=r"has no palette \(mode L\), so its objects have no numbers"):
        davis.read_mask(path)
    rgb.resize((16, 12), Image.Resampling.BICUBIC).save(path)
    with pytest.raises(DataError, match="colours that stand for no object"):
        davis.read_mask(path)
    rgb.save(path, format="JPEG")
    with pytest.raises(DataError, match="cannot be read"):
        davis.read_mask(path)


def test_masks_that_cannot_be_read(tmp_path):
    path = trees.davis(tmp_path, {"ape": 1}) / "Annotations" / "480p" / "ape" / "00000.png"
    whole = path.read_bytes()
    for content in (b"", b"x", whole[:40], whole[:-30]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"the mask .*00000\.png cannot be read"):
            davis.read_mask(path)
    with pytest.raises(DataError, match="No such file"):
        davis.read_mask(tmp_path / "nowhere.png")


def test_the_embedded_world(world_tree):
    found = davis.read(world_tree("davis"))
    assert [(one.name, len(one.frames)) for one in found][:2] == [("gull", 16), ("giraffes-pass", 16)]
    assert davis.notes(found) == ()
    for one in found:
        for frame, mask in zip(one.frames, one.masks, strict=True):
            numbers = davis.read_mask(mask)
            with Image.open(frame) as image:
                assert numbers.shape == (image.height, image.width)
            assert np.array_equal(numbers, np.array(Image.open(mask)))
    assert [one.name for one in davis.read(world_tree("davis"), "train")] == ["fox-run", "two-boats"]
