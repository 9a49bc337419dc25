from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from vitscope.errors import BusyError, StoreError
from vitscope.store.lock import lock
from vitscope.store.reader import Cache
from vitscope.store.verify import remove, size, verify

KINDS = (
    "run.json",
    "distance@1/result.json",
    "distance@1/mean.npy",
    "gallery@1/crop.npy",
    "shards/00000.json",
    "shards/00000-entropy@1.safetensors",
)


def test_a_sound_run_has_no_problems(run):
    assert verify(run) == []
    assert verify(run.folder) == []
    found = {str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if path.is_file()}
    assert found == {*KINDS, "distance@1/std.npy", "gallery@1/result.json"}


@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_bit_is_found_and_its_file_named(run, kind):
    path = run.folder / kind
    raw = path.read_bytes()
    chance = random.Random(kind)
    for at in {0, len(raw) - 1, *chance.sample(range(len(raw)), 40)}:
        changed = bytearray(raw)
        changed[at] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        problems = verify(run)
        assert len(problems) == 1, (at, problems)
        assert str(path) in problems[0]
    path.write_bytes(raw)
    assert verify(run) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_grown_or_missing_is_found_and_named(run, kind):
    path = run.folder / kind
    raw = path.read_bytes()
    for content in (raw[:-1], raw[: len(raw) // 2], b"", raw + b"\n", None):
        path.unlink() if content is None else path.write_bytes(content)
        problems = verify(run)
        if content is None and kind in {"distance@1/result.json", "shards/00000.json"}:
            assert problems == []  # without its commit a result or a shard has never been
        else:
            assert len(problems) == 1, (content, problems)
            assert str(path) in problems[0]


@pytest.mark.parametrize("left", ["folder", "nothing"])
def test_a_result_that_a_finished_run_has_measured_and_lost_is_missed(writer, run, left):
    """Without its result.json, which commits it, a metric has never been: unless run.json says that it has."""
    writer.update(finished=None, passes=[{"metrics": ["distance", "gallery"]}])
    path = run.folder / "distance@1" / "result.json"
    path.unlink() if left == "folder" else shutil.rmtree(path.parent)
    assert verify(run) == []  # a restart that was killed is unfinished, and so is no damage
    writer.update(finished="2026-01-01T00:00:00+00:00")
    (problem,) = verify(run)
    assert f"{run.folder}/distance@{1 if left == 'folder' else '*'}/result.json is missing" in problem
    writer.update(passes=[{"metrics": 3}, None])
    assert verify(run) == []


def test_all_problems_are_told(run):
    for kind in KINDS[2:4]:
        (run.folder / kind).write_bytes(b"")
    assert len(verify(run)) == 2


def test_leftovers_of_killed_writers_are_no_problem(run):
    (run.folder / ".vitscope-0123456789abcdef.tmp").write_bytes(b"half")
    (run.folder / "shards" / ".vitscope-0123456789abcdef.tmp").write_bytes(b"half")
    (run.folder / "shards" / "00001-entropy@1.safetensors").write_bytes(b"never committed")
    assert verify(run) == []
    assert Cache(run.folder.parent).broken() == []


def test_removing_frees_what_the_size_says(run):
    expected = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
    assert size(run) == expected
    assert remove(run) == expected
    assert not run.folder.exists()
    assert run.folder.parent.exists()


def test_a_run_that_is_being_written_is_not_removed(run):
    with lock(run.folder), pytest.raises(BusyError, match="is being written by"):
        remove(run)
    assert verify(run) == []


def test_a_broken_run_can_be_removed(run):
    (run.folder / "run.json").write_bytes(b"")
    remove(run.folder)
    assert not run.folder.exists()


def test_nothing_but_a_run_is_removed(cache, run, tmp_path):
    photos = cache / "photos"
    photos.mkdir()
    (photos / "a.jpg").touch()
    (cache / "link").symlink_to(run.folder)
    for folder in (photos, cache, cache / "link", cache / "none", tmp_path):
        with pytest.raises(StoreError, match="is not the folder of a run"):
            remove(folder)
    (run.folder / "notes\x1b.txt").touch()
    with pytest.raises(StoreError, match=r"holds 'notes\ufffd\.txt', which vitscope did not write"):
        remove(run)
    assert verify(run) == []
    assert (photos / "a.jpg").exists()


def test_removal_does_not_follow_links_out_of_the_run(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (run.folder / "entropy@1").symlink_to(elsewhere)
    (run.folder / "distance@1" / "link").symlink_to(elsewhere)
    remove(run)
    assert (elsewhere / "precious").exists()
    assert not run.folder.exists()


def test_verify_reads_a_run_on_a_disk_that_cannot_be_written(run, monkeypatch):
    opener = os.open

    def read_only(path, flags, *arguments, **options):
        assert not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT), path
        return opener(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", read_only)
    assert verify(run) == []
    assert Path(run.folder / "lock").exists() is False


def test_a_run_that_is_gone_is_one_problem(run):
    remove(run)
    (problem,) = verify(run)
    assert "run.json is missing" in problem
