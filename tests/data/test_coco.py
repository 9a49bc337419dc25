"""COCO's trees: both places for images, ids with gaps, crowds, and files that are not what they should be."""

from __future__ import annotations

import contextlib
import io
import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from pycocotools.coco import COCO

from tests.data import trees
from vitscope.data import coco
from vitscope.data.masks import MaskedSet, mask
from vitscope.errors import DataError

# pycocotools 2.0.11 with numpy 2: its decoder, which only these tests use
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.mark.parametrize("folder", ["val2017", "images/val2017"])
def test_both_places_for_images(tmp_path, folder):
    found = coco.read(trees.coco(tmp_path / "coco", folder=folder))
    assert (found.name, found.kind, found.root) == ("coco-val2017", "coco", tmp_path / "coco")
    assert [image.name for image in found.images] == [f"{folder}/000000000002.jpg", f"{folder}/000000000007.jpg"]
    assert [image.path.stat().st_size for image in found.images] == [image.size for image in found.images]
    assert {(image.height, image.width) for image in found.images} == {(6, 8)}
    assert [[region.label for region in image.regions] for image in found.images] == [[], [0, 90]]
    assert [region.crowd for region in found.images[1].regions] == [False, True]
    assert [mask(region, 6, 8).sum() for region in found.images[1].regions] == [16, 3]
    assert found.labels == {0: "cat", 90: "cup"}
    assert found.notes == ()


def test_images_come_in_order_of_their_ids_and_empty_ones_count(tmp_path):
    (image,) = coco.read(trees.coco(tmp_path), limit=1).images
    assert (image.path.name, image.regions) == ("000000000002.jpg", ())


def test_what_an_extraction_looks_at(tmp_path):
    images = coco.images(trees.coco(tmp_path))
    assert [record.name for record in images.records] == ["val2017/000000000002.jpg", "val2017/000000000007.jpg"]
    assert (images.classes, images.kind, images.records[0].label) == ((), "coco", None)
    with pytest.raises(DataError, match=r"--per-class needs classes, but .* is read as coco"):
        coco.images(tmp_path, per_class=2)


BAD = [
    ({"segmentation": [[1, 1, 5, 4]]}, "no polygon of three points or more"),
    ({"segmentation": []}, "no polygon of three points or more"),
    ({"segmentation": None}, "no segmentation"),
    ({"segmentation": {"size": [8, 6], "counts": [48]}}, "run lengths that do not fit their image"),
    ({"category_id": 1}, "a category that is not listed"),
    ({"image_id": 99}, "an image that is not listed"),
]


@pytest.mark.parametrize(("change", "reason"), BAD)
def test_an_annotation_that_cannot_be_used_is_left_out_and_counted(tmp_path, change, reason):
    content = trees.annotations()
    content["annotations"].append({**content["annotations"][0], "id": 3, **change})
    found = coco.read(trees.coco(tmp_path, content))
    assert found.notes == (f"1 annotation left out: 1 with {reason}",)
    assert sum(len(image.regions) for image in found.images) == 2


def test_reasons_are_added_up_and_those_of_other_images_do_not_count(tmp_path):
    content = trees.annotations()
    content["annotations"] += [{**content["annotations"][0], **change} for change, _ in BAD]
    found = coco.read(trees.coco(tmp_path, content))
    assert found.notes[0].startswith(f"{len(BAD)} annotations left out: ")
    assert "2 with no polygon" in found.notes[0]
    assert coco.read(tmp_path, limit=1).notes == ("1 annotation left out: 1 with an image that is not listed",)


def test_missing_files_are_counted_and_a_wrong_folder_is_an_error(tmp_path):
    root = trees.coco(tmp_path)
    (root / "val2017" / "000000000007.jpg").unlink()
    found = coco.read(root)
    assert [image.size > 0 for image in found.images] == [True, False]
    assert found.notes == (
        "1 of 2 files that instances_val2017.json names are missing or empty, first val2017/000000000007.jpg",
    )
    (root / "val2017" / "000000000002.jpg").unlink()
    with pytest.raises(DataError, match=r"none of the 2 files that instances_val2017\.json names is there"):
        coco.read(root)


def test_a_tree_that_is_none_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match=r"no folder there; COCO 2017 is expected as annotations/instances_val2017"):
        coco.read(tmp_path / "nowhere")
    with pytest.raises(DataError, match="found nothing"):
        coco.read(tmp_path)
    trees.write(tmp_path / "annotations" / "instances_val2017.json", trees.annotations())
    with pytest.raises(DataError, match=r"and the folder val2017 or images/val2017; found annotations\."):
        coco.read(tmp_path)
    with pytest.raises(DataError, match=r"COCO has no split called 'test'"):
        coco.read(tmp_path, split="test")
    with pytest.raises(DataError, match=r"instances_train2017\.json and the folder train2017"):
        coco.read(tmp_path, split="train")


@pytest.mark.parametrize(
    "name", ["../1.jpg", "/etc/passwd", "a\\b.jpg", "..", ".", "", "a/b.jpg", "a\0b", "\ud800.jpg", "x" * 300, 7, None]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"images\[1\]\.file_name is .*, but must be"):
        coco.read(trees.coco(tmp_path, trees.annotations(("1.jpg", name))))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("9" * 5000, "is not valid JSON"),
        ("[]", "the content is .*, but must be an object"),
        ("{}", "the content is an empty object, but must be an object with 'categories'"),
        ('{"categories": []}', "categories is .*, but must be a list of categories"),
        ('{"categories": [{"id": true, "name": "x"}]}', r"categories\[0\]\.id is True, but must be a whole number"),
        (
            '{"categories": [{"id": 1, "name": "x"}, {"id": 1, "name": "y"}]}',
            r"categories\[1\]\.id is 1, but .* no other",
        ),
        ('{"categories": [{"id": 1, "name": "x"}], "images": []}', "images is .*, but must be a list of images"),
    ],
)
def test_a_file_that_is_not_what_it_should_be(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        coco.read(trees.coco(tmp_path, text))


@pytest.mark.parametrize(
    "change",
    [{"id": 7}, {"height": 0}, {"width": 10**9}, {"height": 60_000, "width": 60_000}, {"width": 8.0}, {"id": -1}],
)
def test_images_of_impossible_sizes_or_ids(tmp_path, change):
    content = trees.annotations()
    content["images"][1] |= change
    with pytest.raises(DataError, match=r"images\[1\]\.(id|height|width) is"):
        coco.read(trees.coco(tmp_path, content))


def test_published_counts_are_compared_where_the_categories_are_cocos(tmp_path):
    content = trees.annotations()
    content["categories"] = [{"id": number, "name": str(number)} for number in sorted(coco.CATEGORIES)]
    for annotation in content["annotations"]:
        annotation["category_id"] = 1
    assert len(coco.CATEGORIES) == 80
    assert coco.read(trees.coco(tmp_path, content)).notes == (
        "COCO val2017 as published has 5,000 images and 36,781 annotations, this one 2 images and 2 annotations",
    )


def test_the_fingerprint_knows_every_value_that_decides_a_number(tmp_path):
    def changed(name: str, **values: object) -> str:
        content = trees.annotations()
        content["annotations"][0] |= values
        return coco.read(trees.coco(tmp_path / name, content)).fingerprint

    same = changed("a"), changed("b", area=7, bbox=[1, 2, 3, 4])
    assert same[0] == same[1]
    others = [
        changed("c", category_id=90),
        changed("d", iscrowd=1),
        changed("e", segmentation=[[2, 1, 6, 1, 6, 5]]),
        changed("f", image_id=2),
        coco.read(tmp_path / "a", limit=1).fingerprint,
    ]
    trees.picture(tmp_path / "b" / "val2017" / "000000000007.jpg", (80, 60))
    others.append(coco.read(tmp_path / "b").fingerprint)
    assert len({same[0], *others}) == 1 + len(others)


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_embedded_world_against_pycocotools(world_tree, split):
    root = world_tree("coco")
    with contextlib.redirect_stdout(io.StringIO()):
        api = COCO(str(root / "annotations" / f"instances_{split}2017.json"))
    found = coco.read(root, split=split)
    assert found.notes == ()
    assert found.labels == {number: category["name"] for number, category in api.cats.items()}
    assert [image.path.name for image in found.images] == [api.imgs[number]["file_name"] for number in sorted(api.imgs)]
    for number, image in zip(sorted(api.imgs), found.images, strict=True):
        expected = api.loadAnns(api.getAnnIds(imgIds=[number]))
        assert [region.label for region in image.regions] == [annotation["category_id"] for annotation in expected]
        for region, annotation in zip(image.regions, expected, strict=True):
            assert np.array_equal(mask(region, image.height, image.width), api.annToMask(annotation).astype(bool))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees.damaged(trees.annotations()) | trees.JSON)
def test_any_json_is_refused_or_gives_regions_that_can_be_drawn(tmp_path, content):
    root = tmp_path if (tmp_path / "val2017").exists() else trees.coco(tmp_path)
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    try:
        found = coco.read(root)
    except DataError as error:
        assert str(error).endswith(".")
        return
    assert isinstance(found, MaskedSet)
    assert len(found.fingerprint) == 64
    for image in found.images:
        assert image.path.parent == root / "val2017"
        for region in image.regions:
            assert region.label in found.labels
            assert mask(region, image.height, image.width).shape == (image.height, image.width)


def test_numbers_that_json_allows_and_python_reads_differently(tmp_path):
    for value in (math.nan, math.inf, 1e400):
        content = trees.annotations()
        content["annotations"][0]["segmentation"][0][0] = value
        assert coco.read(trees.coco(tmp_path, content)).notes[0].startswith("1 annotation left out: ")
