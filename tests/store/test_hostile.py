"""A cache from a stranger: whatever its sealed JSON says, reading it ends in a value or in a sentence."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store import life
from vitscope.errors import DamagedError, StoreError
from vitscope.store.files import read_json, write_json
from vitscope.store.reader import Cache, load_result, load_run
from vitscope.store.verify import verify
from vitscope.store.writer import Measured, RunWriter

VALUES: list[Any] = [None, True, -1, 0, 1, 3, 10**9, 10**30, 1e308, 0.5, "", "1", "\x1b[2J", "../../x", "/etc/passwd"]
VALUES += ["mean.npy", "object", "float32", "f" * 64, [], {}, [[]], [10**9, 10**9], [0, 0], {"a": 1}, [None], "\udcff"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with one run of one result."""
    cache = tmp_path_factory.mktemp("template")
    writer = RunWriter(cache, life.SPEC, life.FACTS)
    arrays = {"mean": Measured(np.zeros((2, 3), np.float32), ("layer", "head"), "nat")}
    writer.put_result("distance", 1, arrays, 4, {"layer": ["one", "two"]})
    writer.put_shard(0, {"entropy@1": life.state(0, "entropy")}, {"images": 2})
    return cache


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value inside a JSON value, as the keys and indices that lead to it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from places(item, (*at, key))


def changed(fields: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """The fields with one to three values replaced, removed, or moved under another name."""
    fields = copy.deepcopy(fields)
    for _ in range(data.draw(st.integers(1, 3))):
        known = list(places(fields))
        if not known:
            break
        *path, last = data.draw(st.sampled_from(known))
        holder = fields
        for key in path:
            holder = holder[key]
        match data.draw(st.sampled_from(["replace", "remove", "rename"])):
            case "rename" if isinstance(holder, dict):
                holder[data.draw(st.sampled_from(["../x", "x@1", "\x1b", "mean"]))] = holder.pop(last)
            case "remove":
                del holder[last]
            case _:
                holder[last] = copy.deepcopy(data.draw(st.sampled_from(VALUES)))
    return {name: item for name, item in fields.items() if name not in ("format", "sha256")}


def read_all(cache: Path) -> None:
    """Read everything there is; only sentences may be raised."""
    try:
        seen = Cache(cache)
    except StoreError:
        return
    assert all("\x1b" not in sentence for _, sentence in seen.broken())
    for run in seen.runs():
        json.dumps([run.model, run.dataset, run.classes, run.facts], ensure_ascii=False).encode()
        assert "\x1b" not in f"{run.model}{run.dataset}{''.join(run.classes)}{run.started}"
        assert isinstance(run.images + run.complete, int)
        verify(run)
        for result in run.results().values():
            assert "\x1b" not in str(result.coords)
            for name, info in result.arrays.items():
                try:
                    values = result.array(name)
                except StoreError:
                    continue
                assert values.shape == info.shape
                assert values.nbytes < 1 << 20


@given(st.sampled_from(["run.json", "distance@1/result.json", "shards/00000.json"]), st.data())
def test_any_sealed_json_is_read_or_refused(template, name, data):
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        shutil.copytree(template, cache)
        path = cache / life.SPEC.folder / name
        write_json(path, changed(read_json(path), data))
        read_all(cache)
        try:
            writer = RunWriter(cache, life.SPEC, life.FACTS)
        except StoreError:
            return
        writer.finished("distance", 1)
        if "entropy@1" in writer.shard_metrics(0):
            writer.shard_record(0)


def result_with(template: Path, tmp_path: Path, **changes: Any) -> Path:
    """The folder of a result whose array's record is changed."""
    cache = tmp_path / "cache"
    shutil.copytree(template, cache)
    folder = cache / life.SPEC.folder / "distance@1"
    fields = read_json(folder / "result.json")
    fields["arrays"]["mean"].update(changes)
    write_json(folder / "result.json", fields)
    return folder


@pytest.mark.parametrize("file", ["../../secret.npy", "/etc/passwd", "..", "sub/mean.npy", "a\0.npy", ""])
def test_a_file_name_cannot_lead_out_of_the_run(template, tmp_path, file):
    np.save(tmp_path / "secret.npy", np.zeros((2, 3), np.float32))
    with pytest.raises(DamagedError, match="is not the plain name of a file"):
        load_result(result_with(template, tmp_path, file=file))


def test_a_link_cannot_lead_out_of_the_run(template, tmp_path):
    folder = result_with(template, tmp_path)
    array = folder / "mean.npy"
    array.rename(tmp_path / "secret.npy")
    array.symlink_to(tmp_path / "secret.npy")
    with pytest.raises(DamagedError, match="not a regular file"):
        load_result(folder).array()
    folder.rename(tmp_path / "distance@1")
    folder.symlink_to(tmp_path / "distance@1")
    with pytest.raises(DamagedError, match="is a link"):
        load_result(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": [1 << 40, 1 << 20]}, "cannot fit into"),
        ({"shape": [1 << 62, 1 << 62]}, "cannot fit into"),
        ({"shape": [1 << 64, 0]}, "not a whole number"),
        ({"shape": [-2, 3]}, "not a whole number"),
        ({"shape": [2.0, 3]}, "not a whole number"),
        ({"shape": [2]}, "has dims"),
        ({"dims": ["layer", "layer"]}, "has dims"),
        ({"dtype": "object"}, "dtype"),
        ({"dtype": "O"}, "dtype"),
        ({"sha256": "0" * 63}, "not a checksum"),
        ({"size": -1}, "not a whole number"),
        ({"unit": None}, "not text"),
    ],
)
def test_an_impossible_array_is_refused_from_its_record_alone(template, tmp_path, changes, words):
    folder = result_with(template, tmp_path, **changes)
    (folder / "mean.npy").unlink()
    with pytest.raises(DamagedError, match=words):
        load_result(folder)


def test_a_huge_file_that_is_not_there_is_not_allocated(template, tmp_path):
    folder = result_with(template, tmp_path, shape=[2, 1 << 50], size=(1 << 53) + 128)
    with pytest.raises(DamagedError, match="its record says"):
        load_result(folder).array()


def test_a_result_under_another_name_is_refused(template, tmp_path):
    folder = result_with(template, tmp_path)
    renamed = folder.rename(folder.with_name("entropy@1"))
    with pytest.raises(DamagedError, match="it belongs to distance@1"):
        load_result(renamed)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("geometry", "layers"), 10**12),
        (("geometry", "rows"), 0),
        (("geometry", "prefix"), "cls"),
        (("geometry", "patch"), [16]),
        (("geometry", "patch"), [16, 16, 16]),
        (("geometry", "more"), 1),
        (("spec", "image_size"), [224]),
        (("spec", "image_size"), "224"),
        (("spec", "model"), None),
        (("spec", "shard_images"), 0),
        (("spec",), []),
        (("geometry",), None),
    ],
)
def test_an_impossible_run_is_refused(template, tmp_path, place, value):
    cache = tmp_path / "cache"
    shutil.copytree(template, cache)
    path = cache / life.SPEC.folder / "run.json"
    fields = read_json(path)
    holder = fields
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    write_json(path, fields)
    with pytest.raises(DamagedError, match=r"run\.json is damaged: "):
        load_run(path.parent)


def test_strings_are_printable(template, tmp_path):
    cache = tmp_path / "cache"
    shutil.copytree(template, cache)
    path = cache / life.SPEC.folder / "run.json"
    fields = read_json(path)
    fields["spec"]["model"] = "ti\x1b]0;x\x07ny"
    fields["classes"] = ["\u202ecat", "dog\n"]
    write_json(path, fields)
    run = Cache(cache).runs()[0]
    assert run.model == "ti\ufffd]0;x\ufffdny"
    assert run.classes == ["\ufffdcat", "dog\ufffd"]
