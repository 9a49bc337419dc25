"""Matrices and curves of several models, as text and as figures."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from tests.export.makers import view
from vitscope.export.figure import figure
from vitscope.export.matrix import matrix
from vitscope.export.plot import lines
from vitscope.export.table import render
from vitscope.views import Column

DEPTHS = ["true", "256", "none"]
MODELS = ["fs", "clip", "a model with quite a long name indeed, really"]


def text(part, width=100):
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as found:
        console.print(part)
    return found.get()


def curves(layers=4, spread=False):
    values = np.random.default_rng(0).random((3, layers))
    values[1, layers // 2 :] = np.nan
    columns = {"purity": Column(values=values, unit="1"), "ari": Column(values=values - 0.5, unit="1")}
    if spread:
        deviation = np.full_like(values, np.nan)
        deviation[2] = 0.01
        columns["purity_std"] = Column(values=deviation, unit="1")
    return view({"model": MODELS, "layer": list(range(1, layers + 1))}, columns=columns)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 12), (24, 24), (6, 60)])
def test_a_matrix_shows_every_number_within_its_width(shape, depth):
    values = np.random.default_rng(0).random(shape)
    names = [f"r{i}" for i in range(shape[0])], [f"c{i}" for i in range(shape[1])]
    drawn = matrix(values, names, ("layer", "other_layer"), "1", 80, depth)
    assert max(line.cell_len for line in drawn) <= 80
    cells = [word for line in drawn[:-1] for word in line.plain.split() if "." in word]
    assert len(cells) == values.size
    heads = " ".join(line.plain for line in drawn)
    assert all(name in heads for part in names for name in part)


def test_holes_and_negative_numbers_of_a_matrix():
    values = np.array([[1.0, -0.25], [np.nan, 0.5]])
    drawn = [line.plain for line in matrix(values, (["a", "b"], ["c", "d"]), ("model", "other_model"), "1", 80, "none")]
    assert drawn[1].split() == ["a", "1.00", "-0.25"]
    assert drawn[2].split() == ["b", "–", "0.50"]
    assert "-0.250 to 1.00" in drawn[-1]
    assert matrix(np.full((2, 2), np.nan), ([1, 2], [1, 2]), ("a", "b"), "1", 40, "true")


@pytest.mark.parametrize("depth", DEPTHS)
def test_curves_have_a_letter_for_every_model_and_then_the_numbers(depth):
    shown = text(render(curves(), 100, depth))
    for letter, name in zip("ABC", MODELS, strict=True):
        assert f"{letter} {name}" in shown
    assert shown.count("purity") >= 1
    assert "ari" in shown
    assert "–" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_spreads_are_no_curves_of_their_own():
    assert "purity std" not in text(render(curves(spread=True), 100, "none"))


def test_lines_survive_what_cannot_be_drawn():
    for values in (np.full((2, 3), np.nan), np.zeros((1, 1)), np.array([[0.5, np.nan, 0.2]])):
        assert lines(values, ["m"] * len(values), list(range(1, values.shape[1] + 1)), 60, "none")


@pytest.mark.parametrize("form", ["png", "svg"])
@pytest.mark.parametrize("spread", [False, True])
def test_curves_as_a_figure(form, spread):
    drawn = figure([curves(spread=spread)], form)
    assert drawn == figure([curves(spread=spread)], form)
    if form == "svg":
        for name in (*MODELS, "purity", "ari", "layer"):
            assert name.encode() in drawn
        assert b"std" not in drawn


@pytest.mark.parametrize("count", [2, 14, 15, 30])
def test_matrices_as_a_figure(count):
    values = np.random.default_rng(0).normal(size=(count, count))
    values[0, 1] = np.nan
    places = list(range(1, count + 1))
    drawn = figure([view({"layer": places, "other_layer": places}, values)], "svg").decode()
    assert "other layer" in drawn
    assert (f"{values[1, 1]:.2f}" in drawn) == (count <= 14)
    named = view({"model": MODELS, "other_model": MODELS}, columns={
        "unbiased": Column(values=np.eye(3), unit="1"), "biased": Column(values=np.ones((3, 3)), unit="1"),
    })  # fmt: skip
    both = figure([named], "svg").decode()
    assert all(word in both for word in (*MODELS, "unbiased", "biased"))
