"""What a pass takes is decided before it runs, and what does not fit is refused with a sentence."""

from __future__ import annotations

import pytest
import torch

from vitscope import catalog
from vitscope.errors import DeviceError
from vitscope.geometry import Geometry
from vitscope.metrics import Setting
from vitscope.run import plan as plans
from vitscope.run.device import choose, describe, free_memory
from vitscope.run.plan import CACHE_BYTES, GIB, MAPS, plan
from vitscope.spec import Resources

CPU = torch.device("cpu")
BASE = Geometry(layers=12, heads=12, prefix=("cls",), rows=14, columns=14, patch=(16, 16))
LONG = Geometry(layers=12, heads=12, prefix=("cls",), rows=64, columns=64, patch=(14, 14))
METRICS = [catalog.load("metric", catalog.METRICS, name) for name in catalog.METRICS]


def test_attention_stays_in_the_cache_of_a_cpu():
    made = plan([], Setting(BASE, CPU), Resources())
    assert made.batch_size == 8
    assert made.chunk.queries == BASE.tokens
    assert made.chunk.images == CACHE_BYTES // (4 * 12 * 197 * 197) == 2
    assert made.attention == MAPS * 4 * 2 * 12 * 197 * 197


@pytest.mark.parametrize("memory", [0.01, 0.1, 1.0])
def test_long_sequences_are_cut_into_queries_within_the_budget(memory):
    made = plan([], Setting(LONG, CPU), Resources(memory=memory))
    assert made.chunk.images == 1
    assert 1 <= made.chunk.queries < LONG.tokens
    assert made.attention <= memory * GIB
    assert made.attention > 0.9 * memory * GIB - MAPS * 4 * LONG.heads * LONG.tokens


def test_sums_are_counted_as_they_will_be_held():
    without = plan([], Setting(BASE, CPU), Resources())
    made = plan(METRICS, Setting(BASE, CPU, classes=10, gallery=8), Resources())
    heads, tokens, patches = 12 * 12, 197, 196
    matrices = 4 * heads * (tokens**2 + patches**2)
    gallery = 2 * 8 * heads * tokens**2
    classes = 4 * 10 * heads * tokens
    assert without.sums == 0
    assert matrices + gallery + classes <= made.sums <= 1.01 * (matrices + gallery + classes)
    assert "MiB for sums" in made.sentence()


def test_sums_that_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(plans, "free_memory", lambda _device: 1 << 20)
    with pytest.raises(DeviceError, match=r"but only 1 MiB are free: leave out the large ones with --metrics"):
        plan(METRICS, Setting(BASE, CPU, gallery=8), Resources())


def test_the_plan_does_not_depend_on_what_happens_to_be_free(monkeypatch):
    made = plan(METRICS, Setting(BASE, CPU), Resources())
    monkeypatch.setattr(plans, "free_memory", lambda _device: None)
    assert plan(METRICS, Setting(BASE, CPU), Resources()) == made


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
