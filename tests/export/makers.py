"""Views made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitscope.views import Column, View


def view(
    coords: dict[str, list[Any]],
    values: np.ndarray | None = None,
    columns: dict[str, Column] | None = None,
    **fields: Any,
) -> View:
    """A View over `coords`, of unit 1 and without notes unless `fields` say otherwise."""
    usual: dict[str, Any] = {
        "name": "thing",
        "title": "A thing",
        "model": "mae",
        "dataset": "photos",
        "images": 3,
        "unit": "1",
        "protocol": "corrected",
        "spec": {"model": "mae"},
        "notes": [],
    }
    return View(**{**usual, "dims": tuple(coords), **fields}, coords=coords, values=values, columns=columns)


def tags(*lists: list[str]) -> Column:
    """A column of tags, a list for each place along one axis."""
    values = np.empty(len(lists), dtype=object)
    values[:] = lists
    return Column(values=values, unit="tag")
