"""Views as JSON, CSV and npy."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from tests.export.makers import tags, view
from vitscope.errors import ViewError
from vitscope.export.data import csv_bytes, json_bytes, npy_bytes
from vitscope.views import Column

HEADS = {"layer": [1, 2], "head": [1, 2]}


def test_json_is_one_object_with_these_keys():
    shown = json.loads(json_bytes([view(HEADS, np.array([[0.5, 1], [2, 3]]), unit="nat")]))
    assert shown == {
        "view": "thing",
        "model": "mae",
        "dataset": "photos",
        "images": 3,
        "unit": "nat",
        "protocol": "corrected",
        "dims": ["layer", "head"],
        "coords": {"layer": [1, 2], "head": [1, 2]},
        "values": [[0.5, 1.0], [2.0, 3.0]],
        "spec": {"model": "mae"},
    }


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_null_and_empty(missing):
    holed = view({"head": [1, 2]}, np.array([missing, 1.5], dtype=np.float32))
    assert json.loads(json_bytes([holed]))["values"] == [None, 1.5]
    assert csv_bytes([holed]).decode().splitlines() == ["model,head,thing", "mae,1,", "mae,2,1.5"]


def test_one_number_has_no_dims():
    alone = view({}, np.array(0.25))
    assert json.loads(json_bytes([alone]))["values"] == 0.25
    assert csv_bytes([alone]).decode() == "model,thing\nmae,0.25\n"
    assert np.load(io.BytesIO(npy_bytes([alone]))) == 0.25


def test_csv_names_the_layer_and_head_that_were_asked_for():
    one = view({"layer": [3], "head": [1, 2]}, np.array([0.5, 1.5]), dims=("head",))
    assert csv_bytes([one]).decode() == "model,layer,head,thing\nmae,3,1,0.5\nmae,3,2,1.5\n"


def test_columns_and_tags():
    columns = {"size": Column(values=np.array([1.0, np.nan]), unit="nat"), "tags": tags(["sink cls", "global"], [])}
    several = view({"head": [1, 2]}, columns=columns, unit="")
    shown = json.loads(json_bytes([several]))
    assert "values" not in shown
    assert shown["columns"] == {
        "size": {"unit": "nat", "values": [1.0, None]},
        "tags": {"unit": "tag", "values": [["sink cls", "global"], []]},
    }
    assert csv_bytes([several]).decode().splitlines()[1:] == ["mae,1,1.0,sink cls; global", "mae,2,,"]
    records = np.load(io.BytesIO(npy_bytes([several])), allow_pickle=False)
    assert records["tags"].tolist() == ["sink cls; global", ""]


def test_csv_of_models_with_different_columns_keeps_every_number():
    first = view({"head": [1]}, columns={"a": Column(values=np.array([1.0]), unit="1")}, model="one")
    second = view({"head": [1]}, columns={"b": Column(values=np.array([2.0]), unit="1")}, model="two")
    rows = list(csv.DictReader(io.StringIO(csv_bytes([first, second]).decode())))
    assert rows == [
        {"model": "one", "head": "1", "a": "1.0", "b": ""},
        {"model": "two", "head": "1", "a": "", "b": "2.0"},
    ]


def test_names_are_quoted_and_kept_as_utf8():
    odd = view({"token": ["1,2", 'a"b']}, np.array([1.0, 2.0]), model="größe")
    assert [row["token"] for row in csv.DictReader(io.StringIO(csv_bytes([odd]).decode()))] == ["1,2", 'a"b']
    assert "größe".encode() in json_bytes([odd])


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x"])
def test_a_name_is_no_formula_in_csv_and_itself_in_json(name):
    odd = view({"token": [name, "a=b"]}, np.array([-1.0, 2.0]), model=name)
    rows = list(csv.DictReader(io.StringIO(csv_bytes([odd]).decode())))
    assert [row["token"] for row in rows] == [f"'{name}", "a=b"]
    assert {row["model"] for row in rows} == {f"'{name}"}
    assert [float(row["thing"]) for row in rows] == [-1, 2]  # a number is no name
    assert json.loads(json_bytes([odd]))["model"] == name


def test_a_npy_file_holds_one_array():
    one = view({"head": [1]}, np.array([1.0]))
    with pytest.raises(ViewError, match="one --model"):
        npy_bytes([one, one])
