"""Rows that are written with each shard, become a result without being put together, and are read a slice at a time."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from vitscope.errors import DamagedError, NotMeasured, StoreError
from vitscope.store.reader import Cache, Run
from vitscope.store.vectors import Vectors
from vitscope.store.verify import verify
from vitscope.store.writer import Measured, RunWriter

KEY = "vectors@1"
DIMS = ("tokens", "layer", "row", "width")
SHARDS = ((7, 3, 12, 0), (), (9, 4, 1, 8), (2, 11))  # places in the order of the pass; the second shard has none
LAYERS, WIDTH = 3, 5


def vector(token: int, layer: int, place: int) -> np.ndarray:
    """Every number says where it belongs."""
    return (np.arange(WIDTH) + 10 * place + 200 * layer + 700 * token).astype(np.float16)


def rows(places: tuple[int, ...], kinds: int = 2) -> np.ndarray:
    values = np.zeros((kinds, LAYERS, len(places), WIDTH), np.float16)
    for token, layer, row in np.ndindex(values.shape[:3]):
        values[token, layer, row] = vector(token, layer, places[row])
    return values


def put(writer: RunWriter, shard: int, kinds: int = 2) -> None:
    places = SHARDS[shard]
    state = {KEY: {"places": np.array(places, dtype=np.int64)}}
    writer.put_shard(shard, state, {"images": len(places)}, {KEY: {"rows": Measured(rows(places, kinds), DIMS, "1")}})


def finish(writer: RunWriter, kinds: tuple[str, ...] = ("cls", "spatial")) -> None:
    states = [writer.shard_state(shard, KEY) for shard in range(len(SHARDS))]
    places = Measured(np.concatenate([state["places"] for state in states]), ("row",), "1")
    writer.put_result("vectors", 1, {"places": places}, len(places.values), {"tokens": list(kinds)}, range(len(SHARDS)))
    writer.drop_shards()


@pytest.fixture
def run(cache: Path, writer: RunWriter) -> Run:
    for shard in range(len(SHARDS)):
        put(writer, shard)
    finish(writer)
    return Cache(cache).runs()[0]


def test_rows_are_read_in_the_order_of_the_data_set(run):
    vectors = Vectors(run)
    assert (vectors.layers, vectors.width) == (LAYERS, WIDTH)
    assert vectors.places.tolist() == [0, 1, 2, 3, 4, 7, 8, 9, 11, 12]
    assert vectors.places.dtype == np.int64
    for token, kind in enumerate(("cls", "spatial")):
        for layer in range(LAYERS):
            for start in range(12):
                for stop in range(start, 13):
                    found = vectors.read(layer, kind, start, stop)
                    expected = [vector(token, layer, place) for place in vectors.places[start:stop]]
                    assert found.dtype == np.float16
                    assert found.shape == (len(expected), WIDTH)
                    assert np.array_equal(found, np.array(expected).reshape(-1, WIDTH))
    assert verify(run) == []


def test_what_is_read_is_the_readers_own(run):
    vectors = Vectors(run)
    vectors.read(0, "cls", 0, 10)[:] = 0
    assert vectors.read(0, "cls", 0, 1).any()


def test_what_there_is_none_of(run, cache, writer):
    with pytest.raises(NotMeasured, match="holds no vectors of all, only of cls, spatial"):
        Vectors(run).read(0, "all", 0, 1)
    for layer in (-1, LAYERS):
        with pytest.raises(IndexError, match="there are 3"):
            Vectors(run).read(layer, "cls", 0, 1)
    writer.drop_result("vectors", 1)
    with pytest.raises(NotMeasured, match="--metrics vectors"):
        Vectors(run)


def test_a_model_without_cls_has_spatial_vectors_alone(cache, writer):
    for shard in range(len(SHARDS)):
        put(writer, shard, kinds=1)
    finish(writer, ("spatial",))
    vectors = Vectors(Cache(cache).runs()[0])
    assert np.array_equal(vectors.read(1, "spatial", 3, 4)[0], vector(0, 1, 3))
    with pytest.raises(NotMeasured, match="holds no vectors of cls, only of spatial"):
        vectors.read(0, "cls", 0, 1)


def test_the_files_of_the_shards_are_the_result(cache, writer):
    """Nothing is written twice, and until all is there, there is no result."""
    for shard in range(len(SHARDS)):
        put(writer, shard)
    files = {path.name: path.stat().st_ino for path in (writer.folder / KEY).iterdir()}
    assert sorted(files) == [f"rows-{shard:05d}.npy" for shard in range(len(SHARDS))]
    assert not writer.finished("vectors", 1)
    assert verify(writer.folder) == []
    finish(writer)
    assert writer.finished("vectors", 1)
    assert {name: (writer.folder / KEY / name).stat().st_ino for name in files} == files
    assert not (writer.folder / "shards").exists()


@pytest.mark.parametrize("damage", ["cut", "gone", "changed"])
def test_rows_that_are_damaged_before_the_end_are_owed_again(writer, damage):
    put(writer, 0)
    path = writer.folder / KEY / "rows-00000.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    {"cut": lambda: path.write_bytes(content[:-1]), "gone": path.unlink, "changed": lambda: path.write_bytes(content)}[
        damage
    ]()
    assert (KEY in writer.shard_metrics(0)) == (damage == "changed")
    with pytest.raises(DamagedError):
        writer.check_rows(0, KEY)
    (problem,) = verify(writer.folder)
    assert "rows-00000.npy" in problem
    put(writer, 0)
    writer.check_rows(0, KEY)
    assert verify(writer.folder) == []


def test_no_record_names_rows_that_are_being_replaced(writer, monkeypatch):
    put(writer, 0)
    from vitscope.store import writer as module

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_array", killed)
    with pytest.raises(KeyboardInterrupt):
        put(writer, 0)
    assert writer.shard_metrics(0) == {}


def test_a_damaged_result_goes_with_its_rows_and_unfinished_rows_stay(writer):
    put(writer, 0)
    writer.drop_damaged("vectors", 1)
    writer.check_rows(0, KEY)
    for shard in range(len(SHARDS)):
        put(writer, shard)
    finish(writer)
    writer.drop_damaged("vectors", 1)
    assert writer.finished("vectors", 1)
    (writer.folder / KEY / "rows-00002.npy").write_bytes(b"")
    writer.drop_damaged("vectors", 1)
    assert not (writer.folder / KEY).exists()


@pytest.mark.parametrize("rows_json", [3, {"x": {}}, {KEY: 3}, {KEY: {"rows-00000": {}}}, {KEY: {"../x": {}}}])
def test_a_record_whose_rows_make_no_sense_is_not_trusted(writer, rows_json):
    from vitscope.store.files import read_json, write_json

    put(writer, 0)
    path = writer.folder / "shards" / "00000.json"
    write_json(path, {**read_json(path), "rows": rows_json})
    assert writer.shard_metrics(0) == {}
    assert len(verify(writer.folder)) == 1


@pytest.mark.parametrize("change", ["places", "tokens", "shape", "order"])
def test_a_result_that_does_not_fit_together_is_damaged(cache, writer, change):
    for shard in range(len(SHARDS)):
        put(writer, shard)
    kinds = ["cls"] if change == "tokens" else ["cls", "spatial"]
    places = Measured(np.arange(3 if change == "places" else 10), ("row",), "1")
    arrays = {"places": places}
    if change == "shape":
        arrays["rows-00009"] = Measured(np.zeros((2, LAYERS, 0, WIDTH + 1), np.float16), DIMS, "1")
    if change == "order":
        arrays["rows-00009"] = Measured(np.zeros((2, LAYERS), np.float16), DIMS[:2], "1")
    if change == "tokens":
        with pytest.raises(ValueError, match="labels"):
            writer.put_result("vectors", 1, arrays, 10, {"tokens": kinds}, range(len(SHARDS)))
        return
    writer.put_result("vectors", 1, arrays, 10, {"tokens": kinds}, range(len(SHARDS)))
    with pytest.raises(StoreError, match="do not fit together"):
        Vectors(Cache(cache).runs()[0])


def test_reading_takes_no_more_memory_than_what_is_read(cache, writer):
    """64 MiB on disk; a slice of one layer is a thousandth of it."""
    shards, images, layers, width = 4, 512, 32, 256
    for shard in range(shards):
        values = np.full((2, layers, images, width), shard, np.float16)
        places = np.arange(shard, shards * images, shards)
        writer.put_shard(shard, {KEY: {"places": places}}, {}, {KEY: {"rows": Measured(values, DIMS, "1")}})
    places = np.concatenate([np.arange(shard, shards * images, shards) for shard in range(shards)])
    coords = {"tokens": ["cls", "spatial"]}
    writer.put_result("vectors", 1, {"places": Measured(places, ("row",), "1")}, len(places), coords, range(shards))
    vectors = Vectors(Cache(cache).runs()[0])
    del values
    tracemalloc.start()
    found = vectors.read(7, "spatial", 100, 300)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[:, 0].tolist() == [place % 4 for place in range(100, 300)]
    assert peak < 4 * found.nbytes + (1 << 17)
