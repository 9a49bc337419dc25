from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.store import life
from vitscope.errors import DamagedError, FormatError, StoreError
from vitscope.store.files import read_json, write_json
from vitscope.store.reader import Cache
from vitscope.store.verify import verify
from vitscope.store.writer import Measured, RunWriter

DISTANCE = {"distance@1": life.state(0, "distance")}
MEAN = {"mean": Measured(np.ones((2, 3), np.float32), ("layer", "head"), "nat")}


def again(writer: RunWriter) -> RunWriter:
    """Another start of the same run."""
    return RunWriter(writer.folder.parent, life.SPEC, {"started": "later"})


def shards(writer: RunWriter) -> list[str]:
    return sorted(path.name for path in (writer.folder / "shards").iterdir())


def test_run_json_says_all_in_clear(writer):
    stored = json.loads((writer.folder / "run.json").read_text())
    assert writer.folder.name == life.SPEC.folder
    assert stored["format"] == 1
    assert stored["key"] == life.SPEC.key
    assert stored["spec"] == life.SPEC.to_json()
    assert {name: stored[name] for name in life.FACTS} == life.FACTS


def test_facts_of_the_first_start_are_kept_and_can_be_changed(writer):
    assert again(writer).facts == life.FACTS
    writer.update(used=3, note="new")
    assert again(writer).facts == {**life.FACTS, "used": 3, "note": "new"}


@pytest.mark.parametrize("name", ["spec", "key", "format", "sha256"])
def test_fields_of_the_cache_itself_are_no_facts(writer, name):
    with pytest.raises(ValueError, match=name):
        writer.update(**{name: 1})


def test_a_run_json_of_another_format_or_spec_is_refused(writer):
    path = writer.folder / "run.json"
    fields = read_json(path)
    write_json(path, {**fields, "spec": replace(life.SPEC, weights="random:1").to_json()})
    with pytest.raises(StoreError, match="holds another run"):
        again(writer)
    write_json(path, {**fields, "spec": {**life.SPEC.to_json(), "crop": "ten"}})
    with pytest.raises(FormatError, match=r"newer vitscope.*'crop'"):
        again(writer)
    path.write_text(json.dumps({"format": 2, "spec": 3}))
    with pytest.raises(FormatError, match="cache format 2"):
        again(writer)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone"])
def test_a_run_whose_run_json_is_lost_begins_anew(writer, damage):
    """What is left of it says nothing of how it was measured, as after a copy or a removal that was cut short."""
    writer.put_result("distance", 1, MEAN, 4, {})
    writer.put_shard(0, {"entropy@1": life.state(0, "entropy")}, {"images": 2})
    writer.update(used=3)
    path = writer.folder / "run.json"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {"cut": whole[:-30], "flipped": whole.replace(b'"used": 3', b'"used": 4'), "empty": b""}[damage]
        )
    begun = again(writer)
    assert begun.lost.startswith(f"{path} is {'missing' if damage == 'gone' else 'damaged'}")
    assert (begun.facts, begun.shard_metrics(0)) == ({"started": "later"}, {})
    assert [entry.name for entry in writer.folder.iterdir()] == ["run.json"]
    assert again(writer).lost == ""


def test_a_shard_is_committed_with_its_states_and_record(writer):
    assert writer.shard_metrics(3) == {}
    assert writer.shard_record(3) is None
    writer.put_shard(3, DISTANCE, {"images": 2, "skipped": [{"file": "\udcff", "reason": "x"}]})
    for reader in (writer, again(writer)):
        assert reader.shard_record(3) == {"images": 2, "skipped": [{"file": "\udcff", "reason": "x"}]}
        assert list(reader.shard_metrics(3)) == ["distance@1"]
        state = reader.shard_state(3, "distance@1")
        np.testing.assert_array_equal(state["total"], life.state(0, "distance")["total"])
        assert state["images"] == 2
    assert shards(writer) == ["00003-distance@1.safetensors", "00003.json"]


def test_a_shard_can_gain_metrics_later(writer):
    writer.put_shard(0, DISTANCE, {"images": 2})
    before = (writer.folder / "shards" / "00000-distance@1.safetensors").stat().st_mtime_ns
    writer.put_shard(0, {"entropy@2": life.state(0, "entropy")}, {"images": 2, "pass": 2})
    assert sorted(writer.shard_metrics(0)) == ["distance@1", "entropy@2"]
    assert writer.shard_record(0) == {"images": 2, "pass": 2}
    assert (writer.folder / "shards" / "00000-distance@1.safetensors").stat().st_mtime_ns == before


def test_a_state_measured_again_replaces_the_first(writer):
    writer.put_shard(0, {**DISTANCE, "entropy@1": life.state(0, "entropy")}, {"images": 2})
    writer.put_shard(0, {"distance@1": {"total": np.array(7)}}, {"images": 1})
    assert writer.shard_state(0, "distance@1")["total"] == 7
    assert sorted(writer.shard_metrics(0)) == ["distance@1", "entropy@1"]


def test_no_record_ever_names_a_state_that_is_being_replaced(writer, monkeypatch):
    writer.put_shard(0, DISTANCE, {"images": 2})
    real = os.replace

    def killed_after_the_state(source, target):
        real(source, target)
        if str(target).endswith(".safetensors"):
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed_after_the_state)
    with pytest.raises(KeyboardInterrupt):
        writer.put_shard(0, {"distance@1": {"total": np.array(7)}}, {"images": 1})
    assert writer.shard_metrics(0) == {}
    assert verify(writer.folder) == []


def test_what_the_cache_cannot_hold_is_refused_before_anything_is_written(writer):
    for states in ({"../x@1": {}}, {"distance": {}}, {"distance@1": {"a": np.array(["text"])}}):
        with pytest.raises(ValueError, match=r"not the key|dtype"):
            writer.put_shard(0, states, {})
    for arrays in ({"../mean": MEAN["mean"]}, {"mean": Measured(np.ones(3), ("layer", "head"), "1")}):
        with pytest.raises(ValueError, match="dims"):
            writer.put_result("distance", 1, arrays, 1, {})
    assert sorted(path.name for path in writer.folder.iterdir()) == ["run.json"]


@pytest.mark.parametrize(
    "damage", ["cut record", "other run", "other shard", "no record", "cut state", "no state", "format"]
)
def test_a_shard_that_cannot_be_trusted_is_not_there(writer, damage):
    writer.put_shard(0, DISTANCE, {"images": 2})
    writer.put_shard(1, DISTANCE, {"images": 2})
    record, state = (writer.folder / "shards" / name for name in ("00000.json", "00000-distance@1.safetensors"))
    match damage:
        case "cut record":
            record.write_bytes(record.read_bytes()[:40])
        case "other run":
            write_json(record, {**read_json(record), "key": "00000000"})
        case "other shard":
            record.write_bytes((writer.folder / "shards" / "00001.json").read_bytes())
        case "no record":
            record.unlink()
        case "format":
            record.write_text('{"format": 2}')
        case "cut state":
            state.write_bytes(state.read_bytes()[:-1])
        case "no state":
            state.unlink()
    assert writer.shard_metrics(0) == {}
    with pytest.raises(DamagedError, match=r"00000\.json"):
        writer.shard_state(0, "distance@1")
    writer.put_shard(0, DISTANCE, {"images": 2})
    assert writer.shard_state(0, "distance@1")["images"] == 2


def test_a_flipped_byte_in_a_state_is_found_when_it_is_read(writer):
    writer.put_shard(0, DISTANCE, {})
    path = writer.folder / "shards" / "00000-distance@1.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DamagedError, match=r"00000-distance@1\.safetensors is damaged: it does not match its checksum"):
        writer.shard_state(0, "distance@1")


def test_a_hostile_record_cannot_name_a_file_elsewhere(writer, tmp_path):
    writer.put_shard(0, DISTANCE, {})
    record = writer.folder / "shards" / "00000.json"
    fields = read_json(record)
    fields["states"]["distance@1"]["file"] = "../../secret"
    write_json(record, fields)
    assert writer.shard_metrics(0) == {}


def test_a_result_is_finished_once_its_json_is_there(writer):
    assert not writer.finished("distance", 1)
    writer.put_result("distance", 1, MEAN, 4, {})
    assert writer.finished("distance", 1)
    assert not writer.finished("distance", 2)
    path = writer.folder / "distance@1" / "result.json"
    raw = path.read_bytes()
    for content in (raw[:-1], raw.replace(b"nat", b"bit"), b'{"format": 2}', b""):
        path.write_bytes(content)
        assert not writer.finished("distance", 1)
    path.write_bytes(raw)
    (writer.folder / "distance@1" / "mean.npy").write_bytes(b"")
    assert not writer.finished("distance", 1)


def test_a_result_written_again_replaces_all_of_the_first(writer):
    writer.put_result("distance", 1, {**MEAN, "std": MEAN["mean"]}, 4, {})
    writer.put_result("distance", 1, MEAN, 5, {})
    assert sorted(path.name for path in (writer.folder / "distance@1").iterdir()) == ["mean.npy", "result.json"]
    assert Cache(writer.folder.parent).runs()[0].result("distance").images == 5


def test_labels_must_fit_the_axes(writer):
    with pytest.raises(ValueError, match=r"2 along 'layer', which has 1 labels"):
        writer.put_result("distance", 1, MEAN, 4, {"layer": ["one"]})
    assert not writer.finished("distance", 1)


def test_shards_and_results_are_dropped_and_a_restart_forgets_all(writer):
    writer.drop_shards()  # none yet: nothing happens
    writer.drop_result("distance", 1)
    writer.put_shard(0, DISTANCE, {})
    writer.put_result("distance", 1, MEAN, 4, {})
    writer.put_result("distance", 2, MEAN, 4, {})
    writer.drop_result("distance", 2)
    assert writer.finished("distance", 1)
    assert not writer.finished("distance", 2)
    writer.update(finished="2026-01-02T03:05:00+00:00", used=4)
    writer.restart()
    assert sorted(path.name for path in writer.folder.iterdir()) == ["run.json"]
    assert again(writer).facts == life.FACTS


def test_a_restart_that_is_cut_short_keeps_the_facts_of_what_is_left(writer, monkeypatch):
    writer.put_result("distance", 1, MEAN, 4, {})
    writer.update(finished="2026-01-02T03:05:00+00:00", used=4)

    def killed(_folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("vitscope.store.writer.discard", killed)
    with pytest.raises(KeyboardInterrupt):
        writer.restart()
    left = again(writer)
    assert left.finished("distance", 1)
    assert (left.facts["finished"], left.facts["used"]) == (None, 4)


def test_a_drop_that_is_cut_short_is_complete_for_readers(writer, monkeypatch):
    def killed(*_arguments, **_options):
        raise KeyboardInterrupt

    writer.put_shard(0, DISTANCE, {})
    writer.put_shard(1, DISTANCE, {})
    monkeypatch.setattr("shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        writer.drop_shards()
    assert writer.shard_metrics(0) == {}
    assert writer.shard_metrics(1) == {}
    writer.put_shard(1, {"entropy@1": life.state(1, "entropy")}, {})  # another metric, added later
    assert list(writer.shard_metrics(1)) == ["entropy@1"]


def test_a_run_folder_that_cannot_be_looked_into_is_a_sentence(writer, monkeypatch):
    def refuse(*_arguments, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(StoreError, match=r"cannot read .*: you have no permission for it"):
        again(writer)
