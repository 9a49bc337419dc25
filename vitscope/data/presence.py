"""Whether a data set is still there: a disk that is taken away must not look like so many unreadable images."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from vitscope.data import parquet
from vitscope.errors import DataError


def check(root: Path, sample: Iterable[Path]) -> None:
    """DataError if no file of `sample`, all of which were there before, can be read any more; nor can `root`, if none.

    To be asked when files were lost that were there when the folder was listed: single ones may well have been removed.
    """
    problem = ""
    for path in sample:
        try:
            _touch(path.parent if parquet.holds(path) else path)
        except OSError as error:
            problem = problem or (error.strerror or str(error)).lower()
        else:
            return
    if not problem:
        try:
            with os.scandir(root) as entries:
                if next(entries, None) is not None:
                    return
            problem = "the folder is empty"
        except OSError as error:
            problem = (error.strerror or str(error)).lower()
    raise DataError(
        f"the images in {root} cannot be read any more ({problem}): what was finished is kept, so run the same command "
        "again once they are back."
    )


def _touch(path: Path) -> None:
    """Read a byte of a file; OSError."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        os.read(handle, 1)
    finally:
        os.close(handle)
