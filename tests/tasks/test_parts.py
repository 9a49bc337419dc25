"""Parts of PartImageNet: which pictures are taken, labels from 0, and the same vectors as objects have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tasks import backbones, outlines
from vitscope.errors import DataError
from vitscope.tasks import Asked
from vitscope.tasks.objects import Objects
from vitscope.tasks.parts import Parts

PICTURES: list[outlines.Picture] = [
    (90, 60, [(0, (10, 10, 50, 40))]),
    (60, 60, [(24, (5, 5, 30, 30)), (24, (20, 20, 60, 60))]),
    (60, 90, [(0, (5, 5, 30, 30)), (0, (1, 50, 50, 80))]),
]


def parts(root: Path, **changes: object) -> Parts:
    return Parts(Asked(**{"root": root, "options": {"clusters": 2}, **changes}))  # type: ignore[arg-type]


def test_the_label_0_is_a_label(tmp_path: Path) -> None:
    task = parts(outlines.partimagenet(tmp_path / "parts", PICTURES))
    model = backbones.named("random/demo-fs")
    state = task.measure(0, model).state
    assert sorted(state["labels"].tolist()) == [0, 0, 0, 24, 24]
    found = task.compute([state])
    assert {name: array.dims for name, array in found.arrays.items()} == dict.fromkeys(
        ("purity", "nmi", "ari"), ("layer",)
    )
    assert all(array.values.shape == (8,) for array in found.arrays.values())
    assert found.count == 3


def test_vectors_are_those_of_objects(tmp_path: Path) -> None:
    """The same picture and outline give the same vectors, whatever data set they come from."""
    pictures: list[outlines.Picture] = [(90, 60, [(24, (10, 10, 50, 40)), (24, (40, 5, 80, 60))])]
    same: list[outlines.Picture] = [(90, 60, [(3, (10, 10, 50, 40)), (7, (40, 5, 80, 60))])]
    model = backbones.named("random/demo-fs")
    tree = outlines.partimagenet(tmp_path / "parts", [*pictures, PICTURES[0]])
    other = outlines.coco(tmp_path / "coco", same)
    (car,) = (tree / "val" / "n99000002").iterdir()
    car.write_bytes((other / "val2017" / "000000000001.jpg").read_bytes())
    state = parts(tree).measure(0, model).state
    objects = Objects(Asked(root=other, options={"clusters": 2})).measure(0, model).state
    np.testing.assert_array_equal(state["vectors"][state["labels"] == 24], objects["vectors"])


def test_so_many_of_each_super_category(tmp_path: Path) -> None:
    root = outlines.partimagenet(tmp_path, PICTURES * 2)
    assert len(parts(root)._data.images) == 6
    assert "100 images of each super-category, as in the paper; --per-class takes more or fewer." in parts(root).notes
    few = parts(root, per_class=1)
    assert len(few._data.images) == 2
    assert few.fingerprint != parts(root).fingerprint
    assert not any("as in the paper" in note for note in few.notes)


def test_another_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="PartImageNet"):
        parts(outlines.coco(tmp_path, PICTURES[:1]))
