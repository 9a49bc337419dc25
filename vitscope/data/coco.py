"""COCO 2017: photographs with outlines of objects, in `annotations/instances_{train,val}2017.json`.

Images lie in `{split}2017/`, as the official archives unpack, or in `images/{split}2017/`. Any data set in this form is
read, whatever its categories.
"""

from __future__ import annotations

from pathlib import Path

from vitscope.data import annotations, files
from vitscope.data.annotations import Annotations
from vitscope.data.masks import MaskedImage, MaskedSet
from vitscope.data.records import ImageSet, plain
from vitscope.errors import DataError

LAYOUT = "annotations/instances_val2017.json and the folder val2017 or images/val2017"
PUBLISHED = {"val": (5000, 36781), "train": (118287, 860001)}  # images, annotations with crowds
CATEGORIES = frozenset(range(1, 91)) - {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}  # ids of COCO's eighty


def read(root: Path, *, split: str = "val", limit: int | None = None) -> MaskedSet:
    """The images of a split in ascending order of their ids, the first `limit` of them, with their regions.

    Images without a region are in the list, and count for `limit` as they do in the paper's code.
    Crowds are regions too. Annotations that cannot be used are left out and counted. Raises DataError: not laid out so,
    a file that is no such JSON, an image name that leads out of the folder.
    """
    root, source, folder = _tree(root, split)
    found = annotations.read(source)
    chosen = sorted(found.pictures)[:limit]
    images = tuple(_image(root, folder, found, number) for number in chosen)
    ours = {None, *chosen}  # None: what belongs to no image
    kept = [counted for number, counted in found.left_out.items() if number in ours]
    where = source.name
    return MaskedSet(
        name=f"{root.name}-{split}2017",
        kind="coco",
        root=root,
        images=images,
        labels=found.labels,
        fingerprint=fingerprint(images),
        notes=(
            *files.missing([(image.name, image.size) for image in images], where),
            *annotations.sentences(kept),
            *_published(found, split),
        ),
    )


def images(root: Path, *, limit: int | None = None, per_class: int | None = None) -> ImageSet:
    """The photographs alone, of the validation split if it is there, else of training."""
    found = [split for split in PUBLISHED if (_above(root) / "annotations" / f"instances_{split}2017.json").is_file()]
    split = found[0] if found else "val"
    return plain(read(root, split=split, limit=limit), per_class)


def fingerprint(images: tuple[MaskedImage, ...]) -> str:
    """sha256 over names, sizes in bytes and pixels, and all regions in order."""
    return files.digest(
        [
            image.name,
            image.size,
            image.height,
            image.width,
            [[region.label, region.crowd, region.segmentation] for region in image.regions],
        ]
        for image in images
    )


def _above(root: Path) -> Path:
    """The folder that holds `annotations`, which `root` may be one level above."""
    return root / "coco" if (root / "coco" / "annotations").is_dir() else root


def _tree(root: Path, split: str) -> tuple[Path, Path, Path]:
    """The root without links, the file of annotations, and the folder of images."""
    if split not in PUBLISHED:
        raise DataError(f"COCO has no split called {split!r}: there are {' and '.join(sorted(PUBLISHED))}.")
    whole = _above(root).resolve()
    source = whole / "annotations" / f"instances_{split}2017.json"
    expected = LAYOUT.replace("val", split)
    folders = [whole / f"{split}2017", whole / "images" / f"{split}2017"]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if not source.is_file() or folder is None:
        raise files.unlike(whole, "COCO 2017", expected)
    return whole, source, folder


def _image(root: Path, folder: Path, found: Annotations, number: int) -> MaskedImage:
    picture = found.pictures[number]
    path = folder / picture.name
    name, size = path.relative_to(root).as_posix(), files.size(path)
    return MaskedImage(path, name, size, picture.height, picture.width, tuple(found.regions.get(number, ())))


def _published(found: Annotations, split: str) -> tuple[str, ...]:
    """A sentence if a tree with COCO's categories has other counts."""
    counts = len(found.pictures), found.total
    if set(found.labels) != CATEGORIES or counts == PUBLISHED[split]:
        return ()
    expected, here = (f"{images:,} images and {total:,} annotations" for images, total in (PUBLISHED[split], counts))
    return (f"COCO {split}2017 as published has {expected}, this one {here}",)
