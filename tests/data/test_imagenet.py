"""ImageNet in its four layouts, all of which must give the same labels, and ImageNet-50."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from tests.data import trees
from vitscope.data import imagenet, parquet
from vitscope.data.pixels import Unreadable, decode
from vitscope.data.records import ImageSet
from vitscope.errors import DataError

WNIDS = ("n00000003", "n00000001", "n00000002")  # in the order of their ILSVRC2012_ID, 1 to 3
VAL = (3, 1, 2, 1)  # the ILSVRC2012_ID of each validation image
WIDTHS = {"n00000001": 11, "n00000002": 12, "n00000003": 13}  # every class is told by the width of its images


def size(wnid: str) -> tuple[int, int]:
    return WIDTHS[wnid], 6


def train(root: Path, *, suffix: str = "JPEG") -> Path:
    """Two training images of each class."""
    for wnid in WNIDS:
        for number in (0, 10):
            trees.picture(root / wnid / f"{wnid}_{number}.{suffix}", size(wnid))
    return root


def flat(root: Path) -> Path:
    """Validation images in one folder."""
    for number, identity in enumerate(VAL, 1):
        trees.picture(root / f"ILSVRC2012_val_{number:08d}.JPEG", size(WNIDS[identity - 1]))
    return root


def folders(root: Path) -> Path:
    train(root / "train")
    for number, identity in enumerate(VAL, 1):
        wnid = WNIDS[identity - 1]
        trees.picture(root / "val" / wnid / f"ILSVRC2012_val_{number:08d}.JPEG", size(wnid))
    return root


def kit(root: Path) -> Path:
    """The development kit's two files: three classes, and a synset above them that is no class."""
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    rows = [(number, wnid, "a thing", 0) for number, wnid in enumerate(WNIDS, 1)]
    root.mkdir(parents=True)
    scipy.io.savemat(root / "meta.mat", {"synsets": np.array([*rows, (4, "n99999999", "all", 3)], dtype=fields)})
    trees.write(root / "ILSVRC2012_validation_ground_truth.txt", "".join(f"{identity}\n" for identity in VAL))
    return root


def devkit(root: Path) -> Path:
    train(root / "train")
    flat(root / "val")
    kit(root / "ILSVRC2012_devkit_t12" / "data")
    return root


def kaggle(root: Path) -> Path:
    inner = root / "ILSVRC" / "Data" / "CLS-LOC"
    train(inner / "train")
    flat(inner / "val")
    trees.picture(inner / "test" / "ILSVRC2012_test_00000001.JPEG")
    rows = [
        f"ILSVRC2012_val_{number:08d},{WNIDS[identity - 1]} 1 2 3 4 n99 5 6 7 8 \n"
        for number, identity in enumerate(VAL, 1)
    ]
    trees.write(root / "LOC_val_solution.csv", "ImageId,PredictionString\n" + "".join(reversed(rows)))
    return root


def hub(root: Path, *, val_says: bool = True, train_too: bool = True) -> Path:
    """Two parquet files of training images, one of validation images, rows in no order, two rows in a group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ranks = {wnid: rank for rank, wnid in enumerate(sorted(WNIDS))}
    val = [
        (f"ILSVRC2012_val_{n:08d}{f'_{WNIDS[i - 1]}' if val_says else ''}.JPEG", WNIDS[i - 1])
        for n, i in enumerate(VAL, 1)
    ]
    rows = [(f"{wnid}_{number}_{wnid}.JPEG", wnid) for number in (0, 10) for wnid in WNIDS]
    split = {"validation-00000-of-00001": val}
    if train_too:
        split |= {"train-00000-of-00002": rows[:4], "train-00001-of-00002": rows[4:]}
    (root / "data").mkdir(parents=True)
    for name, members in split.items():
        images = [
            {"bytes": trees.picture(root.parent / "one.png", size(wnid)).read_bytes(), "path": path}
            for path, wnid in members
        ]
        table = pa.table({"image": images, "label": [ranks[wnid] for _, wnid in members]})
        pq.write_table(table, root / "data" / f"{name}.parquet", row_group_size=2)
    return root


LAYOUTS = (folders, devkit, kaggle, hub)


def widths(images: ImageSet) -> list[int]:
    return [decode(record.path).width for record in images.records]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_labels(tmp_path, layout):
    root = layout(tmp_path / "imagenet")
    for split, labels in (("train", [0, 0, 1, 1, 2, 2]), ("val", [0, 1, 2, 2])):
        images = imagenet.read(root, split=split)
        assert images.classes == tuple(sorted(WNIDS))
        assert [record.label for record in images.records] == labels
        assert widths(images) == [WIDTHS[images.classes[label]] for label in labels]
        assert all(record.size for record in images.records)
        assert (images.kind, images.name) == ("imagenet", f"imagenet-{split}")
        (note,) = images.notes
        assert note.endswith(f"this one {len(labels)} of 3")
    assert [record.label for record in imagenet.read(root, split="train", per_class=1).records] == [0, 1, 2]
    assert [record.label for record in imagenet.read(root, split="train", limit=3).records] == [0, 0, 1]
    some = imagenet.read(root, split="train", wnids=["n00000003", "n00000002"])
    assert (some.classes, [record.label for record in some.records]) == (("n00000002", "n00000003"), [0, 0, 1, 1])
    assert imagenet.images(root).name == "imagenet-val"


def test_names_of_a_class_are_sorted_as_strings(tmp_path):
    root = folders(tmp_path)
    for number in (9, 100):
        trees.picture(root / "train" / "n00000001" / f"n00000001_{number}.jpeg")
    trees.write(root / "train" / "n00000001" / "0.txt", "")
    images = imagenet.read(root, split="train", per_class=3)
    assert [record.path.stem for record in images.records[:3]] == ["n00000001_0", "n00000001_10", "n00000001_100"]


def test_labels_are_ranks_among_the_classes_of_both_splits(tmp_path):
    root = folders(tmp_path)
    trees.picture(root / "val" / "n00000000" / "x.JPEG")
    assert [record.label for record in imagenet.read(root, split="train").records] == [1, 1, 2, 2, 3, 3]
    assert imagenet.read(root, split="train").notes[0] == "1 class without an image in train, first n00000000"
    assert [record.label for record in imagenet.read(root, split="val").records] == [0, 1, 2, 3, 3]


def test_any_class_folders_will_do(tmp_path):
    for split in ("train", "val"):
        for label in ("zebra", "ape"):
            trees.picture(tmp_path / split / label / "1.png")
    images = imagenet.read(tmp_path, split="train")
    assert (images.classes, images.notes) == (("ape", "zebra"), ())


def test_a_folder_called_validation_is_one(tmp_path):
    folders(tmp_path)
    (tmp_path / "val").rename(tmp_path / "validation")
    assert len(imagenet.read(tmp_path, split="val").records) == 4


def test_images_of_the_hub_are_found_without_wnids_in_their_names(tmp_path):
    both = imagenet.read(hub(tmp_path / "a" / "hub", val_says=False), split="val")
    assert both.classes == tuple(sorted(WNIDS))
    alone = imagenet.read(hub(tmp_path / "b" / "hub", val_says=False, train_too=False), split="val")
    assert alone.classes == ("0000", "0001", "0002")
    assert [record.label for record in both.records] == [record.label for record in alone.records] == [0, 1, 2, 2]
    assert widths(both) == widths(alone)


def test_rows_that_cannot_be_read(tmp_path, monkeypatch):
    root = hub(tmp_path / "hub")
    path = imagenet.read(root, split="val").records[0].path
    for wrong in (path.with_name("99"), path.with_name("x"), path.parent.with_name("gone.parquet") / "0"):
        with pytest.raises(Unreadable):
            decode(wrong)
    (root / "data" / "validation-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="is not read as images with labels"):
        imagenet.read(root, split="val")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match=r"only pyarrow reads: install vitscope\[parquet\]"):
        parquet.index(path.parent)


def test_a_flat_folder_needs_labels(tmp_path):
    flat(tmp_path / "a" / "val")
    with pytest.raises(
        DataError, match=r"their labels are not there: neither LOC_val_solution\.csv nor ILSVRC2012_devkit"
    ):
        imagenet.read(tmp_path / "a", split="val")
    root = devkit(tmp_path / "b")
    trees.picture(root / "val" / "ILSVRC2012_val_00000009.JPEG")
    with pytest.raises(DataError, match=r"has no label for 1 image, first ILSVRC2012_val_00000009\.JPEG"):
        imagenet.read(root, split="val")
    root = kaggle(tmp_path / "c")
    trees.picture(root / "ILSVRC" / "Data" / "CLS-LOC" / "val" / "x.JPEG")
    with pytest.raises(DataError, match=r"LOC_val_solution\.csv has no label for 1 image, first x\.JPEG"):
        imagenet.read(root, split="val")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ILSVRC2012_validation_ground_truth.txt", "1\n2\n5\n1\n", "a number of a class of meta.mat in every line"),
        ("ILSVRC2012_validation_ground_truth.txt", "1\n4\n1\n1\n", "a number of a class"),  # a synset, but no class
        ("ILSVRC2012_validation_ground_truth.txt", "one\n", "a number of a class"),
        ("ILSVRC2012_validation_ground_truth.txt", "²\n", "a number of a class"),
        ("ILSVRC2012_validation_ground_truth.txt", "1\n", "has no label for 3 images"),
        ("meta.mat", "no matrix", "is not the development kit's list of classes"),
        ("meta.mat", "", "is not the development kit's list of classes"),
        ("meta.mat", None, "meta.mat cannot be read: No such file"),
    ],
)
def test_a_development_kit_that_is_none(tmp_path, name, content, said):
    root = devkit(tmp_path)
    path = root / "ILSVRC2012_devkit_t12" / "data" / name
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DataError, match=said):
        imagenet.read(root, split="val")


def test_a_module_in_the_current_folder_is_not_imported(tmp_path, monkeypatch):
    root = devkit(tmp_path / "data")
    for name in ("scipy", "numpy", "json", "vitscope"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    assert len(imagenet.read(root, split="val").records) == 4


def test_a_development_kit_with_other_names(tmp_path):
    root = devkit(tmp_path)
    path = root / "ILSVRC2012_devkit_t12" / "data" / "meta.mat"
    scipy.io.savemat(
        path,
        {
            "synsets": np.array(
                [(1, "../x", 0), (2, WNIDS[0], 0)], dtype=[(n, "O") for n in ("ILSVRC2012_ID", "WNID", "num_children")]
            )
        },
    )
    with pytest.raises(DataError, match="must name classes such as n01440764"):
        imagenet.read(root, split="val")
    scipy.io.savemat(path, {"synsets": np.zeros(3), "other": 1})
    with pytest.raises(DataError, match="is not the development kit's list of classes"):
        imagenet.read(root, split="val")


@pytest.mark.parametrize(
    "text", ["", "a,b\n", "ImageId,PredictionString\nILSVRC2012_val_00000001\n", "ImageId,PredictionString\nx,../y 1\n"]
)
def test_a_table_that_is_none(tmp_path, text):
    root = kaggle(tmp_path)
    (root / "LOC_val_solution.csv").write_text(text)
    with pytest.raises(DataError, match=r"LOC_val_solution\.csv(: the row of| must begin)"):
        imagenet.read(root, split="val")


def test_a_tree_that_is_none_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match=r"not laid out as ImageNet with a split train: expected train/<class>"):
        imagenet.read(tmp_path)
    with pytest.raises(DataError, match="no split called 'test'"):
        imagenet.read(folders(tmp_path), split="test")
    with pytest.raises(DataError, match=r"has no class n00000009 in train \(1 of 1 lack\)"):
        imagenet.read(tmp_path, wnids=["n00000009"])
    with pytest.raises(DataError, match="--per-class 0 keeps no image"):
        imagenet.read(tmp_path, per_class=0)
    (tmp_path / "train" / "n00000009").mkdir()
    with pytest.raises(DataError, match="has no image of the class n00000009 in train"):
        imagenet.read(tmp_path, wnids=["n00000009", "n00000001"])
    for wnid in WNIDS:
        for path in (tmp_path / "train" / wnid).iterdir():
            path.unlink()
    with pytest.raises(DataError, match="has no image in train: looked in 4 classes"):
        imagenet.read(tmp_path)


def test_imagenet_50_is_the_first_hundred_names_of_fifty_classes(tmp_path):
    assert len(set(imagenet.FIFTY)) == 50
    assert list(imagenet.FIFTY) == sorted(imagenet.FIFTY)
    source = trees.picture(tmp_path / "one.JPEG")
    for place, wnid in enumerate((*imagenet.FIFTY, "n01440764")):
        (tmp_path / "train" / wnid).mkdir(parents=True)
        for number in range(101 if place else 3):
            os.link(source, tmp_path / "train" / wnid / f"{wnid}_{number}.JPEG")
    trees.picture(tmp_path / "val" / "n01440764" / "x.JPEG")
    images = imagenet.images(tmp_path)
    assert (images.name, images.classes) == ("imagenet-50", imagenet.FIFTY)
    assert len(images.records) == 49 * 100 + 3
    assert images.notes == ("1 class of ImageNet-50 with fewer than 100 images, first n01601694",)
    names = [record.path.stem for record in images.records if record.label == 7]
    assert names == sorted(f"n02096177_{number}" for number in range(101))[:100]
    few = imagenet.images(tmp_path, per_class=2, limit=60)
    assert [record.label for record in few.records] == [place // 2 for place in range(60)]
    assert few.notes == ()


def test_the_embedded_world(world_tree):
    root = world_tree("imagenet")
    gallery, queries = (imagenet.read(root, split=split) for split in ("train", "val"))
    assert gallery.classes == queries.classes == tuple(f"n{90000001 + place}" for place in range(24))
    assert (len(gallery.records), len(queries.records)) == (1440, 600)
    assert gallery.notes == queries.notes == ()
    assert all(record.path.parent.name == gallery.classes[record.label or 0] for record in gallery.records)


def test_pictures_keep_their_pixels_in_parquet(tmp_path):
    root = hub(tmp_path / "hub")
    image = decode(imagenet.read(root, split="train").records[-1].path)
    assert np.array_equal(np.asarray(image), np.asarray(Image.new("RGB", (13, 6), "grey")))
