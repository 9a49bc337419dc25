from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.store import life
from vitscope.errors import DamagedError, FormatError, NotMeasured, StoreError
from vitscope.spec import Spec
from vitscope.store.files import read_json, write_json
from vitscope.store.reader import Cache
from vitscope.store.writer import Measured, RunWriter


def add(cache: Path, *, started: str = "2026-01-02T03:04:05+00:00", facts: dict | None = None, **changes) -> RunWriter:
    """Another run, with another spec."""
    spec: Spec = replace(life.SPEC, **changes)
    return RunWriter(cache, spec, {**life.FACTS, "started": started, **(facts or {})})


def test_a_run_is_read_as_it_was_written(run):
    assert (run.model, run.dataset, run.images, run.classes) == ("timm/tiny", "photos", 0, ["cat", "dog"])
    assert run.spec == life.SPEC
    assert run.geometry == life.GEOMETRY
    assert run.name == life.SPEC.folder
    assert run.facts == life.FACTS
    assert run.started == life.FACTS["started"]
    assert not run.complete
    assert list(run.results()) == ["distance", "gallery"]
    distance = run.result("distance")
    assert (distance.metric, distance.version, distance.images) == ("distance", 1, 4)
    assert distance.arrays["mean"].dims == ("layer", "head")
    assert distance.arrays["mean"].unit == "image side"
    assert distance.arrays["mean"].shape == (2, 3)
    assert distance.arrays["mean"].dtype == "float32"
    assert run.result("gallery").coords == {"image": ["a.jpg", "b.jpg"]}
    np.testing.assert_array_equal(run.array("distance"), np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(run.array("distance", "std"), np.arange(6, dtype=np.float32).reshape(2, 3) / 2)
    assert run.array("gallery", "crop").dtype == np.uint8
    assert isinstance(run.array("gallery", "crop").base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        run.array("distance")[0, 0] = 1


def test_a_run_says_when_it_is_complete(writer):
    writer.update(finished="2026-01-02T03:05:00+00:00", used=3)
    run = Cache(writer.folder.parent).find("timm/tiny")
    assert run.complete
    assert run.images == 3


def test_a_number_that_was_not_measured_comes_with_the_command_that_measures_it(run):
    with pytest.raises(NotMeasured) as caught:
        run.result("entropy")
    message = str(caught.value)
    assert "`vitscope extract --model timm/tiny --data DIR --metrics entropy`" in message
    assert "distance, gallery" in message
    assert "has not finished" in message
    with pytest.raises(NotMeasured, match="distance has no 'median', only: mean, std"):
        run.array("distance", "median")


def test_the_newest_version_of_a_metric_counts(run, writer):
    values = np.zeros((2, 3), np.float32)
    for version in (10, 9):
        writer.put_result("distance", version, {"mean": Measured(values, ("layer", "head"), "1")}, version, {})
    assert run.result("distance").version == 10
    assert run.results()["distance"].images == 10


def test_an_unfinished_result_is_not_there(run, writer):
    (writer.folder / "entropy@1").mkdir()
    (writer.folder / "entropy@1" / "mean.npy").touch()
    assert "entropy" not in run.results()
    with pytest.raises(NotMeasured):
        run.result("entropy")
    assert Cache(writer.folder.parent).broken() == []


def test_runs_come_newest_first_whatever_their_time_zone(cache):
    add(cache, model="b", started="2026-01-02T05:00:00+02:00")
    add(cache, model="c", started="2026-01-02T04:00:00+00:00")
    add(cache, model="a", started="not a time")
    add(cache, model="d", started="2026-01-02T03:30:00+00:00")
    assert [run.model for run in Cache(cache).runs()] == ["c", "d", "b", "a"]


def test_find_by_model_last_part_folder_or_its_beginning(cache):
    old = add(cache, dataset="old", started="2025-01-01T00:00:00+00:00").folder.name
    new = add(cache, dataset="new", started="2026-01-01T00:00:00+00:00").folder.name
    other = add(cache, model="timm/tiny_16").folder.name
    find = Cache(cache).find
    assert find("timm/tiny").folder.name == new
    assert find("tiny").folder.name == new
    assert find(old).folder.name == old
    assert find("tiny-old").folder.name == old
    assert find("tiny-").folder.name == new
    assert find("tiny_16").folder.name == other
    with pytest.raises(StoreError, match=f"could be any of .*{other}.*type more"):
        find("tin")


def test_an_unfinished_run_hides_no_finished_one(cache):
    done = add(
        cache, dataset="old", started="2025-01-01T00:00:00+00:00", facts={"finished": "2025-01-01T00:01:00+00:00"}
    )
    late = add(cache, dataset="new", started="2026-01-01T00:00:00+00:00")
    find = Cache(cache).find
    assert find("timm/tiny").folder == find("tiny").folder == find("tiny-").folder == done.folder
    assert find("tiny-new").folder == late.folder


def test_a_name_of_the_catalog_stands_for_no_other_model(cache):
    add(cache, model="random/mae")
    large = add(cache, model="mae-l16")
    for name in ("mae", "mae-h14"):
        with pytest.raises(StoreError, match=rf"no run of '{name}' in the cache .* holds .*random/mae"):
            Cache(cache).find(name)
    assert Cache(cache).find("mae-l16").folder == large.folder
    assert Cache(cache).find("random/mae").model == "random/mae"
    real = add(cache, model="mae")
    assert Cache(cache).find("mae").folder == real.folder


def test_two_models_with_the_same_last_part_are_not_confused(cache):
    add(cache)
    add(cache, model="hf-hub:org/tiny")
    assert Cache(cache).find("timm/tiny").model == "timm/tiny"
    with pytest.raises(StoreError, match="could be any of"):
        Cache(cache).find("tiny")


def test_a_model_that_is_not_there_comes_with_those_that_are(cache):
    with pytest.raises(
        StoreError, match=r"no run of 'mae' in the cache .*, which holds no run yet: .*extract --model mae"
    ):
        Cache(cache).find("mae")
    add(cache)
    for asked in ("mae", "", "\x1b[2J"):
        with pytest.raises(StoreError, match="which holds timm/tiny") as caught:
            Cache(cache).find(asked)
        assert "\x1b" not in str(caught.value)


def test_a_cache_that_is_missing_or_empty_is_an_empty_cache(tmp_path):
    assert Cache(tmp_path / "none").runs() == []
    assert Cache(tmp_path).runs() == []
    assert Cache(tmp_path).broken() == []


def test_a_cache_that_is_a_file_or_cannot_be_listed_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "a").touch()
    with pytest.raises(StoreError, match="is a file, not the folder of a cache"):
        Cache(tmp_path / "a")

    def refuse(_path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(StoreError, match=r"cannot read .*: you have no permission for it"):
        Cache(tmp_path)


def test_a_run_that_may_not_be_looked_into_is_broken(cache, monkeypatch):
    locked, open_ = add(cache, model="locked").folder, add(cache, model="open").folder
    exists, opener = Path.exists, os.open

    def refuse(path, **options):
        if path.parent == locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        return exists(path, **options)

    def refuse_opening(path, *arguments, **options):
        if Path(path).parent == locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opener(path, *arguments, **options)

    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr(os, "open", refuse_opening)
    assert [run.folder for run in Cache(cache).runs()] == [open_]
    ((folder, sentence),) = Cache(cache).broken()
    assert folder == locked
    assert "no permission" in sentence


def test_other_things_in_the_folder_are_none_of_our_business(cache, run):
    (cache / "photos").mkdir()
    (cache / "photos" / "a.jpg").touch()
    (cache / "notes.txt").touch()
    (cache / "notes-01234567").touch()
    (cache / "empty-01234567").mkdir()
    (cache / ".git").mkdir()
    (cache / ".git" / "run.json").touch()
    (cache / "dangling").symlink_to(cache / "nowhere")
    assert [found.folder for found in Cache(cache).runs()] == [run.folder]
    assert Cache(cache).broken() == []


def test_what_is_left_of_a_removed_run_is_broken(cache, run):
    (run.folder / "run.json").unlink()
    ((folder, sentence),) = Cache(cache).broken()
    assert folder == run.folder
    assert "run.json is missing" in sentence


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[1]", b'{"format": 1}', b'{"format": 1, "sha256": "0"}'])
def test_a_garbled_run_is_listed_and_the_others_work(cache, run, content):
    other = add(cache, model="other").folder
    (other / "run.json").write_bytes(content)
    seen = Cache(cache)
    assert [found.folder for found in seen.runs()] == [run.folder]
    ((folder, sentence),) = seen.broken()
    assert folder == other
    assert f"{other / 'run.json'} is damaged" in sentence
    with pytest.raises(DamagedError, match=r"run\.json is damaged"):
        seen.find("other")


def test_a_garbled_result_is_listed_and_the_others_work(cache, run):
    path = run.folder / "distance@1" / "result.json"
    path.write_bytes(path.read_bytes()[:50])
    assert list(run.results()) == ["gallery"]
    assert Cache(cache).broken()[0][0] == path.parent
    assert "result.json is damaged" in Cache(cache).broken()[0][1]
    with pytest.raises(DamagedError, match=r"result\.json is damaged"):
        run.array("distance")


def test_a_missing_array_is_listed(cache, run):
    (run.folder / "distance@1" / "std.npy").unlink()
    assert "std.npy is missing" in Cache(cache).broken()[0][1]


def test_a_cache_of_another_version_is_refused(cache, run):
    path = run.folder / "run.json"
    raw = path.read_bytes()
    path.write_text(json.dumps({**json.loads(raw), "format": 2}))
    for model in ("timm/tiny", "mae"):
        with pytest.raises(FormatError, match="cache format 2, this one reads format 1"):
            Cache(cache).find(model)
    assert Cache(cache).runs() == []
    assert "cache format 2" in Cache(cache).broken()[0][1]
    add(cache, model="other")
    mixed = Cache(cache)  # a run that can be read is read
    assert [found.model for found in mixed.runs()] == ["other"]
    assert "cache format 2" in mixed.broken()[0][1]
    with pytest.raises(FormatError, match="cache format 2"):
        mixed.find("timm/tiny")
    path.write_bytes(raw)
    result = run.folder / "distance@1" / "result.json"
    result.write_text('{"format": 2}')
    with pytest.raises(FormatError, match="cache format 2"):
        run.result("distance")


def test_a_spec_with_a_field_of_the_future_is_not_misread(cache, run):
    path = run.folder / "run.json"
    fields = read_json(path)
    fields["spec"]["masking"] = 0.75
    write_json(path, fields)
    with pytest.raises(FormatError, match=r"newer vitscope \(its spec says 'masking'"):
        Cache(cache).find("tiny")


def test_a_spec_of_the_past_takes_the_defaults(cache, run):
    path = run.folder / "run.json"
    fields = read_json(path)
    del fields["spec"]["protocol"]
    write_json(path, fields)
    assert Cache(cache).runs()[0].spec == life.SPEC


def test_a_run_can_be_moved_and_linked(cache, run, tmp_path):
    moved = tmp_path / "laptop"
    moved.mkdir()
    run.folder.rename(tmp_path / "renamed by hand")
    (moved / "link").symlink_to(tmp_path / "renamed by hand")
    found = Cache(moved).find("tiny")
    assert found.array("distance").shape == (2, 3)


def test_a_result_that_may_not_be_looked_at_is_listed(cache, run, monkeypatch):
    exists, opener = Path.exists, os.open

    def refuse(path, **options):
        if path.parent.name == "distance@1":
            raise PermissionError(errno.EACCES, "Permission denied")
        return exists(path, **options)

    def refuse_opening(path, *arguments, **options):
        if Path(path).parent.name == "distance@1":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opener(path, *arguments, **options)

    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr(os, "open", refuse_opening)
    ((folder, sentence),) = Cache(cache).broken()
    assert folder == run.folder / "distance@1"
    assert "no permission" in sentence
    assert list(run.results()) == ["gallery"]
