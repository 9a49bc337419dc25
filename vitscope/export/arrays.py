"""Views as arrays in one `.npz` file that holds no pickle: `numpy.load(file, allow_pickle=False)` reads it.

NAME is the array of a view with one number at each place, NAME.COLUMN one of several; NAME@DIM names the places along
a dim, NAME@dims the dims in order. The same views give the same bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from vitscope.export.data import arrays_of
from vitscope.views import View


class Arrays:
    """A `.npz` file that grows by one view after the other."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, view: View) -> list[str]:
        """Add a view under `name`; the keys of its numbers."""
        keys = []
        for column, values in arrays_of(view).items():
            key = name if view.columns is None else f"{name}.{column}"
            self._put(key, values)
            keys.append(key)
        for dim in view.dims:
            self._put(f"{name}@{dim}", _places(view.coords[dim]))
        self._put(f"{name}@dims", np.array(view.dims, dtype=np.str_))
        return keys

    def _put(self, key: str, values: np.ndarray) -> None:
        member = zipfile.ZipInfo(f"{key}.npy")  # dated 1980, as all that has to be the same every time
        member.compress_type = zipfile.ZIP_DEFLATED
        with self._archive.open(member, "w", force_zip64=True) as file:
            np.lib.format.write_array(file, np.asarray(values), allow_pickle=False)


@contextmanager
def archive(file: BinaryIO) -> Iterator[Arrays]:
    """A new `.npz` in `file`."""
    with zipfile.ZipFile(file, "w") as opened:
        yield Arrays(opened)


def _places(names: list[object]) -> np.ndarray:
    """Places along a dim: whole numbers, or texts."""
    whole = all(type(name) is int for name in names)
    return np.array(names, dtype=np.int64) if whole else np.array([str(name) for name in names], dtype=np.str_)
