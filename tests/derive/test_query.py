"""What `--query` accepts."""

from __future__ import annotations

import pytest

from vitscope.derive.query import parse_query
from vitscope.errors import ViewError
from vitscope.geometry import Geometry

WIDE = Geometry(layers=1, heads=1, prefix=("cls",), rows=14, columns=20, patch=(16, 16))
HEADLESS = Geometry(layers=1, heads=1, prefix=("reg1",), rows=14, columns=20, patch=(16, 16))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("cls", "cls"),
        ("CLS", "cls"),
        (" spatial ", "spatial"),
        ("1,1", (0, 0)),
        ("14,20", (13, 19)),
        ("3, 4", (2, 3)),
    ],
)
def test_accepted(text, query):
    assert parse_query(text, WIDE) == query


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "none of cls, spatial, all, pure or ROW,COL"),
        ("centre", "none of cls, spatial, all, pure or ROW,COL"),
        ("3", "none of cls"),
        ("3,4,5", "none of cls"),
        ("-1,4", "none of cls"),
        ("1.5,2", "none of cls"),
        ("٣,٤", "none of cls"),
        ("0,4", "rows go from 1 to 14, columns from 1 to 20"),
        ("15,1", "query 15,1 is outside the grid"),
        ("14,21", "outside the grid"),
    ],
)
def test_refused(text, sentence):
    with pytest.raises(ViewError, match=sentence):
        parse_query(text, WIDE)


def test_a_model_without_cls():
    with pytest.raises(ViewError, match="no CLS token"):
        parse_query("cls", HEADLESS)
    assert parse_query("spatial", HEADLESS) == "spatial"
