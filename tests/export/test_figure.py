"""Figures: drawn without a warning whatever the names and numbers are, the same bytes every time, text as text."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.export.makers import tags, view
from vitscope.export.figure import figure
from vitscope.views import Column

RNG = np.random.default_rng(0)
LH = {"layer": [1, 2, 3], "head": [1, 2]}
CASES = {
    "map": view({"row": [1, 2], "column": [1, 2, 3]}, RNG.random((2, 3))),
    "aligned": view({"row": [-1, 0, 1], "column": [-1, 0, 1]}, RNG.random((3, 3))),
    "layer": view({"head": list(range(1, 9)), "row": [1, 2], "column": [1, 2]}, RNG.random((8, 2, 2))),
    "differences": view({"head": [1, 2], "row": [1, 2], "column": [1, 2]}, RNG.random((2, 2, 2)) - 0.5),
    "images": view({"image": ["a.png", f"class/{'b' * 40}.png"], "row": [1, 2], "column": [1, 2]}, np.ones((2, 2, 2))),
    "all": view({**LH, "row": [1, 2], "column": [1, 2]}, RNG.random((3, 2, 2, 2))),
    "dark": view({**LH, "row": [1, 2], "column": [1, 2]}, np.zeros((3, 2, 2, 2))),
    "dots": view(LH, RNG.random((3, 2)), unit="nat"),
    "holes": view(LH, np.array([[0.1, 0.2], [np.nan, 0.3], [0.4, np.nan]])),
    "flat": view(LH, np.zeros((3, 2))),
    "one layer": view({"layer": [1], "head": [1]}, np.array([[0.5]])),
    "bars": view({"head": [1, 2]}, RNG.random(2)),
    "number": view({}, np.array(0.25)),
    "tokens": view({**LH, "token": ["cls", "1,1", "1,2"]}, RNG.random((3, 2, 3))),
    "no attention": view({**LH, "token": ["cls", "1,1", "1,2"]}, np.zeros((3, 2, 3))),
    "columns": view(
        {"head": [1, 2]}, columns={"a_std": Column(values=RNG.random(2), unit="1"), "t": tags(["sink"], [])}
    ),
    "signed": view(LH, columns={"x": Column(values=RNG.random((3, 2)) - 0.5, unit="image side")}),
    "missing": view(LH, columns={"x": Column(values=np.full((3, 2), np.nan), unit="image side")}),
}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_view_is_drawn(case):
    svg = figure([CASES[case]], "svg")
    assert figure([CASES[case]], "svg") == svg
    words = "".join(ElementTree.fromstring(svg).itertext())
    assert "A thing" in words
    assert "mae · photos · 3 images" in words


@pytest.mark.parametrize("name", ["price $5$ off", "图像分类", "x_{1}^2 & <b>", "a" * 150, "\\frac", "50 %"])
def test_names_are_drawn_as_they_are(name):
    named = view({"row": [1, 2], "column": [1, 2]}, RNG.random((2, 2)), model=name, title=name)
    words = "".join(ElementTree.fromstring(figure([named], "svg")).itertext())
    assert f"{name} · photos" in words
    with Image.open(io.BytesIO(figure([named], "png"))) as image:
        assert image.width < 8000


def test_several_views_stand_below_each_other():
    one, two = (Image.open(io.BytesIO(figure([CASES["map"]] * count, "png"))) for count in (1, 2))
    assert two.width == one.width
    assert two.height == pytest.approx(2 * one.height, abs=2)


def test_nothing_that_changes_is_in_a_png():
    with Image.open(io.BytesIO(figure([CASES["map"]], "png"))) as image:
        assert image.info.get("Software") == "vitscope"
        assert set(image.info) <= {"Software", "dpi"}
