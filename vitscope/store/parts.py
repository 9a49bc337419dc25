"""JSON of the cache turned into typed values at the door: what is not as it was written is refused here, once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from vitscope.errors import FormatError
from vitscope.geometry import Geometry
from vitscope.spec import Spec
from vitscope.store.files import damaged
from vitscope.store.layout import is_file, is_name, split_key
from vitscope.store.text import printable

T = TypeVar("T")

DTYPES = frozenset(
    {"bool", "float16", "float32", "float64"} | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
_SIDE = 1 << 20  # heads of all layers, tokens, and pixels of a patch stay below this
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class StoredFile:
    """A file as its record describes it: plain name, size in bytes, SHA-256 in hexadecimal."""

    file: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ShardState(StoredFile):
    """The committed state of one metric of one shard."""


@dataclass(frozen=True)
class ArrayInfo(StoredFile):
    """One array of a result: what its axes are, its unit ("1" for none), and how it is stored."""

    dims: tuple[str, ...]
    unit: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Committed:
    """What a shard's record says of one metric: its state, and the arrays of its result that came with it."""

    state: ShardState
    rows: dict[str, ArrayInfo]


@dataclass(frozen=True)
class ResultParts:
    """What a result.json says."""

    metric: str
    version: int
    images: int
    arrays: dict[str, ArrayInfo]
    coords: dict[str, list[str]]


def parse(path: Path, what: Callable[[Any], T], value: Any) -> T:
    """`what(value)`, its ValueError, TypeError or KeyError turned into a DamagedError that names `path`."""
    try:
        return what(value)
    except KeyError as error:
        reason = f"{error.args[0]!r} is missing"
    except (ValueError, TypeError, RecursionError) as error:
        reason = str(error)
    raise damaged(path, printable(reason))


def spec_of(value: Any) -> Spec:
    """A Spec from its JSON; ValueError, and FormatError for fields that only a newer vitscope knows."""
    stored = _mapping(value, "spec")
    known = {field.name: field for field in fields(Spec)}
    if unknown := sorted(set(stored) - set(known)):
        raise FormatError(
            f"a run of this cache was measured by a newer vitscope (its spec says {printable(unknown[0])!r}, which "
            "this one does not know): use that version, or choose another folder with --cache."
        )
    for name, field in known.items():
        if name not in stored and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{name!r} is missing from the spec")
    counts = {name: least for name, least in (("shard_images", 1), ("gram_images", 0)) if name in stored}
    others = {"image_size", "settings", *counts}
    texts = {name: _text(item, name) for name, item in stored.items() if name not in others}
    settings = {name: _setting(name, item) for name, item in _mapping(stored.get("settings", {}), "settings").items()}
    height, width = (_count(side, "image_size", least=1) for side in _items(stored["image_size"], "image_size"))
    numbers = {name: _count(stored[name], name, least) for name, least in counts.items()}
    return Spec(**{**texts, **numbers, "image_size": (height, width), "settings": settings})


def _setting(name: str, value: Any) -> Any:
    """A text, a number, or a list of them; ValueError."""
    if isinstance(value, list):
        return [_setting(name, item) for item in value]
    if not isinstance(value, str | int | float):
        raise ValueError(f"{name!r} is {type(value).__name__}, neither text nor number")
    return value


def geometry_of(value: Any) -> Geometry:
    """A Geometry from its JSON; ValueError."""
    stored = _mapping(value, "geometry")
    for name in ("layers", "heads", "rows", "columns"):
        if _count(stored[name], name, least=1) > _SIDE:
            raise ValueError(f"{name!r} is {stored[name]}")
    prefix = [_text(name, "prefix") for name in _items(stored["prefix"], "prefix")]
    height, width = (_count(side, "patch", least=1) for side in _items(stored["patch"], "patch"))
    sizes = stored["layers"] * stored["heads"], len(prefix) + stored["rows"] * stored["columns"], height, width
    if max(sizes) > _SIDE:
        raise ValueError(f"a model has not {sizes[0]} heads, {sizes[1]} tokens and patches of {height}×{width}")
    return Geometry.from_json({**stored, "prefix": prefix, "patch": [height, width]})


def result_of(value: dict[str, Any]) -> ResultParts:
    """The parts of a result from its JSON; ValueError, also where they do not fit together."""
    arrays = {name: _array_of(name, item) for name, item in _mapping(value["arrays"], "arrays").items()}
    coords = {
        dim: [_text(label, "coords") for label in _items(labels, "coords")]
        for dim, labels in _mapping(value["coords"], "coords").items()
    }
    for name, info in arrays.items():
        for dim, length in zip(info.dims, info.shape, strict=True):
            if dim in coords and len(coords[dim]) != length:
                raise ValueError(f"{name!r} has {length} along {dim!r}, which has {len(coords[dim])} labels")
    key = f"{_text(value['metric'], 'metric')}@{_count(value['version'], 'version', least=1)}"
    if split_key(key) is None:
        raise ValueError(f"{key!r} is not the name of a metric")
    return ResultParts(value["metric"], value["version"], _count(value["images"], "images"), arrays, coords)


def _array_of(name: str, value: Any) -> ArrayInfo:
    stored = _mapping(value, "arrays")
    dims = tuple(_text(dim, "dims") for dim in _items(stored["dims"], "dims"))
    shape = tuple(_count(length, "shape") for length in _items(stored["shape"], "shape"))
    dtype = _text(stored["dtype"], "dtype")
    file = _stored_file(stored)
    if not is_name(name) or dtype not in DTYPES:
        raise ValueError(f"array {name!r} has dtype {dtype!r}")
    if len(dims) != len(shape) or len(set(dims)) != len(dims):
        raise ValueError(f"array {name!r} has dims {dims} and shape {shape}")
    if math.prod(shape) * np.dtype(dtype).itemsize >= file.size:
        raise ValueError(f"array {name!r} of shape {shape} cannot fit into {file.size} bytes")
    return ArrayInfo(file.file, file.size, file.sha256, dims, _text(stored["unit"], "unit"), shape, dtype)


def states_of(value: Any) -> dict[str, ShardState]:
    """The states that a shard's record lists, by metric key; ValueError."""
    states = {}
    for key, item in _mapping(value, "states").items():
        if split_key(key) is None:
            raise ValueError(f"{key!r} is not the key of a metric")
        file = _stored_file(_mapping(item, "states"))
        states[key] = ShardState(file.file, file.size, file.sha256)
    return states


def rows_of(value: Any) -> dict[str, dict[str, ArrayInfo]]:
    """The arrays that a shard's record says became part of a result, by metric key and name; ValueError."""
    rows = {}
    for key, arrays in _mapping(value, "rows").items():
        if split_key(key) is None:
            raise ValueError(f"{key!r} is not the key of a metric")
        rows[key] = {name: _array_of(name, item) for name, item in _mapping(arrays, "rows").items()}
    return rows


def _stored_file(stored: dict[str, Any]) -> StoredFile:
    name, sha256 = _text(stored["file"], "file"), _text(stored["sha256"], "sha256")
    if not is_file(name):
        raise ValueError(f"{name!r} is not the plain name of a file")
    if len(sha256) != 64 or not _HEX.issuperset(sha256):
        raise ValueError(f"{sha256!r} is not a checksum")
    return StoredFile(name, _count(stored["size"], "size"), sha256)


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name!r} is {type(value).__name__}, not an object")
    return value


def _items(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name!r} is {type(value).__name__}, not a list")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name!r} is {type(value).__name__}, not text")
    return value


def _count(value: Any, name: str, least: int = 0) -> int:
    if type(value) is not int or not least <= value < 1 << 63:
        raise ValueError(f"{name!r} is {value!r}, not a whole number from {least}")
    return value


def as_json(value: Any) -> Any:
    """`value` with its tuples as lists, as it comes back from JSON."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list | tuple) else value
