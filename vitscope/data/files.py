"""What all readers of data sets share: names that may be trusted, sizes, listings, and how a wrong tree is reported."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from vitscope.errors import DataError

MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
"""What the system says of a path at which there is no file."""

LONGEST = 255  # bytes of a file name, on every common file system
LISTED = 8  # entries of a folder that a message names


def is_bare(name: str) -> bool:
    """Whether `name` is that of one file and leads nowhere else: no folders, no way up, nothing a path cannot hold.

    >>> [is_bare(name) for name in ("000000000139.jpg", "../a.jpg", "/etc/passwd", "a\\\\b.jpg", "", "..")]
    [True, False, False, False, False, False]
    """
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return name not in {"", ".", ".."} and not set(name) & {"/", "\\", "\0"} and len(encoded) <= LONGEST


def size(path: Path) -> int:
    """Bytes of a file; 0 for one that is missing (reading its pixels says why).

    DataError where the system does not tell: a list in which a size is missing would be that of another data set.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        if error.errno not in MISSING:
            raise DataError(f"{path} cannot be looked at: {error.strerror}.") from None
        return 0


def names(folder: Path, *suffixes: str) -> list[str]:
    """Names in `folder` in string order without hidden ones, of the given suffixes (lower case) if any; DataError."""
    try:
        found = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be read: {error.strerror}.") from None
    return [name for name in found if not suffixes or name.lower().endswith(suffixes)]


def content(path: Path, most: int = 1 << 32) -> bytes:
    """The bytes of a file of ground truth; raises DataError if it cannot be read or is larger than `most`."""
    try:
        if path.stat().st_size > most:
            raise DataError(f"{path} is larger than {most:,} bytes, so it is not what it is called.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None


def sha256(path: Path) -> str:
    """sha256 of a file; raises DataError."""
    return hashlib.sha256(content(path)).hexdigest()


def lines(path: Path) -> list[str]:
    """The lines of a text file, stripped, without empty ones; raises DataError."""
    try:
        text = content(path).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not text in UTF-8.") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def unlike(root: Path, what: str, expected: str) -> DataError:
    """The error for a folder that is not laid out as `what` is; says what was found instead."""
    if not root.is_dir():
        return DataError(f"{root}: no folder there; {what} is expected as {expected}.")
    there = names(root)
    found = ", ".join(there[:LISTED]) + (f" and {len(there) - LISTED} more" if len(there) > LISTED else "")
    return DataError(f"{root} is not laid out as {what}: expected {expected}; found {found or 'nothing'}.")


def digest(values: Iterable[object]) -> str:
    """sha256 over values that JSON can hold, one line of ASCII each."""
    total = hashlib.sha256()
    for value in values:
        total.update(f"{json.dumps(value)}\n".encode("ascii"))
    return total.hexdigest()


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> count(1, "image"), count(4993, "image")
    ('1 image', '4,993 images')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def missing(paths: Iterable[tuple[str, int]], where: str) -> tuple[str, ...]:
    """A sentence about files of size 0, which cannot be read, out of (name, size); DataError if all are."""
    everything = list(paths)
    lost = [name for name, size in everything if size == 0]
    if everything and len(lost) == len(everything):
        raise DataError(f"none of the {count(len(lost), 'file')} that {where} names is there; the first is {lost[0]}.")
    if not lost:
        return ()
    return (f"{len(lost):,} of {len(everything):,} files that {where} names are missing or empty, first {lost[0]}",)
