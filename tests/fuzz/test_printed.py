"""What commands print and write of hostile names steers no terminal, is no formula, and is what it says it is."""

from __future__ import annotations

import csv
import io
import json
import sys
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import vitscope  # noqa: F401 (a fixture)
from tests.fuzz import hostile
from vitscope import catalog
from vitscope.cli.app import last_words
from vitscope.store.reader import Cache

EVERY = "".join(hostile.STRINGS.values())
TASKS = {"", "saliency", "knn"}
FORMULA = ("=", "+", "-", "@")


@pytest.fixture(scope="module", params=["every", "formula"])
def cache(request, tmp_path_factory):
    """A cache full of hostile strings: all in one, and one that begins as a formula does."""
    text = hostile.STRINGS.get(request.param, EVERY)
    return hostile.cache(tmp_path_factory.mktemp("hostile"), text)


def model_of(runs, task: str) -> str:
    """The name of a run's model."""
    return next(run.model for run in runs if run.spec.task == task)


def test_commands_print_nothing_that_steers(cache, vitscope, monkeypatch):  # noqa: F811
    monkeypatch.setenv("COLORTERM", "truecolor\x9b2J")
    monkeypatch.setenv("FORCE_COLOR", "1")
    runs = Cache(cache).runs()
    commands = [("cache", "list"), ("cache", "verify"), *(("cache", "info", run.name) for run in runs)]
    commands += [("cache", "remove", runs[0].name, "--dry-run"), ("show", "distance", "--model", "nobody\x1b[2J")]
    for name, shown in catalog.VIEWS.items():
        if shown.task in TASKS:
            commands.append(("show", name, "--model", model_of(runs, shown.task)))
    for command in commands:
        done = vitscope(*command, "--cache", cache)
        assert "Traceback" not in done.err
        assert hostile.steers(done.out) == hostile.steers(done.err) == [], command


@pytest.mark.parametrize("view", ["distance", "norms", "knn"])
def test_what_is_written(cache, vitscope, view):  # noqa: F811
    model = model_of(Cache(cache).runs(), catalog.VIEWS[view].task)
    made = {form: vitscope("show", view, "--model", model, "--cache", cache, "--format", form)
            for form in ("json", "csv", "md", "tex", "svg", "npy")}  # fmt: skip
    assert {form: done.code for form, done in made.items()} == dict.fromkeys(made, 0), made["svg"].err
    for form in ("json", "csv", "md", "tex", "svg"):
        assert hostile.steers(made[form].out) == []
    assert isinstance(json.loads(made["json"].out), dict)
    heading, *lines = csv.reader(io.StringIO(made["csv"].out))
    assert len(lines) > 0
    assert not any(cell.startswith(FORMULA) for line in lines for cell in line[: heading.index("model") + 1])
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(made["svg"].raw).iter()}
    assert "script" not in tags
    assert made["npy"].raw.startswith(b"\x93NUMPY")


def test_a_file_of_a_hostile_name_is_written_there_and_nowhere_else(cache, vitscope, tmp_path):  # noqa: F811
    model, name = model_of(Cache(cache).runs(), ""), hostile.file_name(EVERY)
    forms = ("table", "csv", "md", "npy")
    for form in forms:
        command = ("show", "distance", "--model", model, "--cache", cache, "--format", form)
        assert (printed := vitscope(*command)).code == 0, printed.err
        folder = tmp_path / "out" / form
        folder.mkdir(parents=True)
        done = vitscope(*command, "--output", folder / name)
        assert (done.code, done.out) == (0, ""), done.err
        assert hostile.steers(done.err) == []
        assert (folder / name).read_bytes() == printed.raw
        assert set(folder.iterdir()) == {folder / name}
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(forms)


def test_a_file_of_a_hostile_name_that_cannot_be_written(cache, vitscope, tmp_path):  # noqa: F811
    model, name = model_of(Cache(cache).runs(), ""), hostile.file_name(EVERY)
    before = set(tmp_path.rglob("*"))
    done = vitscope("show", "distance", "--model", model, "--cache", cache, "--output", tmp_path / name / "x.txt")
    assert (done.code, done.out) == (1, "")
    assert "Traceback" not in done.err
    assert hostile.steers(done.err) == []
    assert set(tmp_path.rglob("*")) == before


def test_an_export_stays_in_its_folder(cache, vitscope, tmp_path):  # noqa: F811
    before = set(tmp_path.rglob("*"))
    done = vitscope("cache", "export", "--to", tmp_path / "out", "--format", "csv", "--cache", cache)
    assert done.code == 0, done.err
    made = set(tmp_path.rglob("*")) - before
    assert len(made) > 5
    assert {path.relative_to(tmp_path).parts[0] for path in made} == {"out"}
    assert all(path.name.isascii() and path.name.isprintable() for path in made)


def test_an_extraction_over_hostile_names(tmp_path, vitscope):  # noqa: F811
    data = hostile.photographs(tmp_path / "photo\x1b[2Js")
    done = vitscope("extract", "--model", "random/test_vit", "--data", data, "--cache", tmp_path / "c\x9bache", "--verbose",
                    "--image-size", "32", "--workers", "0", "--metrics", "distance,class-attention")  # fmt: skip
    assert done.code == 0, done.err
    (run,) = Cache(tmp_path / "c\x9bache").runs()
    assert done.out == f"{run.folder}\n"  # to a script, as it is
    assert hostile.steers(done.err) == []
    assert run.images == len(hostile.STRINGS)
    assert all(name.isprintable() for name in run.classes)


def test_a_terminal_is_told_a_folder_that_does_not_steer(monkeypatch, tmp_path, capsys):
    from vitscope.cli import together
    from vitscope.run.request import Report

    report = Report.__new__(Report)
    object.__setattr__(report, "folder", tmp_path / "c\x9b2J")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    together.answer("x", report)
    said = capsys.readouterr().out
    assert said.endswith("2J\n")
    assert hostile.steers(said) == []


def test_wrong_arguments_are_quoted_safely(vitscope):  # noqa: F811
    text = EVERY.encode("utf-8", "replace").decode()
    for command in (("show", text), (text,), ("cache", "list", text), ("extract", "--model", text), ("browse", text)):
        done = vitscope(*command)
        assert done.code in {1, 2}
        assert done.err
        assert hostile.steers(done.out + done.err) == []


def test_the_traceback_of_a_bug_does_not_steer(capsys):
    try:
        raise RuntimeError(f"a file said {EVERY}")
    except RuntimeError as error:
        last_words(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert "RuntimeError: a file said" in said
    assert hostile.steers(said) == []
