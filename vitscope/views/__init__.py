"""Views: numbers of one run or several, ready to show or print. numpy only.

A view is one file with `view(run, options) -> View` and one line in `catalog.VIEWS`; one that sets several models side
by side is `view(cache, models, options)`. Layers and heads count from 0 in `Options` and from 1 in `View.coords`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `vitscope show` narrows a view to; None: not said. A view refuses what it cannot use."""

    layer: int | None = None  # from 0
    head: int | None = None  # from 0
    query: str | None = None  # "cls", "spatial", "all", "pure" or "ROW,COL" counted from 1
    image: str | None = None  # a file name of the gallery; None: the mean over all images
    tokens: str | None = None  # "cls", "spatial" or "all"
    taps: str | None = None  # of features: "block", "norm", "attention" or "mlp"
    exact: bool | None = None  # CKA of the whole set instead of blocks


@dataclass(frozen=True, kw_only=True)
class Column:
    """One number of several about the same thing; `values` has the dims of its View.

    Of unit "tag", `values` is an object array whose items are lists of strings.
    """

    values: np.ndarray
    unit: str


@dataclass(frozen=True, kw_only=True)
class View:
    """Either `values` or `columns`, over `dims`; `coords` names the places along each of them.

    Other coordinates, such as the one layer asked for, have one entry for all places, or one for each.
    `unit` is that of `values`; with `columns` it is empty, since each has its own. Numbers that do not exist are NaN.
    """

    name: str
    title: str
    model: str
    dataset: str
    images: int
    unit: str
    protocol: str
    dims: tuple[str, ...]
    coords: dict[str, list[Any]]
    values: np.ndarray | None
    columns: dict[str, Column] | None
    spec: dict[str, Any]
    notes: list[str]
