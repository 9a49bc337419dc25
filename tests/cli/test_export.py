"""`vitscope cache export`: everything in a folder that stands alone, or nothing at all."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from tests import evaluations, synthetic
from tests.cli.conftest import one_sentence
from vitscope import catalog
from vitscope.export import folder as exporting
from vitscope.export.reading import TASK, reading
from vitscope.export.sheets import sections
from vitscope.store.reader import Cache

SMALL = {"layers": 2, "heads": 1, "grid": (2, 2), "images": 8, "gallery": 1, "block": 4}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """Two models over the same images, with features, and one task of both. Do not write in it."""
    cache = tmp_path_factory.mktemp("small")
    for model in ("mae", "dino"):
        synthetic.write(cache, **SMALL, model=model)
        arrays = {"top1": (evaluations.curve(1, 2), ("layer",)), "top5": (evaluations.curve(2, 2), ("layer",))}
        evaluations.write(cache, "knn", arrays, model=model)
    return cache


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory) -> Path:
    """One model and the tasks of both exported, as everything."""
    target = tmp_path_factory.mktemp("out") / "export"
    store = Cache(small)
    some = [section for section in sections(store.runs()) if section.folder.startswith(("mae", "tasks"))]
    exporting.export(store, some, target, exporting.FORMATS, lambda done, total: None)
    return target


def test_every_view_of_the_catalog_has_a_sheet(small):
    runs = Cache(small).runs()
    found = {sheet.view for section in sections(runs) for sheet in section.sheets}
    expected = {name for name, shown in catalog.VIEWS.items() if not shown.task} | {"knn"}
    assert found == expected


def test_a_view_is_not_explained_as_another(monkeypatch):
    said = {name: reading(name) for name, shown in catalog.VIEWS.items() if not shown.task}
    assert len(set(said.values())) == len(said)
    assert TASK not in said.values()
    assert reading("knn") == TASK
    monkeypatch.setitem(catalog.VIEWS, "new", catalog.Shown("vitscope.views.new:view", "how new it is"))
    assert reading("new") == "How new it is."


def test_a_table_is_what_show_prints(vitscope, small, whole):
    run = Cache(small).find("mae")
    for name, words in {
        "distance": ["distance"],
        "attention-cls": ["attention", "--query", "cls"],
        "cka-spatial": ["cka", "--tokens", "spatial"],
        "residual-mlp": ["residual", "--taps", "mlp"],
        "image-1": ["attention", "--query", "cls", "--image", "cat/000.jpg"],
    }.items():
        shown = vitscope("show", *words, "--model", run.name, "--cache", small, "--format", "csv")
        assert (whole / run.name / f"{name}.csv").read_bytes() == shown.raw, name
    both = vitscope("show", "knn", "--model", "mae", "--model", "dino", "--cache", small, "--format", "csv")
    rows = [list(csv.reader(io.StringIO(text))) for text in (both.out, (whole / "tasks" / "knn.csv").read_text())]
    assert sorted(rows[0]) == sorted(rows[1])


def test_arrays_hold_no_pickle_and_say_their_places(small, whole):
    run = Cache(small).find("mae")
    with np.load(whole / run.name / "arrays.npz", allow_pickle=False) as arrays:
        every = {name: arrays[name] for name in arrays.files}
    assert np.array_equal(every["distance"], run.array("distance"))
    assert every["distance@dims"].tolist() == ["layer", "head"]
    assert every["distance@layer"].tolist() == [1, 2]
    assert every["attention-cls"].shape == (2, 1, 2, 2)
    assert every["offset.x"].shape == (2, 1)
    assert every["heads.tags"].dtype.kind == "U"
    assert not [name for name, array in every.items() if array.dtype == object]
    for name in (name for name in every if "@" not in name):
        dims = every[f"{name.partition('.')[0]}@dims"].tolist()
        assert every[name].shape == tuple(len(every[f"{name.partition('.')[0]}@{dim}"]) for dim in dims), name


class _Links(HTMLParser):
    """Every address on a page, and every element."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


def test_the_page_leads_to_every_file_and_nowhere_else(whole):
    page = _Links()
    page.feed((whole / "index.html").read_text("utf-8"))
    assert "script" not in page.elements
    files = {unquote(link) for link in page.links if not link.startswith("#")}
    there = {str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()}
    assert files == there - {"index.html"}


def test_the_page_says_model_data_protocol_and_the_command(small, whole):
    text, run = (whole / "index.html").read_text("utf-8"), Cache(small).find("mae")
    for fact in (run.spec.weights, run.spec.images, "protocol", "shapes", f"vitscope show offset --model {run.name}"):
        assert fact in text, fact


def test_a_name_with_markup_stays_text(vitscope, tmp_path):
    cache = tmp_path / "cache"
    synthetic.write(cache, **SMALL, model="x<script>alert(1)</script>", dataset='"><img src=x>')
    done = vitscope("cache", "export", "--to", tmp_path / "out", "--format", "csv", "--cache", cache)
    assert done.code == 0, done.err
    page = _Links()
    page.feed((tmp_path / "out" / "index.html").read_text("utf-8"))
    assert not {"script", "img"} & page.elements


def test_the_same_cache_gives_the_same_bytes(vitscope, small, tmp_path):
    for name in ("one", "two"):
        where = ["--to", tmp_path / name, "--format", "csv", "--format", "npz"]
        done = vitscope("cache", "export", *where, "--cache", small)
        assert (done.code, done.out) == (0, f"{tmp_path / name}\n"), done.err
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path


def test_what_was_not_measured_is_left_out_with_the_reason(vitscope, tmp_path):
    cache = tmp_path / "cache"
    synthetic.write(cache, layers=1, heads=1, grid=(2, 2), gallery=0, metrics=["distance"])
    done = vitscope("cache", "export", "--to", tmp_path / "out", "--format", "csv", "--cache", cache)
    assert done.code == 0
    assert "left out where it was not measured: attention-spatial" in done.err
    page = (tmp_path / "out" / "index.html").read_text()
    assert "--metrics spatial-attention" in page
    assert [path.name for path in (tmp_path / "out").rglob("*.csv")].count("distance.csv") == 1


def test_one_run_alone_by_its_model_or_the_beginning_of_its_folder(vitscope, small, tmp_path):
    run = Cache(small).find("mae")
    for number, name in enumerate(("mae", run.name[:-1])):
        target = tmp_path / str(number)
        assert vitscope("cache", "export", name, "--to", target, "--format", "npz", "--cache", small).code == 0
        assert (target / run.name / "arrays.npz").is_file()
        assert not [path for path in target.iterdir() if path.name.startswith(("dino", "models"))]
    done = vitscope("cache", "export", "nobody", "--to", tmp_path / "3", "--cache", small)
    assert "nobody" in one_sentence(done)


def test_nothing_is_written_over(vitscope, small, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("kept")
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, problem in {"full": "there already", "file": "there already", "link": "there already"}.items():
        done = vitscope("cache", "export", "--to", tmp_path / name, "--format", "npz", "--cache", small)
        assert problem in one_sentence(done)
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "kept"
    done = vitscope("cache", "export", "--to", tmp_path / "no" / "where", "--format", "npz", "--cache", small)
    assert "no folder" in one_sentence(done)


def test_a_dry_run_names_the_files_and_writes_none(vitscope, small, tmp_path):
    done = vitscope("cache", "export", "--to", tmp_path / "out", "--format", "csv", "--dry-run", "--cache", small)
    assert done.code == 0
    run = Cache(small).find("mae")
    assert str(tmp_path / "out" / run.name / "offset.csv") in done.out.splitlines()
    assert not (tmp_path / "out").exists()


def test_an_empty_cache_is_one_sentence(vitscope, tmp_path):
    (tmp_path / "none").mkdir()
    done = vitscope("cache", "export", "--to", tmp_path / "out", "--cache", tmp_path / "none")
    assert "nothing to export" in one_sentence(done)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_export_that_fails_leaves_nothing(vitscope, small, tmp_path, monkeypatch, error):
    def fail(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(exporting, "csv_bytes", fail)
    done = vitscope("cache", "export", "--to", tmp_path / "out", "--format", "csv", "--cache", small)
    assert done.code == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert ("no space left on device; nothing of it was kept" in done.err) == isinstance(error, OSError)
    assert not [path for path in tmp_path.iterdir() if path.name == "out" or path.name.startswith(".vitscope")]


def test_a_damaged_array_ends_the_export(vitscope, tmp_path):
    cache = tmp_path / "cache"
    run = synthetic.write(cache, layers=1, heads=1, grid=(2, 2))
    (run / "distance@1" / "mean.npy").write_bytes(b"short")
    done = vitscope("cache", "export", "--to", tmp_path / "out", "--format", "csv", "--cache", cache)
    assert "is damaged" in done.err
    assert (done.code, (tmp_path / "out").exists()) == (1, False)


def test_json_lines_end_with_the_folder(vitscope, small, tmp_path):
    done = vitscope("cache", "export", "mae", "--to", tmp_path / "out", "--format", "npz", "--json", "--cache", small)
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert {line["event"] for line in lines[:-1]} == {"progress"}
    assert (lines[-2]["done"], lines[-2]["unit"]) == (lines[-2]["total"], "views")
    assert (lines[-1]["event"], lines[-1]["folder"]) == ("result", str(tmp_path / "out"))
    there = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert lines[-1]["files"] == len(there)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_export_has_the_permissions_that_umask_leaves(small, tmp_path, mask):
    program = f"import os, sys; os.umask({mask}); from vitscope.__main__ import main; main()"
    words = ["cache", "export", "mae", "--to", str(tmp_path / "out"), "--format", "npz", "--cache", str(small)]
    log = ["--log", str(tmp_path / "log")]
    subprocess.run([sys.executable, "-c", program, *words, *log], check=True, capture_output=True)
    for path in (tmp_path / "out", *(tmp_path / "out").rglob("*"), tmp_path / "log"):
        wanted = (0o777 if path.is_dir() else 0o666) & ~mask
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_it_needs_no_torch(tmp_path):
    synthetic.write(tmp_path / "cache", layers=1, heads=1, grid=(2, 2), gallery=0, metrics=["distance"])
    program = (
        "import sys\nfrom vitscope.__main__ import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(sorted({'torch', 'timm', 'sklearn'} & set(sys.modules)), file=sys.stderr)"
    )
    words = ["cache", "export", "--to", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    done = subprocess.run([sys.executable, "-c", program, *words], check=True, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "[]"
    pictures = sorted((tmp_path / "out").rglob("*.png"))
    assert [path.stem for path in pictures] == ["distance", "heads"]
    assert [path.stem for path in sorted((tmp_path / "out").rglob("*.svg"))] == ["distance", "heads"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "out"]
    assert not re.findall(r"https?://", (tmp_path / "out" / "index.html").read_text())
