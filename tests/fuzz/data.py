"""Readers of data sets and images: each writes the bytes where they would lie in a tree, and reads the tree."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.data import trees
from vitscope.data import coco, davis, devkit, imagenet, parquet, partimagenet, revisited, spair
from vitscope.data.masks import MaskedSet, mask, soft_mask
from vitscope.data.pixels import Unreadable, decode
from vitscope.data.preprocess import Preprocess

SMALL = 1 << 18  # pixels of a mask that is drawn here
WNIDS = ("n01440764", "n01443537")


def image(content: bytes, folder: Path) -> None:
    """An image file, decoded both ways and cropped as a model sees it."""
    path = folder / "image.png"
    path.write_bytes(content)
    for orient in (True, False):
        try:
            picture = decode(path, orient=orient)
        except Unreadable as error:
            assert error.reason
            continue
        assert picture.mode == "RGB"
        if picture.width * picture.height < SMALL:
            assert Preprocess().apply(picture, (8, 8)).shape == (8, 8, 3)


def video_mask(content: bytes, folder: Path) -> None:
    """A mask of DAVIS."""
    path = folder / "mask.png"
    path.write_bytes(content)
    assert davis.read_mask(path).dtype == np.uint8


def videos(content: bytes, folder: Path) -> None:
    """The list of videos of DAVIS."""
    if not (folder / "JPEGImages").exists():
        trees.davis(folder, {"cow": 2, "dog": 1})
    (folder / "ImageSets" / "2017" / "val.txt").write_bytes(content)
    davis.fingerprint(davis.read(folder))


def objects(content: bytes, folder: Path) -> None:
    """Annotations of COCO, with every region drawn."""
    if not (folder / "annotations").exists():
        trees.coco(folder)
    (folder / "annotations" / "instances_val2017.json").write_bytes(content)
    _drawn(coco.read(folder))


def parts(content: bytes, folder: Path) -> None:
    """Annotations of PartImageNet."""
    if not (folder / "val").exists():
        trees.picture(folder / "val" / "n01440764" / "n01440764_1.JPEG")
    (folder / "val.json").write_bytes(content)
    _drawn(partimagenet.read(folder, per_super_class=2))


def _drawn(found: MaskedSet) -> None:
    for one in found.images:
        if one.height * one.width < SMALL:
            for region in one.regions:
                soft_mask(mask(region, one.height, one.width), 4, 4, crop=True)


def pair(content: bytes, folder: Path) -> None:
    """A pair of SPair-71k."""
    if not (folder / "PairAnnotation").exists():
        trees.spair(folder)
    (folder / "PairAnnotation" / "test" / "000001-2008_000001-2008_000002:train.json").write_bytes(content)
    spair.read(folder)


def truth(content: bytes, folder: Path) -> None:
    """The pickle of ROxford5k."""
    if not (folder / "jpg").exists():
        trees.revisited(folder)
    (folder / "gnd_roxford5k.pkl").write_bytes(content)
    revisited.read(folder)


NAMES = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in (1, 2)]


def table(content: bytes, folder: Path) -> None:
    """Kaggle's table of labels."""
    (folder / devkit.TABLE).write_bytes(content)
    devkit.labels(folder, NAMES)


def classes(content: bytes, folder: Path) -> None:
    """The list of classes of ImageNet's development kit, in MATLAB's format."""
    kit = folder / devkit.KITS[0]
    kit.mkdir(parents=True, exist_ok=True)
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n2\n")
    (kit / "meta.mat").write_bytes(content)
    devkit.labels(folder, NAMES)


def labels(content: bytes, folder: Path) -> None:
    """The labels of ImageNet's development kit."""
    kit = folder / devkit.KITS[0]
    kit.mkdir(parents=True, exist_ok=True)
    seed = Path(__file__).parent / "corpus" / "meta.mat" / "two-classes.seed"
    (kit / "meta.mat").write_bytes(seed.read_bytes())
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_bytes(content)
    devkit.labels(folder, NAMES)


def rows(content: bytes, folder: Path) -> None:
    """ImageNet in a parquet file, its images decoded."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "validation-00000-of-00001.parquet").write_bytes(content)
    for kept in (parquet._open, parquet._group):
        kept.cache_clear()
    found = imagenet.read(folder, split="val")
    for record in found.records[:4]:
        try:
            decode(record.path)
        except Unreadable as error:
            assert error.reason
