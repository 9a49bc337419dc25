"""The query language over heads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitscope.derive.find import joined, search, table
from vitscope.errors import ViewError

NAMES = ("distance", "entropy", "to_cls")


@pytest.fixture
def heads():
    """Two models of 2 × 2 heads; the second lacks `to_cls`."""
    one = table(
        "demo-mae",
        [[["global"], ["offset-local right", "axial row"]], [["offset-local up-left"], []]],
        {"distance": [[0.5, 0.1], [0.2, 0.4]], "entropy": [[3, 1], [2, np.nan]], "to_cls": [[0, 0.1], [0.2, 0.3]]},
    )
    two = table("dino", [[["sink cls"], ["global"]], [[], []]], {"distance": [[0.3, 0.6], [0.1, 0.2]]})
    return joined([one, two])


def places(query, heads):
    found = search(query, NAMES).among(heads)
    return [(heads.model[i], int(heads.layer[i]), int(heads.head[i])) for i in found]


def test_everything_is_found_by_an_empty_query_in_the_order_of_places(heads):
    assert places("", heads) == [(m, layer, h) for m in ("demo-mae", "dino") for layer in (1, 2) for h in (1, 2)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tag:offset", [("demo-mae", 1, 2), ("demo-mae", 2, 1)]),
        ("tag:OFFSET tag:right", [("demo-mae", 1, 2)]),
        ("model:dino distance<.2", [("dino", 2, 1)]),
        ("model:dino distance<=.2", [("dino", 2, 1), ("dino", 2, 2)]),
        ("distance:.1-.2 model:mae", [("demo-mae", 1, 2), ("demo-mae", 2, 1)]),
        ("layer:2 head:1", [("demo-mae", 2, 1), ("dino", 2, 1)]),
        ("layer:>=2 -tag:offset model:mae", [("demo-mae", 2, 2)]),
        ("global", [("demo-mae", 1, 1), ("dino", 1, 2)]),
        ("entropy>=1 | tag:sink", [("demo-mae", 1, 1), ("demo-mae", 1, 2), ("demo-mae", 2, 1), ("dino", 1, 1)]),
        ("-entropy>1", [("demo-mae", 1, 2)]),  # where there is no number, no comparison holds
        ("to_cls>.15 sort:-to_cls", [("demo-mae", 2, 2), ("demo-mae", 2, 1)]),
        ("model:mae sort:ent", [("demo-mae", 1, 2), ("demo-mae", 2, 1), ("demo-mae", 1, 1), ("demo-mae", 2, 2)]),
        ("model:mae sort:-ent", [("demo-mae", 1, 1), ("demo-mae", 2, 1), ("demo-mae", 1, 2), ("demo-mae", 2, 2)]),
        ("nothing-like-this", []),
    ],
)
def test_what_is_found(heads, query, expected):
    assert places(query, heads) == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("iou>.5", "'iou' is no number of a head; there are: layer, head, distance, entropy, to_cls."),
        ("distance<far", "distance is a number, 'far' is none"),
        ("sort:size", "'size' is no number"),
        ("tag<3", "tag is a text: write tag:WORD."),
        ("distance<", "is no term"),
        ("distance<nan", "cannot be compared"),
        ("layer:1-x", "layer is a number"),
    ],
)
def test_what_is_not_understood_is_said(query, said):
    with pytest.raises(ViewError, match=said.replace(".", r"\.")):
        search(query, NAMES)


def test_a_shortened_name_must_be_clear():
    with pytest.raises(ViewError, match="'en' could be entropy or energy"):
        search("en<1", ["entropy", "energy"])
    assert search("energy<1", ["energy", "energy-total"]).groups[0][0].name == "energy"


@given(st.text(max_size=40))
def test_any_text_is_either_a_query_or_a_sentence(text):
    heads = table("m", [[["global"]]], {"distance": [[0.5]], "entropy": [[1.0]], "to_cls": [[0.0]]})
    try:
        found = search(text, NAMES).among(heads)
    except ViewError as error:
        assert str(error)
    else:
        assert set(found.tolist()) <= {0}


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_bounds_are_those_of_a_plain_comparison(low, high, negated):
    values = np.linspace(0, 1, 12).reshape(3, 4)
    heads = table("m", [[[]] * 4] * 3, {"distance": values, "entropy": values, "to_cls": values})
    found = search(f"{'-' if negated else ''}distance:{low:f}..{high:f}", NAMES).among(heads)
    low, high = float(f"{low:f}"), float(f"{high:f}")
    assert found.tolist() == [i for i, value in enumerate(values.flat) if (low <= value <= high) != negated]
