"""PartImageNet's three layouts, its sampling, and splits that contradict each other."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.data import trees
from vitscope.data import partimagenet
from vitscope.data.masks import mask
from vitscope.errors import DataError

GROUPS = {"Fish": (0, 1), "Bird": (2,)}
CATEGORIES = [{"id": n, "name": f"{g} {n}", "supercategory": g} for g, numbers in GROUPS.items() for n in numbers]
CLASSES = {"n00000003": 0, "n00000001": 1, "n00000002": 2}  # the first part of each class's images


def content(split: str, per_class: dict[str, int], prefix: str = "") -> dict:
    """Annotations of so many images of each class, one part each; names go down while ids go up."""
    width, height = trees.SIZE
    names = [(wnid, number) for wnid, count in per_class.items() for number in reversed(range(count))]
    return {
        "categories": CATEGORIES,
        "images": [
            {"id": place, "file_name": f"{prefix}{wnid}_{split}{number:03}.JPEG", "width": width, "height": height}
            for place, (wnid, number) in enumerate(names)
        ],
        "annotations": [
            {"id": place, "image_id": place, "category_id": CLASSES[wnid], "segmentation": trees.SQUARE}
            for place, (wnid, _) in enumerate(names)
        ],
    }


PER_CLASS = {"train": {"n00000003": 2, "n00000002": 1}, "val": {"n00000001": 3}}


def tree(root, source: str, images: str, *, nested: bool, splits=PER_CLASS, prefix: str = ""):
    """A tree whose files of annotations and images are called by these patterns."""
    for split, per_class in splits.items():
        trees.write(root / source.format(split=split), content(split, per_class, prefix))
        for wnid, count in per_class.items():
            for number in range(count):
                name = f"{wnid}_{split}{number:03}.JPEG"
                trees.picture(root / images.format(split=split) / (f"{wnid}/{name}" if nested else name))
    return root


LAYOUTS = [
    ("{split}.json", "{split}", True, ""),
    ("annotations/{split}.json", "images/{split}", True, ""),
    ("annotations/{split}.json", "images/{split}", False, ""),
    ("annotations/{split}/{split}.json", "images/{split}", False, "train\\"),
    ("PartImageNet/annotations/{split}/{split}.json", "PartImageNet/images/{split}", False, "./images/train/"),
]


@pytest.mark.parametrize(("source", "images", "nested", "prefix"), LAYOUTS)
def test_every_layout(tmp_path, source, images, nested, prefix):
    found = partimagenet.read(tree(tmp_path, source, images, nested=nested, prefix=prefix))
    assert [image.path.name for image in found.images] == [
        *(f"n00000001_val{number:03}.JPEG" for number in range(3)),
        "n00000002_train000.JPEG",
        *(f"n00000003_train{number:03}.JPEG" for number in range(2)),
    ]
    assert all(image.path.is_file() and found.root / image.name == image.path for image in found.images)
    assert [[region.label for region in image.regions] for image in found.images] == [[1], [1], [1], [2], [0], [0]]
    assert found.labels == {0: "Fish 0", 1: "Fish 1", 2: "Bird 2"}
    assert found.notes == ("PartImageNet as published has 24,095 images, this one 6",)
    assert partimagenet.images(tmp_path, limit=2).records[1].name == found.images[1].name


def test_a_sample_goes_through_the_classes_of_each_super_category_in_turn(tmp_path):
    root = tree(tmp_path, "{split}.json", "{split}", nested=True)
    found = partimagenet.read(root, per_super_class=3)
    assert [image.path.stem for image in found.images] == [
        *("n00000001_val000", "n00000003_train000", "n00000001_val001"),  # fish
        "n00000002_train000",  # birds
    ]
    assert found.notes[0] == "Bird has 1 image, fewer than the 3 asked for"
    everything = partimagenet.read(root, per_super_class=99)
    assert [image.path.stem[-6:] for image in everything.images[:5]] == [
        "val000",
        "ain000",
        "val001",
        "ain001",
        "val002",
    ]
    assert len(everything.images) == 6
    assert len(partimagenet.read(root, per_super_class=3, limit=2).images) == 2
    with pytest.raises(DataError, match="must be at least 1"):
        partimagenet.read(root, per_super_class=0)


def test_a_class_without_parts_is_in_no_sample(tmp_path):
    splits = {"train": {"n00000002": 2}, "val": {"n00000001": 1}}
    root = tree(tmp_path, "{split}.json", "{split}", nested=True, splits=splits)
    empty = content("val", {"n00000001": 1})
    empty["annotations"] = []
    trees.write(root / "val.json", empty)
    assert len(partimagenet.read(root).images) == 3
    found = partimagenet.read(root, per_super_class=5)
    assert len(found.images) == 2
    assert "1 class without any part left out: n00000001" in found.notes


def test_ids_of_two_splits_may_be_the_same(tmp_path):
    root = tree(tmp_path, "{split}.json", "{split}", nested=True)
    bad = content("val", {"n00000001": 3})
    bad["annotations"][0]["segmentation"] = [[1, 1]]
    bad["annotations"].append({**bad["annotations"][1], "image_id": 55})
    trees.write(root / "val.json", bad)
    found = partimagenet.read(root)
    assert Counter(len(image.regions) for image in found.images) == {1: 5, 0: 1}
    assert [image.path.stem for image in found.images if not image.regions] == ["n00000001_val002"]
    assert found.notes[0].startswith("2 annotations left out: ")
    assert partimagenet.read(root, limit=2).notes[0] == "1 annotation left out: 1 with an image that is not listed"


def test_whole_objects_come_with_the_segmentation_release_only(tmp_path):
    root = tree(tmp_path, "annotations/{split}/{split}.json", "images/{split}", nested=False)
    with pytest.raises(DataError, match="has outlines of parts only"):
        partimagenet.read(root, wholes=True)
    wholes = content("train", PER_CLASS["train"])
    wholes["categories"] = [{"id": n, "name": f"class {n}"} for n in range(158)]
    trees.write(root / "annotations" / "train_whole" / "train_whole.json", wholes)
    found = partimagenet.read(root, wholes=True)
    assert (len(found.images), len(found.labels)) == (3, 158)


def test_splits_must_agree_about_categories(tmp_path):
    root = tree(tmp_path, "{split}.json", "{split}", nested=True)
    other = content("val", PER_CLASS["val"])
    other["categories"] = [*CATEGORIES, {"id": 40, "name": "Tier"}]
    trees.write(root / "val.json", other)
    with pytest.raises(DataError, match=r"val\.json has other categories than .*train\.json"):
        partimagenet.read(root)


def test_a_tree_that_is_none_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match=r"no folder there; PartImageNet is expected as \{train,val,test\}\.json"):
        partimagenet.read(tmp_path / "nowhere")
    trees.write(tmp_path / "train.json", content("train", {"n00000001": 1}))
    with pytest.raises(
        DataError, match=r"expected train or images/train for the images of train\.json; found train\.json"
    ):
        partimagenet.read(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="none of the 1 file that the ground truth names is there"):
        partimagenet.read(tmp_path)


@pytest.mark.parametrize("name", ["..", "a/..", "a\\..", "", "a/", "x\0", "\ud800"])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    broken = content("train", {"n00000001": 1})
    broken["images"][0]["file_name"] = name
    root = tree(tmp_path, "{split}.json", "{split}", nested=True)
    trees.write(root / "train.json", broken)
    with pytest.raises(DataError, match=r"images\[0\]\.file_name is"):
        partimagenet.read(root)


def test_a_way_up_in_a_name_leads_nowhere(tmp_path):
    root = tree(tmp_path / "data", "{split}.json", "{split}", nested=True, prefix="../../../")
    assert all(image.path.is_relative_to(tmp_path / "data") for image in partimagenet.read(root).images)


def test_the_embedded_world(world_tree):
    found = partimagenet.read(world_tree("partimagenet"))
    assert (len(found.images), found.notes) == (192, ())
    assert sorted(found.labels) == list(range(40))
    labels = Counter(region.label for image in found.images for region in image.regions)
    assert len(labels) > 35
    assert 0 in labels
    for image in found.images[::7]:
        masks = [mask(region, image.height, image.width) for region in image.regions]
        assert all(0 < one.sum() < one.size for one in masks)
    sample = partimagenet.read(world_tree("partimagenet"), per_super_class=8)
    assert len(sample.images) == 11 * 8
    assert sample.notes == ()
