"""ImageNet-1k in its four layouts, and any class folders with `train/` and `val/`.

Class folders (`{train,val}/<wnid>/*.JPEG`); the same with all of `val` in one folder, labelled by the development kit;
Kaggle's `ILSVRC/Data/CLS-LOC`; and the parquet files of the Hugging Face hub (with pyarrow).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from vitscope.data import devkit, files, parquet
from vitscope.data.images import check, entries, is_image, walk
from vitscope.data.records import ImageSet, Record
from vitscope.errors import DataError

LAYOUT = (
    "train/<class>/* and val/<class>/*, ILSVRC/Data/CLS-LOC/{train,val} as from Kaggle, or data/train-*.parquet and "
    "data/validation-*.parquet"
)
INNER = ("", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")
PUBLISHED = {"train": 1_281_167, "val": 50_000}
CLASSES = 1000
BEYOND_WORDNET = "n16"  # no id of a WordNet noun is above
SPLITS = {"train": ("train",), "val": ("val", "validation")}  # what a split's folder or files may be called
FIRST_NAMES = 100  # images of a class in ImageNet-50
FIFTY = (
    "n01601694", "n01669191", "n01755581", "n01770393", "n01855672", "n02018207", "n02058221", "n02096177",
    "n02097130", "n02099267", "n02100877", "n02104365", "n02106030", "n02114855", "n02125311", "n02133161",
    "n02484975", "n02489166", "n02747177", "n02906734", "n03124170", "n03272010", "n03337140", "n03483316",
    "n03498962", "n03710721", "n03717622", "n03733281", "n03759954", "n03775071", "n03814639", "n03837869",
    "n03838899", "n03854065", "n03954731", "n03983396", "n04026417", "n04200800", "n04209239", "n04311004",
    "n04380533", "n04428191", "n04443257", "n04509417", "n04525305", "n04554684", "n04606251", "n07583066",
    "n07711569", "n07753592",
)  # the classes of ImageNet-50 (paper section 3.3), from SCAN  # fmt: skip


@dataclass(frozen=True, slots=True)
class Split:
    """One split: its classes, sorted, and the names of the images of a class, relative to the root and sorted."""

    classes: tuple[str, ...]
    names: Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """An image in a parquet file: where it is, relative to the root, what it is called there, and its label."""

    name: str
    image: str
    label: int


def read(
    root: Path,
    *,
    split: str = "train",
    limit: int | None = None,
    per_class: int | None = None,
    wnids: Sequence[str] | None = None,
) -> ImageSet:
    """The images of a split by class, those of a class in the order of their names.

    A label is the rank of the image's class among all classes of the tree, of both splits, or among `wnids` if only
    these are wanted. `per_class` keeps the first n images of every class, then `limit` the first n of what is left.
    Raises DataError: not laid out so, labels that are missing, a class of `wnids` without images.
    """
    check(limit, per_class)
    whole = root.resolve()
    if split not in SPLITS:
        raise DataError(f"ImageNet has no split called {split!r} here: there are {' and '.join(SPLITS)}.")
    found = _split(whole, split)
    if found is None:
        raise files.unlike(whole, f"ImageNet with a split {split}", LAYOUT)
    if wnids is None:
        other = _split(whole, "val" if split == "train" else "train")
        classes = sorted({*found.classes, *(other.classes if other else ())})
    else:
        classes = sorted(set(wnids))
        if lost := sorted(set(classes) - set(found.classes)):
            raise DataError(
                f"{whole} has no class {', '.join(lost[:5])} in {split} ({len(lost)} of {len(classes)} lack)."
            )
    return _chosen(whole, split, found, classes, limit, per_class, every=wnids is None)


def imagenet50(root: Path, *, limit: int | None = None, per_class: int | None = None) -> ImageSet:
    """ImageNet-50: of fifty classes the first hundred training images in the order of their names.

    The paper has as many (section 3.3), and its code takes the same.
    """
    found = read(root, split="train", wnids=FIFTY, limit=limit, per_class=per_class or FIRST_NAMES)
    counts = Counter(record.label for record in found.records)
    few = [name for label, name in enumerate(found.classes) if counts[label] < FIRST_NAMES]
    notes: tuple[str, ...] = ()
    if few and limit is None and per_class is None:
        number = files.count(len(few), "class", "classes")
        notes = (f"{number} of ImageNet-50 with fewer than {FIRST_NAMES} images, first {few[0]}",)
    return replace(found, name="imagenet-50", notes=notes)


def has_fifty(root: Path) -> bool:
    """Whether a tree has all classes of ImageNet-50 among its training images; raises DataError."""
    found = _split(root.resolve(), "train")
    return found is not None and set(FIFTY) <= set(found.classes)


def images(root: Path, *, limit: int | None = None, per_class: int | None = None) -> ImageSet:
    """What an extraction looks at: ImageNet-50 if its classes are there, else the validation split, else training."""
    if has_fifty(root):
        return imagenet50(root, limit=limit, per_class=per_class)
    split = "val" if _split(root.resolve(), "val") else "train"
    return read(root, split=split, limit=limit, per_class=per_class)


def _chosen(
    root: Path, split: str, found: Split, classes: list[str], limit: int | None, per_class: int | None, *, every: bool
) -> ImageSet:
    """The images of some classes; `every` says that these are all there are."""
    records: list[Record] = []
    empty = []
    for label, wnid in enumerate(classes):
        names = found.names(wnid) if wnid in found.classes else ()
        if not names:
            empty.append(wnid)
        wanted = islice(names, per_class)
        records += (Record(root / name, name, label, _size(root / name)) for name in wanted)
        if limit is not None and len(records) >= limit:
            break
    if empty and not every:
        raise DataError(f"{root} has no image of the class {empty[0]} in {split}.")
    if not records:
        raise DataError(f"{root} has no image in {split}: looked in {files.count(len(classes), 'class', 'classes')}.")
    whole = every and limit is None and per_class is None
    notes = []
    if empty:
        notes.append(f"{files.count(len(empty), 'class', 'classes')} without an image in {split}, first {empty[0]}")
    if whole and _is_wordnet(classes) and (len(records), len(classes)) != (PUBLISHED[split], CLASSES):
        published = f"{PUBLISHED[split]:,} images of {CLASSES:,} classes"
        notes.append(f"ImageNet-1k {split} as published has {published}, this one {len(records):,} of {len(classes):,}")
    name = f"{root.name}-{split}"
    return ImageSet(name, "imagenet", root, tuple(records[:limit]), tuple(classes), notes=tuple(notes))


def _is_wordnet(classes: list[str]) -> bool:
    """Whether classes are called as ImageNet's are."""
    return all(devkit.WNID.fullmatch(name) for name in classes) and classes[-1] < BEYOND_WORDNET


def _split(root: Path, split: str) -> Split | None:
    """A split in whatever layout it has; None if there is none."""
    for folder in (root / inner / name for inner in INNER for name in SPLITS[split]):
        if folder.is_dir():
            inside = entries(folder)
            classes = tuple(sorted(name for name, is_folder in inside if is_folder))
            if classes:
                return Split(classes, partial(_in_folder, root, folder))
            if names := [name for name, is_folder in inside if not is_folder and is_image(name)]:
                return _flat(root, folder, names)
    rows = _rows(root, split)
    return _in_parquet(rows, {} if all(map(_wnid, rows)) else _wnids(root)) if rows else None


def _in_folder(root: Path, folder: Path, wnid: str) -> list[str]:
    """Names of the images of a class folder, however deep."""
    prefix = f"{folder.relative_to(root).as_posix()}/{wnid}/"
    return list(walk(folder / wnid, prefix, frozenset(), Counter()))


def _flat(root: Path, folder: Path, names: list[str]) -> Split:
    """A split whose images lie in one folder."""
    prefix = folder.relative_to(root).as_posix()
    members: dict[str, list[str]] = {}
    for name, wnid in devkit.labels(folder, names).items():
        members.setdefault(wnid, []).append(f"{prefix}/{name}")
    return _of(members)


def _rows(root: Path, split: str) -> list[Row]:
    """The images of a split in parquet files; none if there are no such files."""
    for folder in (root / "data", root):
        names = files.names(folder, parquet.SUFFIX) if folder.is_dir() else []
        if names := [name for name in names if name.startswith(SPLITS[split])]:
            prefix = "data/" if folder != root else ""
            return [
                Row(f"{prefix}{name}/{row:06d}", image, label)
                for name in names
                for row, (image, label) in enumerate(parquet.index(folder / name))
            ]
    return []


def _wnid(row: Row) -> str | None:
    """The class that stands at the end of an image's name."""
    match = re.search(r"(n\d{8})\.\w+$", row.image)
    return match[1] if match else None


def _wnids(root: Path) -> dict[int, str]:
    """The class of every label, as far as names of images in either split say it."""
    return {row.label: wnid for split in SPLITS for row in _rows(root, split) if (wnid := _wnid(row))}


def _in_parquet(rows: list[Row], wnid_of: dict[int, str]) -> Split:
    """A split in parquet files: the class is said by an image's name, or by its label, or is the label's number."""
    members: dict[str, list[str]] = {}
    label_of: dict[str, int] = {}
    for row in rows:
        wnid = _wnid(row) or wnid_of.get(row.label, f"{row.label:04d}")
        if label_of.setdefault(wnid, row.label) != row.label:
            raise DataError(f"{row.name}: {wnid} has the label {row.label}, and {label_of[wnid]} elsewhere.")
        members.setdefault(wnid, []).append(row.name)
    return _of(members)


def _of(members: dict[str, list[str]]) -> Split:
    return Split(tuple(sorted(members)), lambda wnid: sorted(members.get(wnid, ())))


def _size(path: Path) -> int:
    """Bytes of an image's file, or of the parquet file that it is in."""
    return files.size(path.parent if parquet.holds(path) else path)
