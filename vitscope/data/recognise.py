"""Which kind of data set a folder holds, told from the names of files alone."""

from __future__ import annotations

from pathlib import Path

from vitscope.data import revisited

SPLITS = ("train", "val", "test")
INSTANCES = tuple(f"annotations/instances_{split}2017.json" for split in ("train", "val"))
PARTS = tuple(
    name
    for split in SPLITS
    for name in (f"{split}.json", f"annotations/{split}.json", f"annotations/{split}/{split}.json")
)


def kind_of(root: Path) -> str:
    """A key of catalog.DATASETS; `images` where nothing says more, which its reader then reports.

    The tree may also lie in a folder of `root` that is called as its archive unpacks. What was recognised may still be
    incomplete: its reader says what is missing.
    """
    for name in revisited.NAMES:
        if (root / f"gnd_{name}.pkl").is_file():
            return name
    if _any_folder(root, "PairAnnotation", "SPair-71k/PairAnnotation"):
        return "spair"
    if _any_folder(root, "JPEGImages/480p", "Annotations/480p", "DAVIS/JPEGImages/480p"):
        return "davis"
    if any((root / above / name).is_file() for above in ("", "coco") for name in INSTANCES):
        return "coco"
    if any((root / above / name).is_file() for above in ("", "PartImageNet") for name in PARTS):
        return "partimagenet"
    return "imagenet" if _is_imagenet(root) else "images"


def _any_folder(root: Path, *names: str) -> bool:
    return any((root / name).is_dir() for name in names)


def _is_imagenet(root: Path) -> bool:
    """Whether there is a folder of training and one of validation images, Kaggle's folders, or the hub's files."""
    if (root / "train").is_dir() and _any_folder(root, "val", "validation"):
        return True
    if _any_folder(root, "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC", "ILSVRC2012_devkit_t12"):
        return True
    hub = (folder.glob(f"{split}-*.parquet") for folder in (root / "data", root) for split in ("train", "validation"))
    return any(next(found, None) is not None for found in hub)
