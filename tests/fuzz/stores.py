"""Readers of the cache. Checksums are put right: they find accidents, and whoever forges a cache forges them too."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests import evaluations, synthetic
from tests.store import life
from tests.tui.walker import Walker
from vitscope import catalog
from vitscope.errors import VitscopeError
from vitscope.export.data import csv_bytes, json_bytes
from vitscope.export.table import render
from vitscope.store import files, lock
from vitscope.store.arrays import open_array, read_state
from vitscope.store.parts import ArrayInfo, ShardState, parse
from vitscope.store.reader import Cache, load_result, load_run
from vitscope.store.verify import verify
from vitscope.store.writer import RunWriter
from vitscope.tui.place import VIEWS, trail
from vitscope.tui.state import View
from vitscope.views import Options

MOST = 1 << 16  # numbers of an array that is forged


def array(content: bytes, folder: Path) -> None:
    """An array of a result, as its record says it should be."""
    path = folder / "mean.npy"
    path.write_bytes(content)
    info = ArrayInfo(
        path.name, len(content), hashlib.sha256(content).hexdigest(), ("layer", "head"), "1", (2, 3), "float32"
    )
    assert open_array(path, info).shape == (2, 3)


def state(content: bytes, folder: Path) -> None:
    """The state of a shard."""
    path = folder / "00000-distance@1.safetensors"
    path.write_bytes(content)
    read_state(path, ShardState(path.name, len(content), hashlib.sha256(content).hexdigest()))


def sealed(content: bytes, folder: Path) -> None:
    """Any JSON of the cache, before anything is made of it."""
    (folder / "run-00000000").mkdir(exist_ok=True)
    (folder / "run-00000000" / "run.json").write_bytes(content)
    load_run(folder / "run-00000000")


def lock_file(content: bytes, folder: Path) -> None:
    """A lock that somebody left: taken over, or refused."""
    for path in folder.iterdir():
        path.unlink()
    try:
        content = files.sealed(json.loads(content))
    except (ValueError, RecursionError, TypeError, UnicodeEncodeError):
        pass  # then as it is
    (folder / "lock").write_bytes(content)
    with lock.lock(folder):
        pass


def record(content: bytes, folder: Path) -> None:
    """The record of a shard that waits to be folded."""
    writer = RunWriter(folder, life.SPEC, life.FACTS)
    writer.put_shard(0, {"distance@1": life.state(0, "distance")}, {"images": 2})
    fields = files.read_json(writer.folder / "shards" / "00000.json")
    try:
        forged = files.sealed(_own({**fields, **_object(json.loads(content))}))
    except (ValueError, RecursionError):
        return  # what cannot be written
    (writer.folder / "shards" / "00000.json").write_bytes(forged)
    for key in writer.shard_metrics(0):
        _refused(writer.shard_state, 0, key)
        _refused(writer.check_rows, 0, key)
    verify(writer.folder)


def cache(content: bytes, folder: Path) -> None:
    """A whole cache: run.json and all result.json of two runs, with arrays that fit what is said of them.

    Every view is made and printed, and every page of the browser drawn.
    """
    try:
        forge(json.loads(content), folder / "cache")
    except (ValueError, RecursionError):
        return  # what cannot be written
    look(folder / "cache", zlib.crc32(content))


def forge(documents: Any, folder: Path) -> None:
    """Write what `documents` says, {run: {"run": {…}, metric: {…}}}, into `folder`, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, document in enumerate(_object(documents).values()):
        run = folder / f"forged-{number:08x}"
        run.mkdir()
        for name, fields in _object(document).items():
            if name == "run":
                (run / "run.json").write_bytes(files.sealed(_own(_object(fields))))
            elif isinstance(fields, dict) and _usable(name):
                (run / name).mkdir(exist_ok=True)
                whole = _own({**fields, "arrays": _arrays(fields.get("arrays"), run / name)})
                (run / name / "result.json").write_bytes(files.sealed(whole))


def _usable(name: str) -> bool:
    """Whether a folder can be called so by the one who forges."""
    return name.isascii() and name.isprintable() and "/" not in name and name not in {".", ".."} and 0 < len(name) < 100


def _arrays(stated: Any, folder: Path) -> Any:
    """What is said of arrays, with files that bear it out where that can be."""
    if not isinstance(stated, dict):
        return stated
    found = {}
    for number, (name, info) in enumerate(stated.items()):
        found[name] = info
        try:
            shape, dtype = tuple(info["shape"]), np.dtype(info["dtype"])
            if math.prod(shape) > MOST or dtype.hasobject:
                continue
            values = np.random.default_rng(number).random(shape) * (100 if dtype.kind in "iu" else 1)
            with (folder / f"a{number}.npy").open("wb") as file:
                np.lib.format.write_array(file, np.asarray(values.astype(dtype), order="C"), version=(1, 0))
        except (ValueError, TypeError, KeyError, OverflowError, MemoryError):
            continue
        raw = (folder / f"a{number}.npy").read_bytes()
        found[name] = {**info, "file": f"a{number}.npy", "size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    return found


def look(folder: Path, number: int, share: int = 3) -> None:
    """Everything that shows a cache; of views and pages one in `share`, by `number`."""
    found = Cache(folder)
    found.broken()
    runs = found.runs()
    for run in runs:
        run.results()
        verify(run)
    for name, shown in list(catalog.VIEWS.items())[number % share :: share]:
        make = catalog.load("view", catalog.VIEWS, name)
        for run in runs:
            if run.spec.task == shown.task or shown.several:
                _refused(_printed, make, found if shown.several else run, [run.name], several=shown.several)
    pages(folder, VIEWS[number % share :: share])


def _printed(make: Any, run: Any, names: list[str], *, several: bool) -> None:
    view = make(run, names, Options()) if several else make(run, Options())
    render(view, 100, "true")
    json_bytes([view])
    csv_bytes([view])


def pages(folder: Path, views: Sequence[View]) -> None:
    """Pages of the browser for every run."""
    walker = Walker(folder)
    listing = walker.book.listing
    assert listing is not None
    walker.page()
    for run in listing.runs:
        for view in views:
            walker.state = replace(walker.state, trail=trail(view), run=run.folder.name)
            walker.read()
            walker.read()  # what only the first answers ask for
            walker.page(100, 30)
    assert len(listing.broken) < 1000


def _refused(call: Any, *arguments: Any, **options: Any) -> None:
    """Call something that may refuse."""
    try:
        call(*arguments, **options)
    except VitscopeError as error:
        assert str(error)


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _own(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what the seal adds by itself; ValueError for what JSON cannot hold."""
    return {name: value for name, value in fields.items() if name not in {"format", "sha256"}}


def documents(folder: Path) -> dict[str, Any]:
    """The seed of `cache`: an extraction and an evaluation, small."""
    synthetic.write(folder, layers=2, heads=2, grid=(3, 3), images=4, gallery=1, model="small", block=2)
    rng = np.random.default_rng(0)
    evaluations.write(folder, "saliency", {
        "iou": (rng.random((2, 2, 2)), ("mode", "layer", "head")), "oracle": (rng.random((2, 2)), ("mode", "layer")),
        "merged": (rng.random((2, 2)), ("mode", "layer")), "best-head": (rng.random(2), ("layer",)),
    }, model="small", coords={"mode": ["cls", "spatial"]}, best="best-head", heads=2)  # fmt: skip
    evaluations.write(folder, "knn", {"top1": (rng.random((2, 2)), ("k", "layer"))}, model="small",
                      coords={"k": ["10", "20"]}, best="top1", heads=2)  # fmt: skip
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*/run.json")):
        found[path.parent.name] = {"run": files.read_json(path)}
        for result in sorted(path.parent.glob("*/result.json")):
            fields = files.read_json(result)
            for info in fields["arrays"].values():
                info["file"] = info["sha256"] = ""
            found[path.parent.name][result.parent.name] = fields
    return found


__all__ = ["array", "cache", "load_result", "lock_file", "parse", "record", "sealed", "state"]
