"""A small run with two results, and one whose shards are still pending."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.store import life
from vitscope.store.lock import lock
from vitscope.store.reader import Cache, Run
from vitscope.store.writer import Measured, RunWriter


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """An empty cache."""
    return tmp_path / "cache"


@pytest.fixture
def writer(cache: Path) -> RunWriter:
    """A run in which nothing has been measured."""
    return RunWriter(cache, life.SPEC, life.FACTS)


@pytest.fixture
def run(cache: Path, writer: RunWriter) -> Run:
    """A run with the results distance (mean, std) and gallery (with names), and a pending shard."""
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    layer_head = ("layer", "head")
    arrays = {"mean": Measured(values, layer_head, "image side"), "std": Measured(values / 2, layer_head, "image side")}
    crop = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    with lock(writer.folder):
        writer.put_result("distance", 1, arrays, 4, {})
        dims = ("image", "row", "column", "channel")
        writer.put_result("gallery", 1, {"crop": Measured(crop, dims, "1")}, 2, {"image": ["a.jpg", "b.jpg"]})
        writer.put_shard(0, {"entropy@1": life.state(0, "entropy")}, {"images": 2})
    return Cache(cache).runs()[0]
