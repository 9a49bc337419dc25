"""ROxford5k and RParis6k: `gnd_{roxford5k,rparis6k}.pkl` beside `jpg/*.jpg`, queries and database in one folder.

The ground truth is a pickle, which could run anything when it is read. It is taken apart by an unpickler that knows
plain values alone: no opcode that names a class or a function passes, and the two published files hold none.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import pickletools
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from vitscope.data import files
from vitscope.data.records import ImageSet, Record, without_classes
from vitscope.errors import DataError

NAMES = ("roxford5k", "rparis6k")
PUBLISHED = {
    "roxford5k": (4993, 70, "ba7967754bd2d7d2210a5799f9c45ad5835e269a80ef9d3eba44caa35816c471"),
    "rparis6k": (6322, 70, "d2e729a5293dda7dda8a15c8383424a42e4964a2c4cfea2f32fa85d11d2df499"),
}  # database images, queries, sha256 of the ground truth
LARGEST = 64 << 20  # bytes of a file of ground truth; the published ones have less than 300,000
PLAIN = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
        *("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("APPEND", "APPENDS", "SETITEM", "SETITEMS"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT", "BININT", "BININT1", "BININT2"),
    )
)  # opcodes of lists, dicts, tuples, texts and numbers


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Which images of the database show what a query shows: places in it, int64, ascending, of which none is twice."""

    easy: np.ndarray
    hard: np.ndarray
    junk: np.ndarray


@dataclass(frozen=True, slots=True)
class Revisited:
    """A data set for retrieval. Records of `queries` have the box around what is to be found; names have no labels."""

    name: str  # roxford5k or rparis6k
    root: Path
    database: ImageSet
    queries: ImageSet
    truth: tuple[Truth, ...]  # one for each query
    fingerprint: str  # sha256 over all names, sizes, boxes and the ground truth
    notes: tuple[str, ...]


def read(root: Path, *, name: str | None = None) -> Revisited:
    """The data set in `root`, or in a folder of `root` that is called like it; `name` says which if both are there.

    Order is that of the ground truth, whose places count. Raises DataError: not laid out so, a pickle of anything but
    plain lists, dicts, texts and numbers, names that lead elsewhere, places out of range or in two lists.
    """
    root, name = _tree(root, name)
    source = root / f"gnd_{name}.pkl"
    raw = files.content(source, LARGEST)
    content = _fields(_unpickled(raw, source), ("gnd", "imlist", "qimlist"), f"{source}: the content")
    listed, asked = (_names(content[key], f"{source}: {key}") for key in ("imlist", "qimlist"))
    truths = _list(content["gnd"], f"{source}: gnd")
    if len(truths) != len(asked):
        raise DataError(f"{source}: gnd has {len(truths)} entries, but qimlist names {len(asked)} queries.")
    found = [_truth(value, len(listed), f"{source}: gnd[{place}]") for place, value in enumerate(truths)]
    database = _images(root, name, listed, [None] * len(listed))
    queries = _images(root, name, asked, [box for box, _ in found])
    truth = tuple(one for _, one in found)
    both = [(record.name, record.size) for record in chain(database.records, queries.records)]
    places = ([part.tolist() for part in (one.easy, one.hard, one.junk)] for one in truth)
    return Revisited(
        name=name,
        root=root,
        database=database,
        queries=queries,
        truth=truth,
        fingerprint=files.digest([database.fingerprint, queries.fingerprint, *places]),
        notes=(*files.missing(both, source.name), *_published(name, len(listed), len(asked), raw)),
    )


def roxford5k(root: Path, *, limit: int | None = None, per_class: int | None = None) -> ImageSet:
    """The database of ROxford5k alone, without labels."""
    return _database(root, "roxford5k", limit, per_class)


def rparis6k(root: Path, *, limit: int | None = None, per_class: int | None = None) -> ImageSet:
    """The database of RParis6k alone, without labels."""
    return _database(root, "rparis6k", limit, per_class)


def _database(root: Path, name: str, limit: int | None, per_class: int | None) -> ImageSet:
    found = read(root, name=name)
    without_classes(per_class, root, name)
    return replace(found.database, records=found.database.records[:limit], notes=found.notes)


def _tree(root: Path, name: str | None) -> tuple[Path, str]:
    """The folder of the ground truth without links, and its name."""
    wanted = NAMES if name is None else (name,)
    for folder in (root, *(root / one for one in wanted)):
        there = [one for one in wanted if (folder / f"gnd_{one}.pkl").is_file()]
        if len(there) == 1 and (folder != root / there[0] or not _both(root, wanted)):
            if not (folder / "jpg").is_dir():
                raise files.unlike(folder, there[0], f"the folder jpg beside gnd_{there[0]}.pkl")
            return folder.resolve(), there[0]
    if _both(root, wanted):
        raise DataError(f"{root} holds {' and '.join(wanted)}: give the folder of one of them.")
    expected = " or ".join(f"gnd_{one}.pkl" for one in wanted)
    raise files.unlike(root, "a revisited Oxford or Paris", f"{expected} beside jpg/*.jpg")


def _both(root: Path, wanted: tuple[str, ...]) -> bool:
    """Whether more than one data set is in folders of `root`, or in it."""
    found = [one for one in wanted if any((folder / f"gnd_{one}.pkl").is_file() for folder in (root, root / one))]
    return len(found) > 1


class _Plain(pickle.Unpickler):
    """Builds lists, dicts, texts and numbers, and nothing that has a name."""

    def find_class(self, module_name: str, global_name: str) -> NoReturn:
        """Refuse: this is how a pickle reaches code."""
        raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuse: there are no objects outside of the file."""
        raise pickle.UnpicklingError(f"it asks for the object {pid!r}")


def _unpickled(raw: bytes, source: Path) -> Any:
    """The plain values in a pickle. The opcodes are looked at first: the unpickler takes memory as a pickle says."""
    try:
        for opcode, argument, _ in pickletools.genops(raw):
            if opcode.name not in PLAIN:
                raise pickle.UnpicklingError(f"it uses {opcode.name}")
            if isinstance(argument, int) and opcode.name.endswith("BINPUT") and argument > len(raw):
                raise pickle.UnpicklingError(f"it numbers a value {argument}")
        return _Plain(io.BytesIO(raw)).load()
    except Exception as error:  # a damaged pickle raises any class
        raise DataError(
            f"{source} is not read: it must be a pickle of plain lists, dicts, texts and numbers only, but "
            f"{str(error) or type(error).__name__}."
        ) from None


def _fields(value: Any, keys: tuple[str, ...], where: str) -> dict[str, Any]:
    """A dict that has all of `keys`."""
    if not isinstance(value, dict) or not set(keys) <= set(value):
        raise DataError(f"{where} must be a dict with {', '.join(keys)}.")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise DataError(f"{where} must be a list.")
    return list(value)


def _names(value: Any, where: str) -> list[str]:
    """Names of images, without folder and suffix."""
    names = _list(value, where)
    for place, name in enumerate(names):
        if not isinstance(name, str) or not files.is_bare(f"{name}.jpg"):
            raise DataError(f"{where}[{place}] must be the name of an image without a folder.")
    if not names:
        raise DataError(f"{where} names no image.")
    return names


def _truth(value: Any, images: int, where: str) -> tuple[tuple[float, float, float, float], Truth]:
    """The box and the three lists of a query."""
    fields = _fields(value, ("bbx", "easy", "hard", "junk"), where)
    box = _list(fields["bbx"], f"{where}.bbx")
    if len(box) != 4 or not all(type(side) in (int, float) and math.isfinite(side) for side in box):
        raise DataError(f"{where}.bbx must be four numbers: left, top, right, bottom.")
    left, top, right, bottom = (float(side) for side in box)
    if not (left < right and top < bottom and max(map(abs, box)) <= 1e6):
        raise DataError(f"{where}.bbx must be left, top, right, bottom in pixels, but is {box}.")
    easy, hard, junk = (_places(fields[key], images, f"{where}.{key}") for key in ("easy", "hard", "junk"))
    everything = np.sort(np.concatenate([easy, hard, junk]))
    if (everything[1:] == everything[:-1]).any():
        raise DataError(f"{where}: an image is listed twice among easy, hard and junk.")
    return (left, top, right, bottom), Truth(easy, hard, junk)


def _places(value: Any, images: int, where: str) -> np.ndarray:
    """Places in the database, ascending."""
    places = _list(value, where)
    if len(places) > images or not all(type(place) is int and 0 <= place < images for place in places):
        raise DataError(f"{where} must list places in imlist, whole numbers from 0 to {images - 1}.")
    return np.array(sorted(places), dtype=np.int64)


def _images(root: Path, name: str, stems: list[str], boxes: list[Any]) -> ImageSet:
    """The images of some names, in their order."""
    records = tuple(
        Record(path := root / "jpg" / f"{stem}.jpg", f"jpg/{stem}.jpg", None, files.size(path), box)
        for stem, box in zip(stems, boxes, strict=True)
    )
    return ImageSet(name, name, root, records, ())


def _published(name: str, images: int, queries: int, raw: bytes) -> tuple[str, ...]:
    """A sentence if this is not the published ground truth."""
    counts = PUBLISHED[name][:2]
    if counts != (images, queries):
        here = f"this one {images:,} and {queries:,}"
        return (f"{name} as published has {counts[0]:,} images and {counts[1]} queries, {here}",)
    if hashlib.sha256(raw).hexdigest() != PUBLISHED[name][2]:
        return (f"gnd_{name}.pkl is not the published file: its sha256 differs",)
    return ()
