"""Attention of one query token to all tokens, and of all tokens to it (paper section 4.1)."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np

from vitscope.errors import ViewError
from vitscope.geometry import Geometry

Query = Literal["cls", "register", "spatial"] | tuple[int, int]
"""CLS, the first token before the patches, the mean of all patches, or a patch (row, column) from 0."""


def parse_query(text: str, geometry: Geometry) -> Query:
    """What `--query` means for this model: "cls", "spatial" (the mean of all patches) or a patch (row, column) from 0.

    On the command line a patch is ROW,COL counted from 1. Raises ViewError when the text is none of these, the model
    has no CLS token, or the patch is outside the grid.

    >>> parse_query("3,1", Geometry(layers=1, heads=1, prefix=(), rows=4, columns=4, patch=(16, 16)))
    (2, 0)
    """
    word = text.strip().lower()
    if word == "cls":
        cls_token(geometry)
        return "cls"
    if word == "spatial":
        return "spatial"
    match = re.fullmatch(r"(\d{1,6})\s*,\s*(\d{1,6})", word, re.ASCII)
    if not match:
        raise ViewError(f"query {text!r} is none of cls, spatial, all, pure or ROW,COL (counted from 1, such as 7,7).")
    row, column = int(match[1]), int(match[2])
    if not (1 <= row <= geometry.rows and 1 <= column <= geometry.columns):
        raise ViewError(
            f"query {row},{column} is outside the grid: rows go from 1 to {geometry.rows}, "
            f"columns from 1 to {geometry.columns}."
        )
    return row - 1, column - 1


def cls_token(geometry: Geometry) -> int:
    """Index of the CLS token; raises ViewError when the model has none."""
    if "cls" not in geometry.prefix:
        raise ViewError("this model has no CLS token: ask for the query spatial or for a patch ROW,COL.")
    return geometry.prefix.index("cls")


def instead_of_cls(geometry: Geometry) -> tuple[str, str]:
    """What stands in for CLS, and the sentence that says so: the first register, or "spatial", the mean of all patches.

    A model with a CLS token needs nothing instead: ("cls", "").

    >>> instead_of_cls(Geometry(layers=1, heads=1, prefix=("reg1",), rows=2, columns=2, patch=(16, 16)))
    ('reg1', 'this model has no CLS token: its first register stands in for it')
    """
    if "cls" in geometry.prefix:
        return "cls", ""
    if geometry.prefix:
        return geometry.prefix[0], "this model has no CLS token: its first register stands in for it"
    return "spatial", "this model has neither CLS nor registers: the mean of all patches stands in for CLS"


def token_names(geometry: Geometry) -> list[str]:
    """Names of all T tokens: the prefix, such as "cls", then ROW,COL of each patch counted from 1."""
    rows, columns = range(1, geometry.rows + 1), range(1, geometry.columns + 1)
    return [*geometry.prefix, *(f"{row},{column}" for row in rows for column in columns)]


def query_row(attention: np.ndarray, query: Query, geometry: Geometry) -> np.ndarray:
    """Attention (…, T, T) of `query` to all tokens, raw (not renormalised), shape (…, T), float64, unit 1.

    With the last two axes of `attention` swapped: what all tokens give to `query`, or to the patches on average.
    """
    if query == "spatial":
        return attention[..., len(geometry.prefix) :, :].mean(axis=-2, dtype=np.float64)
    if query == "cls":
        token = cls_token(geometry)
    elif query == "register":
        token = 0
    else:
        token = geometry.token(*query)
    return attention[..., token, :].astype(np.float64)


def patches(tokens: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The patches of (…, T) as (…, R, C)."""
    return tokens[..., len(geometry.prefix) :].reshape(*tokens.shape[:-1], geometry.rows, geometry.columns)
