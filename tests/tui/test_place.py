from __future__ import annotations

import pytest

from vitscope.errors import StoreError, ViewError
from vitscope.tui.place import parse, starting


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("mae", ("mae", [])),
        ("mae/7", ("mae", [7])),
        ("mae/7/3/", ("mae", [7, 3])),
        ("timm/vit_small/7", ("timm/vit_small", [7])),
        ("12", ("12", [])),
    ],
)
def test_places_are_read(place, parts):
    assert parse(place) == parts


def test_the_browser_starts_where_it_is_told(cache):
    assert starting(cache, None).view == "runs"
    model = starting(cache, "small")
    assert (model.view, model.layer, model.head, model.cursor) == ("overview", 0, 0, 0)
    layer = starting(cache, "small/3")
    assert (layer.view, layer.layer) == ("overview", 2)
    head = starting(cache, "bare/2/1")
    assert (head.view, head.layer, head.head, head.cursor, head.kind) == ("head", 1, 0, 1, "spatial")
    assert head.trail == ("runs", "overview", "head")


@pytest.mark.parametrize("place", ["small/0", "small/4", "small/1/5", "small/1/0"])
def test_a_layer_or_head_that_is_not_there_is_refused(cache, place):
    with pytest.raises(ViewError, match="go from 1 to"):
        starting(cache, place)


def test_a_model_that_is_not_there_is_refused(cache):
    with pytest.raises(StoreError, match="vitscope extract"):
        starting(cache, "nobody/1")
