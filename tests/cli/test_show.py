"""`vitscope show`: every view in every format, and every way that it can be asked for wrongly."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from itertools import product
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests import synthetic
from tests.cli.conftest import one_sentence

FORMATS = ["table", "json", "csv", "npy", "png", "svg"]
NARROWED = {
    "all": [],
    "layer": ["--layer", "2"],
    "head": ["--head", "1"],
    "both": ["--layer", "2", "--head", "3"],
}
CASES = [  # figures take longest: what they show of each shape is tested in tests/export
    pytest.param(form, options, id=f"{form}-{name}")
    for form in FORMATS
    for name, options in NARROWED.items()
    if form not in {"png", "svg"} or name in {"all", "layer"}
]


@pytest.mark.parametrize(("form", "narrowed"), CASES)
@pytest.mark.parametrize("view", synthetic.OF_HEADS)
def test_every_view_in_every_format(vitscope, cache, view, form, narrowed):
    done = vitscope("show", view, "--model", "synthetic", "--cache", cache, "--format", form, *narrowed)
    assert (done.code, done.err) == (0, "")
    CHECKS[form](done.raw)


def is_table(raw):
    text = raw.decode()
    assert "\x1b" not in text
    assert "synthetic · shapes · " in text
    assert all(len(line) <= 120 for line in text.splitlines())
    assert not any(line.endswith(" ") for line in text.splitlines())


def is_json(raw):
    shown = json.loads(raw)
    numbers = "columns" if "columns" in shown else "values"
    keys = ["view", "model", "dataset", "images", "unit", "protocol", "dims", "coords", numbers, "spec"]
    assert list(shown) == keys
    assert [len(shown["coords"][dim]) for dim in shown["dims"]] == shape_of(
        shown["values"] if numbers == "values" else next(iter(shown["columns"].values()))["values"], len(shown["dims"])
    )
    assert shown["spec"]["model"] == "synthetic"


def shape_of(values, depth):
    return [] if depth == 0 else [len(values), *shape_of(values[0], depth - 1)]


def is_csv(raw):
    header, *rows = csv.reader(io.StringIO(raw.decode()))
    assert header[0] == "model"
    assert rows
    assert all(len(row) == len(header) and row[0] == "synthetic" for row in rows)


def is_npy(raw):
    assert np.load(io.BytesIO(raw), allow_pickle=False).size > 0


def is_png(raw):
    with Image.open(io.BytesIO(raw)) as image:
        image.load()
        assert min(image.size) > 200


def is_svg(raw):
    root = ElementTree.fromstring(raw)
    words = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("synthetic · shapes" in word for word in words)  # text stays text
    assert b"<dc:date>" not in raw


CHECKS = {"table": is_table, "json": is_json, "csv": is_csv, "npy": is_npy, "png": is_png, "svg": is_svg}


@pytest.mark.parametrize(
    "options",
    [
        ["--query", "cls"],
        ["--query", "2,3"],
        ["--tokens", "cls"],
        ["--tokens", "all"],
        ["--tokens", "all", "--layer", "1", "--head", "1"],
        ["--image", "000.jpg", "--query", "cls", "--layer", "1"],
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_attention_of_every_kind(vitscope, cache, options, form):
    done = vitscope("show", "attention", "--model", "synthetic", "--cache", cache, "--format", form, *options)
    assert (done.code, done.err) == (0, "")
    CHECKS[form](done.raw)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("view", synthetic.OF_HEADS)
def test_a_model_without_prefix_and_with_a_grid_that_is_not_square(vitscope, cache, view, form):
    assert vitscope("show", view, "--model", "wide", "--cache", cache, "--format", form).code == 0


def test_where_the_cache_is_is_said_where_more_is_asked_for(vitscope, cache):
    given = ("show", "distance", "--model", "synthetic", "--cache", cache, "--format", "csv")
    less, more = vitscope(*given), vitscope(*given, "--verbose")
    assert (more.raw, less.err, more.err) == (less.raw, "", f"cache: {cache}\n")


def test_the_formats_hold_the_same_numbers(vitscope, cache):
    def show(form):
        return vitscope("show", "distance", "--model", "synthetic", "--cache", cache, "--format", form).raw

    shown = json.loads(show("json"))
    array = np.load(io.BytesIO(show("npy")))
    rows = list(csv.DictReader(io.StringIO(show("csv").decode())))
    assert shown["dims"] == ["layer", "head"]
    assert shown["coords"] == {"layer": [1, 2, 3], "head": [1, 2, 3, 4]}
    assert shown["unit"] == "image side"
    assert np.array_equal(shown["values"], array)
    assert [(int(row["layer"]), int(row["head"])) for row in rows] == list(product([1, 2, 3], [1, 2, 3, 4]))
    assert [float(row["distance"]) for row in rows] == array.ravel().tolist()


def test_columns_keep_their_units_and_tags_are_lists(vitscope, cache):
    done = vitscope("show", "heads", "--model", "synthetic", "--cache", cache, "--format", "json")
    shown = json.loads(done.raw)
    assert shown["unit"] is None
    assert shown["columns"]["distance"]["unit"] == "image side"
    assert isinstance(shown["columns"]["tags"]["values"][0][0], list)
    table = np.load(io.BytesIO(vitscope("show", "heads", "-m", "synthetic", "--cache", cache, "-f", "npy").raw))
    assert table.shape == (3, 4)
    assert np.array_equal(table["entropy"], shown["columns"]["entropy"]["values"])


def test_several_models_are_a_list_in_json_and_a_column_in_csv(vitscope, cache):
    both = ["show", "distance", "--model", "synthetic", "--model", "wide", "--cache", cache, "--format"]
    assert [shown["model"] for shown in json.loads(vitscope(*both, "json").raw)] == ["synthetic", "wide"]
    rows = list(csv.DictReader(io.StringIO(vitscope(*both, "csv").out)))
    assert {row["model"] for row in rows} == {"synthetic", "wide"}
    assert len(rows) == 12 + 6
    table = vitscope(*both, "table").out
    assert table.index("synthetic · ") < table.index("wide · ")
    is_png(vitscope(*both, "png").raw)
    assert "one --model" in one_sentence(vitscope(*both, "npy"))


@pytest.mark.parametrize("form", FORMATS)
def test_output_goes_into_a_file_and_says_where(vitscope, cache, tmp_path, form):
    file = tmp_path / f"figure.{form}"
    file.write_text("old")
    asked = ["show", "aligned", "--model", "synthetic", "--cache", cache, "--layer", "1", "--format", form]
    done = vitscope(*asked, "--output", file)
    assert (done.code, done.raw, done.err) == (0, b"", f"written to {file}\n")
    CHECKS[form](file.read_bytes())
    assert [path.name for path in tmp_path.glob("figure*")] == [file.name]


@pytest.mark.parametrize("form", ["png", "svg"])
def test_a_figure_is_the_same_bytes_every_time(vitscope, cache, form):
    asked = ["show", "attention", "--model", "synthetic", "--cache", cache, "--format", form]
    assert vitscope(*asked).raw == vitscope(*asked).raw


@pytest.mark.parametrize("form", ["npy", "png", "svg"])
def test_files_are_not_written_to_a_terminal(vitscope, cache, monkeypatch, form):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    done = vitscope("show", "distance", "--model", "synthetic", "--cache", cache, "--format", form)
    assert "--output" in one_sentence(done)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["distanse", "--model", "synthetic"], "no view is called 'distanse'. Did you mean distance?"),
        (["distance", "--model", "synthetik"], "no run of 'synthetik' in the cache"),
        (["distance", "--model", "synthetic", "--layer", "9"], "layers 1 to 3"),
        (["distance", "--model", "synthetic", "--head", "9"], "heads 1 to 4"),
        (["distance", "--model", "synthetic", "--query", "cls"], "--query"),
        (["attention", "--model", "synthetic", "--query", "99,1"], "rows go from 1 to 4"),
        (["attention", "--model", "synthetic", "--query", "eye"], "ROW,COL"),
        (["attention", "--model", "synthetic", "--image", "none.jpg"], "none.jpg"),
        (["attention", "--model", "wide", "--tokens", "cls"], "CLS"),
        (["attention", "--model", "wide", "--image", "none.jpg"], "--metrics gallery"),
        (["distance", "--model", "timm/registers"], "vitscope extract --model timm/registers --data DIR --metrics"),
    ],
)
def test_bad_questions_get_one_sentence(vitscope, cache, arguments, said):
    assert said in one_sentence(vitscope("show", *arguments, "--cache", cache))


def test_a_folder_that_cannot_be_written_gets_one_sentence(vitscope, cache, tmp_path):
    asked = ["show", "distance", "--model", "synthetic", "--cache", cache, "--output", tmp_path / "nowhere" / "x.txt"]
    assert "nowhere" in one_sentence(vitscope(*asked))


def test_colours_are_for_terminals_that_want_them(vitscope, cache, monkeypatch):
    asked = ["show", "attention", "--model", "synthetic", "--cache", cache, "--layer", "1"]
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert re.search(r"\x1b\[38;5;\d+;48;5;\d+m▀", vitscope(*asked).out)
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert re.search(r"\x1b\[38;2;[\d;]+m▀", vitscope(*asked).out)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = vitscope(*asked).out
    assert "▀" not in plain
    assert not re.search(r"\x1b\[[\d;]*[34]8;", plain)
    assert "█" in plain
