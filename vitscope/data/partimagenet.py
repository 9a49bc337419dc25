"""PartImageNet: images of ImageNet with outlines of their parts, forty categories in eleven super-categories.

Three layouts: the original release (`{split}.json`, `{split}/<wnid>/<wnid>_<n>.JPEG`), its common rearrangement
(`annotations/{split}.json`, `images/{split}/…`), and the segmentation release (`annotations/{split}/{split}.json`,
`images/{split}/*.JPEG`, maybe inside a folder `PartImageNet`). All splits that are there are read as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path

from vitscope.data import annotations, coco, files
from vitscope.data.annotations import Annotations
from vitscope.data.masks import MaskedImage, MaskedSet
from vitscope.data.records import ImageSet, plain
from vitscope.errors import DataError

LAYOUT = (
    "{train,val,test}.json beside {train,val,test}/<wnid>/*.JPEG, or annotations/{train,val,test}.json "
    "(or annotations/train/train.json and so on) and images/{train,val,test}"
)
SPLITS = ("train", "val", "test")
PUBLISHED = 24_095  # images, in both releases
BEYOND_WORDNET = "n16"  # no id of a WordNet noun is above: a tree with such classes is not the published one


@dataclass(frozen=True, slots=True)
class Split:
    """One split: its file of annotations, and the folder of its images."""

    source: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class Found:
    """An image of some split, its class, the super-category of its first part if it has one, and what was left out."""

    image: MaskedImage
    wnid: str
    group: str | None
    left_out: Counter[str]


def read(
    root: Path, *, per_super_class: int | None = None, limit: int | None = None, wholes: bool = False
) -> MaskedSet:
    """All images with their parts; a region's label is the id of its part category, 0 to 39.

    With `per_super_class`, so many images of each super-category, taken in turn from its classes in order of their
    wnids, images of a class in order of their names (the paper's code takes classes in the order of the file
    system). Super-categories come in order of their ids. Without it, images come in order of class and name.
    `limit` keeps the first of these. `wholes` takes the outlines of whole objects, which only the segmentation release
    has. Raises DataError: not laid out so, a file that is no such JSON, splits that disagree about their categories.
    """
    root, splits = _tree(root, wholes)
    contents = [annotations.read(split.source, name=annotations.base_name) for split in splits]
    for split, content in zip(splits, contents, strict=True):
        if content.labels != contents[0].labels:
            raise DataError(f"{split.source} has other categories than {splits[0].source}: they are no one data set.")
    found = [one for split, content in zip(splits, contents, strict=True) for one in _images(root, split, content)]
    found.sort(key=lambda one: (one.wnid, one.image.path.name, one.image.name))
    chosen, short = found, ()
    if per_super_class is not None:
        groups = contents[0].groups
        chosen, short = _sample(found, [groups[number] for number in sorted(groups)], per_super_class)
    chosen = chosen[:limit]
    images = tuple(one.image for one in chosen)
    unknown = [content.left_out[None] for content in contents if None in content.left_out]
    left_out = [*unknown, *(one.left_out for one in chosen)]
    return MaskedSet(
        name=root.name,
        kind="partimagenet",
        root=root,
        images=images,
        labels=contents[0].labels,
        fingerprint=coco.fingerprint(images),
        notes=(
            *files.missing([(image.name, image.size) for image in images], "the ground truth"),
            *annotations.sentences(left_out),
            *short,
            *_published(found),
        ),
    )


def images(root: Path, *, limit: int | None = None, per_class: int | None = None) -> ImageSet:
    """The images alone, in order of class and name."""
    return plain(read(root, limit=limit), per_class)


def _tree(root: Path, wholes: bool) -> tuple[Path, list[Split]]:
    """The root without links, and the splits that are there, in the order train, val, test."""
    inner = root / "PartImageNet"
    whole = (inner if (inner / "annotations").is_dir() else root).resolve()
    splits = []
    for split in SPLITS:
        source = next((path for path in _sources(whole, split, wholes) if path.is_file()), None)
        folder = next((path for path in (whole / split, whole / "images" / split) if path.is_dir()), None)
        if source is not None and folder is None:
            raise files.unlike(whole, "PartImageNet", f"{split} or images/{split} for the images of {source.name}")
        if source is not None and folder is not None:
            splits.append(Split(source, folder))
    if splits:
        return whole, splits
    if wholes and whole.is_dir() and any(path.is_file() for split in SPLITS for path in _sources(whole, split, False)):
        raise DataError(
            f"{whole} has outlines of parts only: those of whole objects come with the segmentation release, as "
            f"annotations/{{train,val,test}}_whole."
        )
    raise files.unlike(whole, "PartImageNet", LAYOUT)


def _sources(root: Path, split: str, wholes: bool) -> list[Path]:
    """Where the annotations of a split may be."""
    above = root / "annotations"
    if wholes:
        return [above / f"{split}_whole" / name for name in (f"{split}_whole.json", f"{split}.json")]
    return [root / f"{split}.json", above / f"{split}.json", above / split / f"{split}.json"]


def _images(root: Path, split: Split, content: Annotations) -> Iterator[Found]:
    """The images of a split, in class folders or not."""
    for number, picture in content.pictures.items():
        wnid = picture.name.partition("_")[0]
        path = next(
            (path for path in (split.folder / wnid / picture.name, split.folder / picture.name) if path.exists()),
            split.folder / picture.name,
        )
        regions = tuple(content.regions.get(number, ()))
        name = path.relative_to(root).as_posix()
        image = MaskedImage(path, name, files.size(path), picture.height, picture.width, regions)
        group = content.groups[regions[0].label] if regions else None
        yield Found(image, wnid, group, content.left_out.get(number, Counter()))


def _sample(found: list[Found], groups: list[str], each: int) -> tuple[list[Found], tuple[str, ...]]:
    """The first `each` images of every super-category, taken in turn from its classes, and what there is to say."""
    if each < 1:
        raise DataError(f"{each} images of each super-category are none: it must be at least 1.")
    classes: dict[str, list[Found]] = {}
    for one in found:
        classes.setdefault(one.wnid, []).append(one)
    group_of = {wnid: next((one.group for one in members if one.group), None) for wnid, members in classes.items()}
    chosen: list[Found] = []
    notes = []
    for group in dict.fromkeys(groups):
        members = [classes[wnid] for wnid in sorted(classes) if group_of[wnid] == group]
        in_turn = (one for one in chain.from_iterable(zip_longest(*members)) if one is not None)
        taken = list(islice(in_turn, each))
        chosen += taken
        if len(taken) < each:
            notes.append(f"{group} has {files.count(len(taken), 'image')}, fewer than the {each} asked for")
    if lost := sorted(wnid for wnid, group in group_of.items() if group is None):
        notes.append(f"{files.count(len(lost), 'class', 'classes')} without any part left out: {', '.join(lost[:5])}")
    return chosen, tuple(notes)


def _published(found: list[Found]) -> tuple[str, ...]:
    """A sentence if a tree of ImageNet's classes has not the published number of images."""
    if len(found) == PUBLISHED or max(one.wnid for one in found) >= BEYOND_WORDNET:
        return ()
    return (f"PartImageNet as published has {PUBLISHED:,} images, this one {len(found):,}",)
