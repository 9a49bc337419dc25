"""Each tree, opened by a reader that is not ours."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from vitscope.demo.world import coco, davis, imagenet, partimagenet, roxford, spair
from vitscope.demo.world.kinds import KINDS
from vitscope.demo.world.parts import CATEGORIES
from vitscope.demo.world.regions import polygons, run_lengths

# pycocotools 2.0.11 with numpy 2: compiled code that this package does not own
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def opened(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_imagenet_folders_are_sorted_classes_of_equal_size(world_roots):
    for split, count in (("train", imagenet.TRAIN_PER_CLASS), ("val", imagenet.VAL_PER_CLASS)):
        folders = sorted((world_roots["imagenet"] / split).iterdir())
        assert [folder.name for folder in folders] == [kind.wordnet for kind in KINDS]
        for folder in folders:
            assert len(list(folder.glob("*.JPEG"))) == count
    with Image.open(folders[0] / "ILSVRC2012_val_00001441.JPEG") as image:
        assert (image.size, image.mode) == ((80, 80), "RGB")


def test_no_validation_picture_is_a_training_picture(world_roots):
    root = world_roots["imagenet"]
    train = {path.read_bytes() for path in (root / "train").rglob("*.JPEG")}
    val = {path.read_bytes() for path in (root / "val").rglob("*.JPEG")}
    assert not train & val
    assert len(train) == len(KINDS) * imagenet.TRAIN_PER_CLASS


@pytest.mark.parametrize("split", ["train", "val"])
def test_pycocotools_opens_coco(world_roots, split):
    api = opened(world_roots["coco"] / "annotations" / f"instances_{split}2017.json")
    assert len(api.imgs) == coco.COUNTS[split]
    crowds = [a for a in api.anns.values() if a["iscrowd"]]
    assert crowds
    for annotation in api.anns.values():
        mask = api.annToMask(annotation)
        x, y, width, height = annotation["bbox"]
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert (columns[0], rows[0]) == (x, y)
        assert (columns[-1] + 1 - x, rows[-1] + 1 - y) == (width, height)
        assert mask.sum() >= annotation["area"] if not annotation["iscrowd"] else mask.sum() == annotation["area"]
    assert sum(not api.getAnnIds(imgIds=[number]) for number in api.imgs) > 0
    for image in api.imgs.values():
        with Image.open(world_roots["coco"] / f"{split}2017" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])


def test_coco_category_ids_have_gaps():
    ids = [coco.category_id(index) for index in range(len(KINDS))]
    assert len(set(ids)) == len(KINDS)
    assert set(range(1, max(ids) + 1)) - set(ids)


def test_pycocotools_opens_the_parts(world_roots):
    root = world_roots["partimagenet"]
    found: Counter[str] = Counter()
    wordnets: dict[str, set[str]] = {}
    for split in ("train", "val", "test"):
        api = opened(root / f"{split}.json")
        assert sorted(api.cats) == list(range(40))
        assert [api.cats[i]["supercategory"] for i in range(40)] == [group for group, _ in CATEGORIES]
        wordnets[split] = {image["file_name"].split("_")[0] for image in api.imgs.values()}
        for image in api.imgs.values():
            assert (root / split / image["file_name"].split("_")[0] / image["file_name"]).is_file()
        for annotation in api.anns.values():
            assert api.annToMask(annotation).sum() >= annotation["area"] > 0
            found[api.cats[annotation["category_id"]]["supercategory"]] += 1
    assert set(found) == {kind.group for kind in KINDS}
    assert not wordnets["train"] & wordnets["val"] | wordnets["val"] & wordnets["test"]
    assert sum(map(len, wordnets.values())) == len(KINDS)
    assert partimagenet.split_of(0) == "train"


class NothingButPlainValues(pickle.Unpickler):
    def find_class(self, module_name, global_name):
        raise pickle.UnpicklingError(f"{module_name}.{global_name}")


def test_a_restricted_unpickler_opens_the_ground_truth(world_roots):
    root = world_roots["roxford5k"]
    with (root / "gnd_roxford5k.pkl").open("rb") as file:
        content = NothingButPlainValues(file).load()
    assert list(content) == ["gnd", "imlist", "qimlist"]
    assert len(content["gnd"]) == len(content["qimlist"]) == roxford.INDIVIDUALS * roxford.QUERIES_EACH
    assert not set(content["qimlist"]) & set(content["imlist"])
    totals: Counter[str] = Counter()
    for query, truth in zip(content["qimlist"], content["gnd"], strict=True):
        lists = [truth[name] for name in ("easy", "hard", "junk")]
        together = [index for group in lists for index in group]
        assert len(set(together)) == len(together) == roxford.PICTURES_EACH
        assert all(group == sorted(group) for group in lists)
        stem = query.rsplit("_", 1)[0]
        assert {content["imlist"][index].rsplit("_", 1)[0] for index in together} == {stem}
        totals.update({name: len(truth[name]) for name in ("easy", "hard", "junk")})
        with Image.open(root / "jpg" / f"{query}.jpg") as image:
            x1, y1, x2, y2 = truth["bbx"]
            assert 0 <= x1 < x2 <= image.width
            assert 0 <= y1 < y2 <= image.height
    assert min(totals.values()) > 20
    assert all((root / "jpg" / f"{name}.jpg").is_file() for name in content["imlist"])


def test_davis_masks_are_palette_pictures_of_objects_that_move_and_hide(world_roots):
    root = world_roots["davis"]
    hidden = 0
    for split, films in davis.FILMS.items():
        listed = (root / "ImageSets" / "2017" / f"{split}.txt").read_text().split()
        assert listed == list(films)
        for film, kinds in films.items():
            frames = sorted((root / "JPEGImages" / "480p" / film).glob("*.jpg"))
            masks = sorted((root / "Annotations" / "480p" / film).glob("*.png"))
            assert [path.stem for path in frames] == [path.stem for path in masks]
            read = [Image.open(path) for path in masks]
            assert {image.mode for image in read} == {"P"}
            arrays = [np.array(image) for image in read]
            assert set(np.unique(arrays[0])) == set(range(len(kinds) + 1))
            assert {value for array in arrays for value in np.unique(array)} <= set(range(len(kinds) + 1))
            for number in range(1, len(kinds) + 1):
                areas = [int((array == number).sum()) for array in arrays]
                hidden += min(areas) < 0.75 * max(areas)
                columns = [np.nonzero(array == number)[1].mean() for array in arrays if (array == number).any()]
                assert abs(columns[-1] - columns[0]) > davis.WIDTH / 4
    assert hidden >= 3


@pytest.mark.parametrize("split", ["trn", "val", "test"])
def test_spair_pairs_parse(world_roots, split):
    root = world_roots["spair"]
    lines = (root / "Layout" / "large" / f"{split}.txt").read_text().split("\n")
    assert lines.pop() == ""
    assert sorted(path.stem for path in (root / "PairAnnotation" / split).glob("*:*.json")) == sorted(lines)
    for line in lines:
        pair = json.loads((root / "PairAnnotation" / split / f"{line}.json").read_text())
        assert (
            line
            == pair["filename"]
            == (f"{pair['pair_id']:06d}-{pair['src_imname'][:-4]}-{pair['trg_imname'][:-4]}:{pair['category']}")
        )
        assert len(pair["src_kps"]) == len(pair["trg_kps"]) == len(pair["kps_ids"]) >= 2
        for side in ("src", "trg"):
            picture = json.loads(
                (root / "ImageAnnotation" / pair["category"] / f"{pair[f'{side}_imname'][:-4]}.json").read_text()
            )
            x1, y1, x2, y2 = pair[f"{side}_bndbox"]
            for name, (x, y) in zip(pair["kps_ids"], pair[f"{side}_kps"], strict=True):
                assert picture["kps"][name] == [x, y]
                assert x1 <= x < x2
                assert y1 <= y < y2
            with Image.open(root / "JPEGImages" / pair["category"] / pair[f"{side}_imname"]) as image:
                assert [*image.size, 3] == pair[f"{side}_imsize"]


def test_spair_categories_have_marks_in_every_pose():
    for kind in KINDS:
        assert len(kind.marks()) >= (3 if kind.group in ("Bottle", "Boat") else 4)
        assert len(set(kind.marks())) == len(kind.marks())
    assert len(spair.CATEGORIES) == 12


def test_polygons_and_run_lengths_give_back_the_mask():
    from pycocotools import mask as api

    for seed in range(20):
        blobs = np.random.default_rng(seed).random((9, 11)) < 0.5
        counts = run_lengths(blobs)
        assert np.array_equal(api.decode(api.frPyObjects(counts, 9, 11)).astype(bool), blobs)
        squares = np.kron(blobs, np.ones((4, 4), bool))
        drawn = api.decode(api.merge(api.frPyObjects(polygons(squares), 36, 44))).astype(bool)
        assert (drawn & squares).sum() == squares.sum()
    assert run_lengths(np.ones((2, 2), bool))["counts"] == [0, 4]
    assert run_lengths(np.zeros((2, 2), bool))["counts"] == [4]
    assert polygons(np.pad(np.ones((2, 3), bool), 1)) == [[1, 1, 4, 1, 4, 3, 1, 3]]
