"""What a pass takes is decided before it runs, and what does not fit is refused with a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vitscope import catalog
from vitscope.batch import PLACES
from vitscope.errors import DeviceError
from vitscope.geometry import Geometry
from vitscope.metrics import Setting
from vitscope.run import plan as plans
from vitscope.run.device import choose, describe, free_memory
from vitscope.run.extract import shard_size
from vitscope.run.order import GRAM_IMAGES
from vitscope.run.plan import CACHE_BYTES, FEWEST, GIB, MAPS, plan
from vitscope.spec import Resources

CPU = torch.device("cpu")
BASE = Geometry(layers=12, heads=12, prefix=("cls",), rows=14, columns=14, patch=(16, 16))
LONG = Geometry(layers=12, heads=12, prefix=("cls",), rows=64, columns=64, patch=(14, 14))
METRICS = [catalog.load("metric", catalog.METRICS, name) for name in catalog.METRICS]
OF_ATTENTION = [metric for metric in METRICS if not hasattr(metric, "at")]
BY_NAME = dict(zip(catalog.METRICS, METRICS, strict=True))


def setting(classes: int = 0, gallery: int = 0) -> Setting:
    """ViT-B/16 over a shard of 512 images."""
    return Setting(BASE, CPU, classes, tuple(range(gallery)), 768, frozenset(PLACES), tuple(range(512)), 32)


def test_attention_stays_in_the_cache_of_a_cpu():
    made = plan(OF_ATTENTION, Setting(BASE, CPU), Resources())
    assert made.batch_size == 32
    assert made.chunk.queries == BASE.tokens
    assert made.chunk.images == CACHE_BYTES // (4 * 12 * 197 * 197) == 2
    assert made.attention == MAPS * 4 * 2 * 12 * 197 * 197


@pytest.mark.parametrize("memory", [0.01, 0.1, 1.0])
def test_long_sequences_are_cut_into_queries_within_the_budget(memory, monkeypatch):
    monkeypatch.setattr("vitscope.run.plan.free_memory", lambda _: None)  # whatever this machine has left
    made = plan(OF_ATTENTION, Setting(LONG, torch.device("cuda")), Resources(memory=memory))
    assert made.chunk.images == 1
    assert 1 <= made.chunk.queries < LONG.tokens
    assert made.attention <= memory * GIB
    assert made.attention > 0.9 * memory * GIB - MAPS * 4 * LONG.heads * LONG.tokens


@pytest.mark.parametrize(("side", "queries"), [(28, 111), (64, FEWEST), (14, 197)])
def test_long_sequences_stay_in_the_cache_of_a_cpu_query_by_query(side, queries):
    made = plan(OF_ATTENTION, Setting(replace(BASE, rows=side, columns=side), CPU), Resources())
    assert made.chunk.queries == queries
    assert plan(OF_ATTENTION, Setting(LONG, CPU), Resources(memory=0.01)).attention <= 0.01 * GIB


def test_sums_are_counted_as_they_will_be_held():
    without = plan([], Setting(BASE, CPU), Resources())
    made = plan(OF_ATTENTION, setting(classes=10, gallery=8), Resources())
    heads, tokens, patches = 12 * 12, 197, 196
    matrices = 4 * heads * (tokens**2 + patches**2)
    gallery = 2 * 8 * heads * tokens**2
    classes = 4 * 10 * heads * tokens
    assert without.sums == 0
    assert matrices + gallery + classes <= made.sums <= 1.01 * (matrices + gallery + classes)
    assert "MiB for sums" in made.sentence()


def test_what_is_kept_of_a_shard_is_counted():
    vectors = plan([BY_NAME["vectors"]], setting(), Resources())
    assert vectors.sums == 2 * 2 * 12 * 512 * 768
    assert vectors.attention == 0
    assert vectors.tokens == 2 * 4 * 32 * 197 * 768
    grams = plan([BY_NAME["grams"]], setting(), Resources())
    assert grams.sums == 4 * 3 * 12 * 16 * (32 * 32 + 1)
    assert plan([BY_NAME["residual-norms"]], setting(), Resources()).sums == 2 * 4 * 24 * 3


@pytest.mark.parametrize(("asked", "names", "expected"), [
    (None, ("grams",), 32), (1, ("grams",), 32), (33, ("norm-grams",), 64), (64, ("residual-grams",), 64),
    (5, ("vectors", "residual-norms"), 5), (5, ("attention",), 5),
])  # fmt: skip
def test_batches_hold_whole_blocks_where_grams_are_wanted(asked, names, expected):
    made = plan([BY_NAME[name] for name in names], setting(), Resources(batch_size=asked))
    assert made.batch_size == expected


@pytest.mark.parametrize("device", sorted(plans.BATCH))
@pytest.mark.parametrize("block", GRAM_IMAGES.values())
def test_batches_and_shards_hold_whole_blocks_by_themselves(device, block):
    assert plans.BATCH[device] % block == 0
    assert all(shard_size(images) % block == 0 for images in (1, 7, 100, 2345, 5000, 1_281_167))


def test_sums_that_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(plans, "free_memory", lambda _device: 1 << 20)
    with pytest.raises(DeviceError, match=r"but only 1 MiB are free: leave out the large ones with --metrics"):
        plan(METRICS, setting(gallery=8), Resources())


def test_the_plan_does_not_depend_on_what_happens_to_be_free(monkeypatch):
    made = plan(METRICS, setting(), Resources())
    monkeypatch.setattr(plans, "free_memory", lambda _device: None)
    assert plan(METRICS, setting(), Resources()) == made


@pytest.mark.parametrize("name", ["cuda:99", "mps", "gpu", "meta", "cpu:x", ""])
def test_a_device_that_is_not_there(name):
    with pytest.raises(DeviceError, match=r"cpu"):
        choose(name)


def test_the_cpu_is_there():
    assert choose("cpu") == CPU
    assert choose("auto").type in {"cpu", "cuda", "mps"}
    assert describe(CPU).startswith("cpu (")
    free = free_memory(CPU)
    assert free is None or free > 1 << 20


@pytest.mark.parametrize(("threads", "words"), [(1, "1 thread)"), (2, "2 threads)")])
def test_the_device_counts_its_threads(monkeypatch: pytest.MonkeyPatch, threads: int, words: str) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert describe(CPU).endswith(words)
