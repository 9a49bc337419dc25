"""Every tree is recognised for what it is, and read by the line of the catalog that it belongs to."""

from __future__ import annotations

import pytest

from tests.data import trees
from vitscope import catalog
from vitscope.data.recognise import kind_of
from vitscope.demo.world import WRITERS


@pytest.mark.parametrize("name", WRITERS)
def test_the_trees_of_the_embedded_world(world_tree, name):
    assert kind_of(world_tree(name)) == name
    read = catalog.load("kind of data", catalog.DATASETS, name)
    images = read(world_tree(name), limit=3)
    assert images.kind == name
    assert len(images.records) == 3
    assert all(record.path.is_file() and record.path.stat().st_size == record.size for record in images.records)
    assert images.records == read(world_tree(name)).records[:3]


@pytest.mark.parametrize(
    ("kind", "paths"),
    [
        ("imagenet", ["train/n00000001/1.JPEG", "val/1.JPEG"]),
        ("imagenet", ["train/ape/1.png", "validation/ape/1.png"]),
        ("imagenet", ["ILSVRC/Data/CLS-LOC/val/1.JPEG"]),
        ("imagenet", ["Data/CLS-LOC/val/1.JPEG"]),
        ("imagenet", ["data/validation-00000-of-00014.parquet"]),
        ("imagenet", ["train-00000-of-00294.parquet"]),
        ("coco", ["annotations/instances_train2017.json"]),
        ("coco", ["coco/annotations/instances_val2017.json"]),
        ("partimagenet", ["val.json", "val/n1/1.JPEG", "train/n1/1.JPEG"]),
        ("partimagenet", ["annotations/train.json", "images/train/1.JPEG"]),
        ("partimagenet", ["PartImageNet/annotations/val/val.json"]),
        ("roxford5k", ["gnd_roxford5k.pkl", "jpg/1.jpg"]),
        ("rparis6k", ["gnd_rparis6k.pkl"]),
        ("davis", ["JPEGImages/480p/bear/00000.jpg"]),
        ("davis", ["DAVIS/JPEGImages/480p/bear/00000.jpg"]),
        ("spair", ["PairAnnotation/test/x:bus.json"]),
        ("spair", ["SPair-71k/PairAnnotation/test/x:bus.json"]),
        ("images", ["train/1.jpg"]),
        ("images", ["ape/1.jpg", "zebra/1.jpg"]),
        ("images", ["1.jpg"]),
        ("images", []),
    ],
)
def test_kinds_are_told_by_names(tmp_path, kind, paths):
    for path in paths:
        trees.write(tmp_path / path, "")
    assert kind_of(tmp_path) == kind
    assert kind in catalog.DATASETS


def test_what_is_no_folder_is_left_to_the_reader_of_images(tmp_path):
    assert kind_of(tmp_path / "nowhere") == "images"
    assert kind_of(trees.picture(tmp_path / "1.jpg")) == "images"
