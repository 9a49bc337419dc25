"""`vitscope show` of features and of several models at once, in every format."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from tests import synthetic
from tests.cli.conftest import one_sentence
from tests.cli.test_show import CHECKS, FORMATS
from vitscope.store.reader import Cache

PAIR = ["-m", "synthetic", "-m", "deep"]
MANY = [*PAIR, "-m", "third"]
ASKED = {
    "one model": ["cka", "-m", "synthetic"],
    "a pair": ["cka", *PAIR, "--tokens", "cls"],
    "a row": ["cka", *PAIR, "--layer", "2"],
    "last layers": ["cka", *MANY, "--tokens", "spatial"],
    "norms of blocks": ["cka", "-m", "synthetic", "--taps", "norm"],
    "exact": ["cka", *PAIR, "--exact"],
    "residual": ["residual", "-m", "synthetic"],
    "residual matrix": ["residual", "-m", "synthetic", "--taps", "mlp"],
    "residual layer": ["residual", "-m", "synthetic", "--layer", "1"],
    "token norms": ["norms", "-m", "synthetic"],
    "token norms of a layer": ["norms", "-m", "synthetic", "--layer", "3"],
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    shape = {"images": 12, "heads": 2, "gallery": 0, "block": 6}
    synthetic.write(folder, layers=3, seed=1, **shape)
    synthetic.write(folder, layers=4, seed=2, model="deep", grid=(3, 5), **shape)
    synthetic.write(folder, layers=3, seed=3, model="third", **shape)
    return folder


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
def test_every_view_of_features_in_every_format(vitscope, cache, asked, form):
    done = vitscope("show", *asked, "--cache", cache, "--format", form)
    assert (done.code, done.err) == (0, "")
    if form in {"npy", "png"}:
        CHECKS[form](done.raw)
    if form == "table":
        assert "shapes · 12 images" in done.out
        assert all(len(line) <= 120 for line in done.out.splitlines())
    if form == "svg":
        assert b"shapes" in done.raw
        assert b"<dc:date>" not in done.raw


def test_several_models_are_one_view_with_the_same_numbers_in_all_formats(vitscope, cache):
    def show(form):
        return vitscope("show", "cka", *MANY, "--cache", cache, "--format", form).raw

    shown = json.loads(show("json"))
    assert (shown["view"], shown["model"]) == ("cka", "synthetic, deep, third")
    assert shown["dims"] == ["model", "other_model"]
    array = np.load(io.BytesIO(show("npy")))
    assert np.array_equal(shown["values"], array)
    rows = list(csv.DictReader(io.StringIO(show("csv").decode())))
    assert len(rows) == 9
    assert list(rows[0]) == ["model", "other_model", "cka"]
    assert (rows[1]["model"], rows[1]["other_model"]) == ("synthetic", "deep")
    assert [float(row["cka"]) for row in rows] == array.ravel().tolist()


def test_layers_are_counted_from_one(vitscope, cache):
    whole = json.loads(vitscope("show", "cka", *PAIR, "--cache", cache, "-f", "json").raw)
    row = json.loads(vitscope("show", "cka", *PAIR, "--layer", "1", "--cache", cache, "-f", "json").raw)
    assert row["values"] == pytest.approx(whole["values"][0], abs=1e-12)
    assert row["coords"]["layer"] == [1]


def test_a_matrix_is_one_cell_a_number(vitscope, cache):
    values = np.load(io.BytesIO(vitscope("show", "cka", *PAIR, "--cache", cache, "-f", "npy").raw))
    table = vitscope("show", "cka", *PAIR, "--cache", cache).out
    lines = [line.split() for line in table.splitlines()]
    for layer, row in enumerate(values):
        assert [str(layer + 1), *(f"{value:.2f}" for value in row)] in lines


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["cka", "-m", "synthetic", "--layer", "9"], "layers 1 to 3"),
        (["cka", "-m", "synthetic", "--head", "1"], "--head"),
        (["cka", "-m", "nobody"], "no run of 'nobody'"),
        (["residual", "-m", "synthetic", "--taps", "norm"], "taps 'norm' are none of attention or mlp"),
        (["cka", "-m", "synthetic", "--taps", "mlp"], "block and norm, not 'mlp'"),
        (["distance", "-m", "synthetic", "--exact"], "--exact"),
        (["clusters", "-m", "synthetic"], "vitscope evaluate clusters --model synthetic"),
    ],
)
def test_bad_questions_get_one_sentence(vitscope, cache, asked, said):
    assert said in one_sentence(vitscope("show", *asked, "--cache", cache))


def test_a_damaged_block_is_a_sentence(vitscope, tmp_path):
    synthetic.write(tmp_path, images=12, block=6, gallery=0)
    (Cache(tmp_path).find("synthetic").folder / "grams@1" / "all.npy").unlink()
    assert "all.npy" in one_sentence(vitscope("show", "cka", "-m", "synthetic", "--cache", tmp_path))
