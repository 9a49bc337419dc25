"""A folder of photographs, flat or in class folders.

A folder whose images all lie in subfolders is a data set with classes: each first-level subfolder that holds an image,
however deep, is a class. As soon as one image lies in the folder itself, the folder is flat: subfolders are still read,
but mean nothing. Hidden files and what archives of macOS leave behind are not looked at. Links are followed, a
link back into its own path is not; a link or file that cannot be opened stays in the list, so that it is reported.
"""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath

from vitscope.data import files
from vitscope.data.records import ImageSet, Record
from vitscope.errors import DataError

SUFFIXES = frozenset(("bmp", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp"))  # in any case
SPLITS = frozenset(("train", "val", "validation", "test"))
LEFTOVERS = frozenset(("__MACOSX", "lost+found"))


def read(root: Path, *, limit: int | None = None, per_class: int | None = None) -> ImageSet:
    """The images below `root` (or the single image file `root`), sorted by relative path in plain string order.

    `per_class` keeps the first n images of every class, then `limit` the first n of what is left; `classes` names,
    sorted, those of which an image was kept. Raises DataError: no such folder, nothing to read in it, a folder that
    may not be read, a selection that makes no sense.
    """
    check(limit, per_class)
    try:
        mode = root.stat().st_mode
    except OSError as error:
        raise DataError(f"{root}: no folder or file of images there ({error.strerror}).") from None
    if not stat.S_ISDIR(mode):
        return _single(root, mode, per_class)
    others: Counter[str] = Counter()
    in_classes = not any(not is_folder and is_image(name) for name, is_folder in entries(root))
    if per_class is not None and not in_classes:
        raise DataError(f"--per-class needs class folders, but {root} has images at its top: use --limit instead.")
    names = walk(root, "", frozenset(), others)
    chosen = list(islice(names if per_class is None else _first_of_each(names, per_class), _most(limit)))
    if not chosen:
        raise DataError(_nothing(root, others))
    classes = tuple(sorted({_top(name) for name in chosen})) if in_classes else ()
    label = {name: index for index, name in enumerate(classes)}
    records = tuple(
        Record(path := root / name, name, label[_top(name)] if in_classes else None, files.size(path))
        for name in chosen
    )
    return ImageSet(_called(root), "images", root, records, classes)


def _most(limit: int | None) -> int | None:
    return None if limit is None else min(limit, sys.maxsize)


def check(limit: int | None, per_class: int | None) -> None:
    """Raise DataError for a selection that keeps nothing."""
    for option, count in (("--limit", limit), ("--per-class", per_class)):
        if count is not None and count < 1:
            raise DataError(f"{option} {count} keeps no image: it must be at least 1.")


def _single(path: Path, mode: int, per_class: int | None) -> ImageSet:
    """The set of one image."""
    if not (stat.S_ISREG(mode) and is_image(path.name)):
        raise DataError(f"{path} is neither a folder nor a file with one of the suffixes {_suffixes()}.")
    if per_class is not None:
        raise DataError(f"--per-class needs class folders, but {path} is one image.")
    return ImageSet(_called(path), "images", path.parent, (Record(path, path.name, None, files.size(path)),), ())


def walk(folder: Path, prefix: str, above: frozenset[tuple[int, int]], others: Counter[str]) -> Iterator[str]:
    """Relative names of the images below `folder` in string order; suffixes of other files are counted in `others`.

    Sorting folders with their "/" makes the order of the walk the order of the paths, so that nothing need be read
    beyond the images that are wanted. `above` identifies the folders on the way here.
    """
    try:
        status, inside = folder.stat(), entries(folder)
    except FileNotFoundError:
        return
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for name, is_folder in inside:
        if is_folder:
            yield from walk(folder / name, f"{prefix}{name}/", above | {here}, others)
        elif is_image(name):
            yield f"{prefix}{name}"
        else:
            others[PurePath(name).suffix.lower()] += 1


def entries(folder: Path) -> list[tuple[str, bool]]:
    """(name, is a folder) of everything in `folder` that is a folder, a file or a broken link, sorted as paths are."""
    try:
        with os.scandir(folder) as scan:
            kinds = [(entry.name, _is_folder(entry)) for entry in scan if not _is_hidden(entry.name)]
    except FileNotFoundError:  # it has gone since it was listed, as folders in /proc do
        return []
    except OSError as error:
        raise DataError(
            f"the folder {folder} cannot be read ({error.strerror}): make it readable, or move it out of the data set."
        ) from None
    known = [(name, is_folder) for name, is_folder in kinds if is_folder is not None]
    return sorted(known, key=lambda entry: f"{entry[0]}/" if entry[1] else entry[0])


def _is_folder(entry: os.DirEntry[str]) -> bool | None:
    """True for a folder, False for a file or a link that leads nowhere, None for what may never end when read."""
    if not entry.is_symlink():
        return True if entry.is_dir() else False if entry.is_file() else None
    try:
        mode = entry.stat().st_mode
    except OSError:
        return False
    return True if stat.S_ISDIR(mode) else False if stat.S_ISREG(mode) else None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in LEFTOVERS


def _first_of_each(names: Iterator[str], count: int) -> Iterator[str]:
    """The first `count` names of every first-level folder."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[_top(name)] += 1
        if seen[_top(name)] <= count:
            yield name


def _top(name: str) -> str:
    """The first-level folder that a relative name lies in."""
    return name.partition("/")[0]


def is_image(name: str) -> bool:
    """Whether a file is called like an image, in any case of letters."""
    return name.rpartition(".")[2].lower() in SUFFIXES and "." in name


def _called(path: Path) -> str:
    """A name for people: that of the folder or file, with its parent's where the name alone is that of a split."""
    whole = path.resolve()
    return f"{whole.parent.name}-{whole.name}" if whole.name in SPLITS else whole.name or "images"


def _suffixes() -> str:
    return ", ".join(f".{suffix}" for suffix in sorted(SUFFIXES))


def _nothing(root: Path, others: Counter[str]) -> str:
    """The sentence for a folder without images."""
    kinds = ", ".join(f"{count} × {suffix or 'no suffix'}" for suffix, count in others.most_common(5))
    found = f"found {others.total()} other files ({kinds})" if others else "found no files at all"
    return f"no images in {root}: looked in it and its subfolders for {_suffixes()}, {found}."
