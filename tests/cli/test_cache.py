"""`vitscope cache`: what is there, whether it is sound, and removing it only when that is meant."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import typer

from tests import synthetic
from tests.cli.conftest import one_sentence
from vitscope.store.files import read_json, write_json
from vitscope.store.lock import lock
from vitscope.store.reader import Cache
from vitscope.store.writer import Measured, RunWriter


@pytest.fixture
def store(tmp_path):
    """Two runs of `synthetic` and one of `mae`, to be written in."""
    folder = tmp_path / "cache"
    small = {"layers": 1, "heads": 1, "grid": (2, 2), "images": 2, "gallery": 1}
    synthetic.write(folder, **small)
    synthetic.write(folder, **small, seed=1, dataset="other", finished=False)
    synthetic.write(folder, **small, model="mae")
    return folder


def test_list(vitscope, store):
    done = vitscope("cache", "list", "--cache", store)
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["run", "images", "size", "state"]
    assert sorted(line.split()[0] for line in done.out.splitlines()[1:]) == sorted(run.name for run in store.iterdir())
    assert done.out.count("unfinished") == 1
    assert done.err == f"cache: {store}\n"


def test_more_is_said_where_more_is_asked_for(vitscope, store):
    for command in (["info"], ["info", "mae"], ["remove", "mae", "--dry-run"]):
        given = ("cache", *command, "--cache", store)
        less, more = vitscope(*given), vitscope(*given, "--verbose")
        assert more.err == f"cache: {store}\n{less.err}"
    facts = vitscope("cache", "info", "--cache", store).out.splitlines()
    size = next(line for line in facts if line.startswith("size")).removeprefix("size").strip()
    assert vitscope("cache", "list", "-v", "--cache", store).err == f"cache: {store}\nin all: {size}\n"


def test_list_of_an_empty_cache_says_what_to_do(vitscope, tmp_path):
    (tmp_path / "empty").mkdir()
    for where in (("--cache", tmp_path / "empty"), ()):  # the usual cache comes to be when something is measured
        done = vitscope("cache", "list", *where)
        assert (done.code, done.out) == (0, "")
        assert "vitscope extract" in done.err


@pytest.mark.parametrize("words", [["list"], ["info"], ["verify"], ["remove", "mae"], ["export", "--to", "out"]])
def test_a_cache_that_is_named_has_to_be_there(vitscope, tmp_path, words):
    assert f"no cache {tmp_path / 'none'}" in one_sentence(vitscope("cache", *words, "--cache", tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_list_shows_broken_runs(vitscope, store):
    broken = next(store.glob("mae-*"))
    (broken / "run.json").write_text("{}")
    done = vitscope("cache", "list", "--cache", store)
    assert done.code == 0
    assert f"{broken.name}" in next(line for line in done.out.splitlines() if line.endswith("broken"))
    assert "damaged" in done.err


def test_info(vitscope, store):
    whole = vitscope("cache", "info", "--cache", store).out
    assert str(store) in whole
    assert "3" in next(line for line in whole.splitlines() if line.startswith("runs"))
    one = vitscope("cache", "info", "mae", "--cache", store).out
    assert "1 × 1" in one
    assert "distance@1" in one
    assert "no run of 'nobody'" in one_sentence(vitscope("cache", "info", "nobody", "--cache", store))


def test_info_lists_an_array_that_lies_in_many_files_once(vitscope, store):
    run = Cache(store).find("mae")
    writer = RunWriter(
        store, run.spec, {key: fact for key, fact in run.facts.items() if key not in {"format", "sha256"}}
    )
    dims = ("tokens", "layer", "row", "width")
    with lock(run.folder):
        for shard, rows in enumerate((3, 3, 2)):
            vectors = {"rows": Measured(np.zeros((1, 1, rows, 4), dtype=np.float16), dims, "1")}
            writer.put_shard(shard, {"vectors@1": {}}, {"images": rows}, {"vectors@1": vectors})
        places = Measured(np.arange(8), ("row",), "1")
        writer.put_result("vectors", 1, {"places": places}, 8, {"tokens": ["spatial"]}, range(3))
    lines = vitscope("cache", "info", "mae", "--cache", store).out.splitlines()
    (found,) = [" ".join(line.split()) for line in lines if "rows-" in line]
    assert found == "vectors@1 8 rows-* 1 tokens 1 × layer 1 × row 8 × width 4"


def test_info_survives_facts_that_are_not_ours(vitscope, store):
    folder = next(store.glob("mae-*"))
    facts = {**read_json(folder / "run.json"), "skipped": [3, {"file": "a"}], "versions": "old", "seconds": "long"}
    write_json(folder / "run.json", {**facts, "classes": {"a": 1}, "used": "many", "batch_size": [1]})
    done = vitscope("cache", "info", "mae", "--cache", store)
    assert (done.code, done.err) == (0, "")
    assert "old" in done.out
    assert vitscope("cache", "list", "--cache", store).code == 0


def test_verify_finds_a_flipped_byte(vitscope, store):
    done = vitscope("cache", "verify", "--cache", store)
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == ["ok"] * 3
    array = next(store.glob("mae-*")) / "distance@1" / "mean.npy"
    array.write_bytes(array.read_bytes()[:-1] + b"\x7f")
    done = vitscope("cache", "verify", "--cache", store)
    assert done.code == 1
    assert "does not match its checksum" in done.out
    assert "1 of 3 runs are damaged" in done.err
    assert vitscope("cache", "verify", "synthetic-other", "--cache", store).code == 0


def test_remove_asks_and_obeys(vitscope, store, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    answers = iter([False, True])
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: next(answers))
    done = vitscope("cache", "remove", "mae", "--cache", store)
    assert (done.code, "nothing was removed" in done.err) == (0, True)
    assert len(list(store.iterdir())) == 3
    done = vitscope("cache", "remove", "mae", "--cache", store)
    assert (done.code, "freed" in done.err) == (0, True)
    assert list(store.glob("mae-*")) == []
    assert len(list(store.iterdir())) == 2


def test_remove_without_a_person_wants_yes(vitscope, store):
    done = vitscope("cache", "remove", "mae", "--cache", store)
    assert done.code == 1
    assert "--yes" in done.err
    assert len(list(store.iterdir())) == 3
    assert vitscope("cache", "remove", "mae", "--yes", "--cache", store).code == 0
    assert len(list(store.iterdir())) == 2


def test_dry_run_removes_nothing(vitscope, store):
    done = vitscope("cache", "remove", "mae", "--dry-run", "--cache", store)
    assert (done.code, "would free" in done.err) == (0, True)
    assert len(list(store.iterdir())) == 3


def test_remove_of_one_of_several_wants_the_whole_name(vitscope, store):
    sentence = one_sentence(vitscope("cache", "remove", "synthetic", "--yes", "--cache", store))
    assert all(run.name in sentence for run in store.glob("synthetic-*"))
    one = next(store.glob("synthetic-other-*"))
    assert vitscope("cache", "remove", one.name, "--yes", "--cache", store).code == 0
    assert not one.exists()


def test_remove_takes_broken_runs_and_leaves_busy_ones(vitscope, store):
    broken = next(store.glob("mae-*"))
    (broken / "run.json").write_text("{}")
    with lock(broken):
        done = vitscope("cache", "remove", broken.name, "--yes", "--cache", store)
        assert done.code == 1
        assert done.err.startswith("vitscope: ")
    assert vitscope("cache", "remove", broken.name, "--yes", "--cache", store).code == 0
    assert not broken.exists()


def test_remove_of_what_is_not_there(vitscope, store):
    assert "no run of 'dino'" in one_sentence(vitscope("cache", "remove", "dino", "--yes", "--cache", store))


@pytest.mark.parametrize("command", ["list", "info", "verify"])
def test_a_file_is_no_cache(vitscope, tmp_path, command):
    (tmp_path / "file").write_text("")
    assert "is a file" in one_sentence(vitscope("cache", command, "--cache", tmp_path / "file"))


def test_where_the_cache_is(vitscope, store, tmp_path, monkeypatch):
    def where(*options):
        return vitscope("cache", "info", *options).out.splitlines()[0].split(None, 1)[1]

    (tmp_path / "here" / "cache").mkdir()
    assert where() == str(tmp_path / "here" / "cache")
    assert vitscope("config", "cache", tmp_path / "set").code == 0
    assert where() == str(tmp_path / "set")
    monkeypatch.setenv("VITSCOPE_CACHE", str(tmp_path / "variable"))
    assert where() == str(tmp_path / "variable")
    assert where("--cache", store) == str(store)
