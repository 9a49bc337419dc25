"""Views as data: JSON, CSV and npy. Layers and heads keep the numbers from 1 that their coordinates have."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from vitscope.errors import ViewError
from vitscope.views import Column, View

FORMULA = frozenset("=+-@")
TAG = "tag"  # unit of a column whose items are lists of strings
TAGS_BETWEEN = "; "


def as_json(view: View) -> dict[str, Any]:
    """The object that `show --format json` prints; what is not a number is null.

    A view with several columns has `columns` instead of `values`, and its own unit is null.
    """
    head = {"view": view.name, "model": view.model, "dataset": view.dataset, "images": view.images}
    body: dict[str, Any] = {"dims": list(view.dims), "coords": view.coords}
    if view.columns is None:
        body["values"] = _nested(_values(view))
    else:
        columns = view.columns.items()
        body["columns"] = {name: {"unit": column.unit, "values": _nested(column.values)} for name, column in columns}
    return {**head, "unit": view.unit or None, "protocol": view.protocol, **body, "spec": view.spec}


def json_bytes(views: Sequence[View]) -> bytes:
    """One object for one view, a list of them for several; UTF-8 with a line break at the end."""
    objects = [as_json(view) for view in views]
    value = objects[0] if len(objects) == 1 else objects
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()


def csv_bytes(views: Sequence[View]) -> bytes:
    """Long format, one line per number: the model, a column per coordinate, then the value under the view's name.

    A view with several columns has each of them instead; tags are joined by "; ". What is not a number, or what one of
    several models lacks, is empty. A name that a spreadsheet would take for a formula has an apostrophe before it. The
    first line names the columns; UTF-8.
    """
    text = io.StringIO()
    names = dict.fromkeys(name for view in views for name in ("model", *view.coords, *arrays_of(view)))
    writer = csv.DictWriter(text, list(names), restval="", lineterminator="\n")
    writer.writeheader()
    for view in views:
        writer.writerows({name: _no_formula(value) for name, value in line.items()} for line in lines(view))
    return text.getvalue().encode()


def npy_bytes(views: Sequence[View]) -> bytes:
    """The array alone, without pickle; a view with several columns is an array of records, a field for each.

    ViewError for more than one model, since a file holds one array.
    """
    if len(views) > 1:
        raise ViewError("a npy file holds the array of one model: ask for one --model, or for json or csv.")
    file = io.BytesIO()
    np.save(file, _array(views[0]), allow_pickle=False)
    return file.getvalue()


def _values(view: View) -> np.ndarray:
    if view.values is None:
        raise ValueError(f"view {view.name!r} has neither values nor columns")
    return view.values


def arrays_of(view: View) -> dict[str, np.ndarray]:
    """Every number of a view by name; tags as joined strings."""
    if view.columns is None:
        return {view.name: np.asarray(_values(view))}
    return {name: _plain(column) for name, column in view.columns.items()}


def _plain(column: Column) -> np.ndarray:
    if column.unit != TAG:
        return np.asarray(column.values)
    joined = [TAGS_BETWEEN.join(tags) for tags in column.values.ravel()]
    return np.array(joined, dtype=np.str_).reshape(column.values.shape)


def _array(view: View) -> np.ndarray:
    arrays = arrays_of(view)
    if view.columns is None:
        return arrays[view.name]
    shape = next(iter(arrays.values())).shape
    records = np.empty(shape, dtype=[(name, array.dtype) for name, array in arrays.items()])
    for name, array in arrays.items():
        records[name] = array
    return records


def lines(view: View) -> Iterator[dict[str, Any]]:
    """A line for every place of a view: coordinates and numbers by name, without what is not known.

    A coordinate that is none of `dims` has one entry for all places, or one for each.
    """
    arrays = arrays_of(view)
    beside = {name: places for name, places in view.coords.items() if name not in view.dims}
    numbers = zip(*(array.ravel().tolist() for array in arrays.values()), strict=True)
    every = zip(product(*(view.coords[dim] for dim in view.dims)), numbers, strict=True)
    for at, (place, row) in enumerate(every):
        fixed = {name: places[at if len(places) > 1 else 0] for name, places in beside.items()}
        known = {name: number for name, number in zip(arrays, row, strict=True) if _is_known(number)}
        yield {"model": view.model, **fixed, **dict(zip(view.dims, place, strict=True)), **known}


def _no_formula(value: Any) -> Any:
    """A name of the cache may begin like a formula, which spreadsheets would compute."""
    return f"'{value}" if isinstance(value, str) and value and value[0] in FORMULA else value


def _is_known(number: object) -> bool:
    return not isinstance(number, float) or math.isfinite(number)


def _nested(values: np.ndarray) -> Any:
    """Nested lists with None for what is not a number."""
    if values.dtype == object:
        return values.tolist()
    numbers = np.asarray(values).astype(object)
    numbers[~np.isfinite(np.asarray(values, dtype=float))] = None
    return numbers.tolist()
