"""Arrays on disk: `.npy` for results, `.safetensors` for the states of shards; hashed while they are written.

Both are streamed, since one state may be as large as the attention of a gallery: nothing is copied in memory. Nobody is
handed an array of a result before all its bytes have been compared with its checksum: once in a process, and again when
the file has changed since.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from vitscope.store.files import CHUNK, atomic, damaged, digest, digest_of, opened, unreadable
from vitscope.store.parts import DTYPES, ArrayInfo, ShardState, StoredFile

_NPY = b"\x93NUMPY\x01\x00"  # version 1.0 of the format: two bytes of header length follow
_Place = tuple[int, int]  # device, inode
_proven: dict[_Place, tuple[int, int, int, str]] = {}  # size, times and checksum when compared
_proving: defaultdict[_Place, Lock] = defaultdict(Lock)  # two threads that want a file do not both read all of it
_SAFETENSORS = {name: f"{name[0].upper()}{np.dtype(name).itemsize * 8}" for name in DTYPES} | {"bool": "BOOL"}


@dataclass(frozen=True)
class Joined:
    """An array that is the concatenation of `parts` along `axis`, too large to be put together in memory."""

    parts: Iterable[np.ndarray]
    axis: int
    shape: tuple[int, ...]
    dtype: str
    dims: tuple[str, ...]
    unit: str


class _Hashing:
    """A file that knows the size and SHA-256 of what has been written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | memoryview) -> int:
        """Write all of `data`."""
        self._file.write(data)
        self._sha256.update(data)
        self.size += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        """The checksum so far, in hexadecimal."""
        return self._sha256.hexdigest()


def storable(values: np.ndarray) -> np.ndarray:
    """`values` as they go to disk, C order and little-endian; ValueError for a dtype that the cache does not hold."""
    values = np.asarray(values)
    if values.dtype.name not in DTYPES:
        raise ValueError(f"the cache does not hold arrays of dtype {values.dtype}")
    return np.asarray(values, dtype=values.dtype.newbyteorder("<"), order="C")


def write_array(path: Path, values: np.ndarray, dims: tuple[str, ...], unit: str) -> ArrayInfo:
    """Write one array as `.npy`, atomically; what its record must say. StoreError, ValueError."""
    values = storable(values)
    with atomic(path) as file:
        out = _Hashing(file)
        np.lib.format.write_array(out, values, allow_pickle=False)
    info = ArrayInfo(path.name, out.size, out.sha256, dims, unit, values.shape, values.dtype.name)
    _written(path, info)
    return info


def write_joined(path: Path, joined: Joined) -> ArrayInfo:
    """Write an array part by part as `.npy`, atomically; what its record must say. StoreError, ValueError.

    One part is held at a time: it goes to its places in the file, which is read once more for its checksum.
    """
    dtype, axis, shape = np.dtype(joined.dtype).newbyteorder("<"), joined.axis, joined.shape
    outer, along = math.prod(shape[:axis]), math.prod(shape[axis:])
    with atomic(path) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype.str, "fortran_order": False, "shape": shape})
        begin, at = file.tell(), 0
        for part in joined.parts:
            values = storable(part)
            inner = math.prod(part.shape[axis:])
            if values.dtype != dtype or _without(part.shape, axis) != _without(shape, axis) or at + inner > along:
                raise ValueError(f"parts of {shape} {dtype} do not fit: {part.shape} {part.dtype}")
            for number, row in enumerate(values.reshape(outer, inner)):
                file.seek(begin + dtype.itemsize * (number * along + at))
                file.write(row.data)
            at += inner
        if at != along:
            raise ValueError(f"parts of {shape} fill only {at} of {along}")
        size = begin + dtype.itemsize * outer * along
    info = ArrayInfo(path.name, size, digest(path), joined.dims, joined.unit, joined.shape, joined.dtype)
    _written(path, info)
    return info


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def open_array(path: Path, info: ArrayInfo) -> np.ndarray:
    """The array at `path`, memory-mapped and read-only; DamagedError unless every byte is as `info` says.

    The header is compared, not parsed: there is exactly one that `write_array` could have written.
    """
    check_size(path, info.size)
    with opened(path) as file:
        magic, length = file.read(len(_NPY)), int.from_bytes(file.read(2), "little")
        header, offset = file.read(length).decode("latin-1").rstrip(), file.tell()
        dtype = np.dtype(info.dtype).newbyteorder("<")
        expected = f"{{'descr': {dtype.str!r}, 'fortran_order': False, 'shape': {info.shape}, }}"
        if magic != _NPY or header != expected or offset + math.prod(info.shape) * dtype.itemsize != info.size:
            raise damaged(path, f"it does not hold {info.dtype} of shape {info.shape}, as its record says")
        file.seek(0)
        _prove(path, file, info)
        return np.asarray(np.memmap(file, dtype, mode="r", offset=offset, shape=info.shape))


def prove(path: Path, stored: StoredFile) -> None:
    """DamagedError unless `path` holds what was written; reads all of it, unless this process has, and it is the same.

    That costs about as much as reading the file.
    """
    check_size(path, stored.size)
    with opened(path) as file:
        _prove(path, file, stored)


def _prove(path: Path, file: BinaryIO, stored: StoredFile) -> None:
    """`prove`, of a file that is open."""
    found = os.fstat(file.fileno())
    with _proving[_place(found)]:
        if _proven.get(_place(found)) == _as_found(found, stored):
            return
        if digest_of(file) != stored.sha256:
            raise damaged(path, "it does not match its checksum")
        _proven[_place(found)] = _as_found(found, stored)


def _written(path: Path, stored: StoredFile) -> None:
    """What has just been written need not be read again by this process."""
    with suppress(OSError):
        found = os.lstat(path)
        _proven[_place(found)] = _as_found(found, stored)


def _place(found: os.stat_result) -> _Place:
    return found.st_dev, found.st_ino


def _as_found(found: os.stat_result, stored: StoredFile) -> tuple[int, int, int, str]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, stored.sha256


def write_state(path: Path, state: Mapping[str, np.ndarray]) -> ShardState:
    """Write arrays by name as `.safetensors`, atomically; what the shard's record must say. StoreError, ValueError."""
    arrays = {name: storable(values) for name, values in state.items()}
    with atomic(path) as file:
        out = _Hashing(file)
        out.write(_header(arrays))
        for values in arrays.values():
            flat = values.reshape(-1).view(np.uint8)
            for start in range(0, flat.size, CHUNK):
                out.write(flat[start : start + CHUNK].data)
    return ShardState(path.name, out.size, out.sha256)


def read_state(path: Path, stored: ShardState) -> dict[str, np.ndarray]:
    """The arrays that `write_state` wrote; DamagedError unless their checksum matches."""
    check_bytes(path, stored)
    try:
        return load_file(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except (SafetensorError, KeyError, ValueError, TypeError):
        raise damaged(path, "it is not a safetensors file") from None


def check_size(path: Path, size: int) -> None:
    """DamagedError unless `path` is a regular file, no link, of `size` bytes."""
    try:
        found = os.lstat(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise damaged(path, "it is not a regular file")
    if found.st_size != size:
        raise damaged(path, f"it has {found.st_size} bytes, its record says {size}")


def check_bytes(path: Path, stored: StoredFile) -> None:
    """DamagedError unless `path` holds exactly what was written; reads all of it."""
    check_size(path, stored.size)
    if digest(path) != stored.sha256:
        raise damaged(path, "it does not match its checksum")


def _header(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The head of a safetensors file: its length in 8 bytes, then dtype, shape and place of each array as JSON."""
    places, at = {}, 0
    for name, values in arrays.items():
        if name == "__metadata__":
            raise ValueError("'__metadata__' cannot name an array of a state")
        end = at + values.nbytes
        places[name] = {"dtype": _SAFETENSORS[values.dtype.name], "shape": values.shape, "data_offsets": (at, end)}
        at = end
    text = json.dumps(places).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8
    return len(text).to_bytes(8, "little") + text
