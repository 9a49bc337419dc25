"""Where time goes, batches that do not fit, and what a GPU is fed with: as far as it shows without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data._utils.pin_memory import pin_memory

from tests.run import jobs
from tests.run.program import vitscope
from tests.run.test_plan import BASE, METRICS, OF_ATTENTION, setting
from vitscope.batch import Images
from vitscope.errors import DeviceError
from vitscope.metrics import Setting
from vitscope.run import plan as plans
from vitscope.run import stages
from vitscope.run.loader import Loaded
from vitscope.run.measure import Pass
from vitscope.run.plan import GIB, plan
from vitscope.run.stages import STAGES, Stopwatch
from vitscope.spec import Resources

WITHOUT_BLOCKS = ("attention", "distance", "vectors", "residual-norms")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stages.time, "perf_counter", clock)
    return clock


def spend(watch: Stopwatch, clock: Clock) -> None:
    """1 s of copying, 2 of forward before and 4 after 8 of metrics, 16 of anything else, 32 of decoding."""
    with watch.stage("copy"):
        clock.now += 1
    with watch.stage("forward"):
        clock.now += 2
        with watch.stage("metrics"):
            clock.now += 8
        clock.now += 4
    clock.now += 16
    watch.add("decode", 32)


def test_a_stage_inside_another_one_is_taken_out_of_it(clock: Clock) -> None:
    watch = Stopwatch(torch.device("cpu"))
    spend(watch, clock)
    assert watch.read(4) == {"decode": 32, "copy": 1, "forward": 6, "metrics": 8, "write": 0, "idle": 16}
    clock.now += 32
    assert watch.read(0)["idle"] == 16  # where nobody decodes beside it, decoding is no idling


class Event:
    """torch.cuda.Event, of a device that is done with everything at the time of `clock`."""

    clock: Clock

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing
        self.waited = False

    def record(self) -> None:
        self.at = self.clock.now

    def synchronize(self) -> None:
        self.waited = True

    def elapsed_time(self, end: Event) -> float:
        assert end.waited
        return 1000 * (end.at - self.at)


def test_a_gpu_is_measured_by_events_and_waited_for_only_at_the_end(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Event, "clock", clock, raising=False)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(Event, "synchronize", lambda _: pytest.fail("it waited for the device"))
    watch = Stopwatch(torch.device("cuda"))
    spend(watch, clock)
    monkeypatch.undo()
    monkeypatch.setattr(stages.time, "perf_counter", clock)
    assert watch.read(4) == {"decode": 32, "copy": 1, "forward": 6, "metrics": 8, "write": 0, "idle": 16}


def test_stages_of_several_shards_add_up() -> None:
    assert stages.summed([{"copy": 0.25, "idle": 1.0}, {"copy": 0.5, "write": 2.0}]) == {
        **dict.fromkeys(STAGES, 0.0),
        "copy": 0.75,
        "idle": 1.0,
        "write": 2.0,
    }


def test_every_stage_is_in_the_facts_and_said_with_verbose(pictures: Path, tmp_path: Path) -> None:
    given = ("--model", jobs.UNTRAINED, "--data", pictures, "--image-size", "64", "--cache", tmp_path / "cache")
    code, _, said = vitscope("extract", "--verbose", *given)
    assert code == 0
    (facts,) = jobs.only_run(tmp_path / "cache").facts["passes"]
    assert list(facts["stages"]) == list(STAGES)
    assert all(facts["stages"][name] > 0 for name in ("decode", "copy", "forward", "metrics", "write"))
    assert facts["decoders"] == 0
    table = [line.split()[0] for line in said.splitlines()]
    at = table.index("stage")
    assert table[at + 1 : at + 7] == list(STAGES)
    code, _, said = vitscope("extract", "--verbose", *given)
    assert "stage" not in [line.split()[0] for line in said.splitlines()]


def test_decoding_beside_the_model_is_counted_apart(pictures: Path, tmp_path: Path) -> None:
    report, _ = jobs.measured(jobs.request(pictures, metrics=("distance",)), tmp_path, workers=2)
    assert report.decoders == 2
    assert report.stages["decode"] > 0


def test_a_part_has_the_stages_of_its_own_shards(pictures: Path, tmp_path: Path) -> None:
    asked = jobs.request(pictures, metrics=("attention", "distance"))
    parts = [jobs.measured(asked, tmp_path, shard=(number, 2))[0] for number in (1, 2)]
    for report in parts:
        assert list(report.stages) == list(STAGES)
        assert all(report.stages[name] > 0 for name in ("decode", "copy", "forward", "metrics", "write"))
    again, _ = jobs.measured(asked, tmp_path, shard=(1, 2))
    assert again.stages == {}  # it had nothing to do
    whole, run = jobs.measured(asked, tmp_path)
    assert whole.stages == run.facts["passes"][-1]["stages"]
    assert whole.stages["forward"] == pytest.approx(sum(part.stages["forward"] for part in parts), abs=0.01)


# Batches that do not fit


def short_of_memory(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """A device that holds `most` images; the sizes of all batches that were tried."""
    tried, run = [], Pass.run

    def refusing(self: Pass, loaded: Loaded) -> None:
        tried.append(loaded.size)
        if loaded.size > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        run(self, loaded)

    monkeypatch.setattr(Pass, "run", refusing)
    return tried


def test_batches_are_halved_until_they_fit_and_that_is_noted(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 32 images of a shard in batches of 6, where 25 were asked for."""
    asked = jobs.request(pictures, metrics=WITHOUT_BLOCKS)
    _, whole = jobs.measured(asked, tmp_path / "whole", batch_size=6)
    tried, listener = short_of_memory(monkeypatch, 7), jobs.Listener()
    _, run = jobs.measured(asked, tmp_path / "cache", listener, batch_size=25)
    assert tried == [25, 12, *[6] * 5, 2, *[6] * 5, 2, 6, 6, 4]
    assert [line.rpartition(": ")[2] for line in listener.warned] == ["12 at a time now", "6 at a time now"]
    assert run.facts["passes"][-1]["shards_in_smaller_batches"] == {"6": [1, 2, 3]}
    assert run.facts["batch_size"] == 25
    assert listener.done[-1] == (jobs.COUNT, jobs.COUNT)
    assert jobs.arrays(run).keys() == jobs.arrays(whole).keys()
    for name, values in jobs.arrays(run).items():
        np.testing.assert_array_equal(values, jobs.arrays(whole)[name])
    jobs.check_tidy(run)


def test_what_was_committed_before_memory_ran_out_stays(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = Pass.run, []

    def refusing(self: Pass, loaded: Loaded) -> None:
        calls.append(loaded.shard)
        if len(calls) == 6:  # in the middle of the second shard
            raise torch.OutOfMemoryError("CUDA out of memory.")
        run(self, loaded)

    monkeypatch.setattr(Pass, "run", refusing)
    _, found = jobs.measured(jobs.request(pictures, metrics=WITHOUT_BLOCKS), tmp_path, batch_size=8)
    assert calls == [0] * 4 + [1] * 2 + [1] * 8 + [2] * 4
    assert found.facts["passes"][-1]["shards_in_smaller_batches"] == {"4": [2, 3]}


def test_blocks_of_gram_matrices_are_never_cut(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = short_of_memory(monkeypatch, 31)
    with pytest.raises(DeviceError, match="too little memory"):
        jobs.measured(jobs.request(pictures, metrics=("attention", "grams")), tmp_path, batch_size=96)
    assert tried == [32, 32]  # once of 96, which end with their shard of 32


def test_halves_are_whole_blocks() -> None:
    made = plan(METRICS, setting(), Resources(batch_size=96))
    sizes = []
    for _ in range(4):
        sizes.append(made.batch_size)
        made = plans.halved(made, METRICS, setting())
    assert sizes == [96, 32, 32, 32]
    assert plans.least(METRICS, setting()) == 32
    assert plans.least(OF_ATTENTION, setting()) == 1


@pytest.mark.parametrize(("free", "size"), [(200, 256), (6, 256), (3.5, 64), (2.6, 2), (2, 1)])
def test_the_batch_on_a_gpu_is_chosen_by_its_free_memory(
    monkeypatch: pytest.MonkeyPatch, free: float, size: int
) -> None:
    """ViT-B/16 an image takes 16 copies of 197 × 768 numbers and its pixels three times, 11 MB."""
    monkeypatch.setattr(plans, "free_memory", lambda _: int(free * GIB))
    on_gpu = Setting(BASE, torch.device("cuda"), width=768)
    made = plan(OF_ATTENTION, on_gpu, Resources())
    image = 4 * 16 * 197 * 768 + 9 * 3 * 224 * 224
    room = 0.8 * free * GIB - made.sums - 2 * GIB
    assert made.batch_size == size
    assert size == 1 or size * image <= room
    assert size in {1, 256} or 2 * size * image > room
    assert plan(OF_ATTENTION, on_gpu, Resources(batch_size=48)).batch_size == 48


def test_what_goes_to_a_gpu_lies_in_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the loader of torch does it, which leaves alone what it does not know."""
    pinned: list[torch.Tensor] = []

    def pin(tensor: torch.Tensor, *_: Any) -> torch.Tensor:
        pinned.append(tensor)
        return tensor.clone()

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    pixels, labels = torch.zeros(2, 4, 4, 3, dtype=torch.uint8), torch.tensor([3, 5])
    batch = Loaded(0, 2, Images(pixels, labels, (0, 1)), ())
    found = pin_memory(batch)
    assert isinstance(found, Loaded)
    assert {id(tensor) for tensor in pinned} == {id(pixels), id(labels)}
    assert found.images is not None
    assert found.images.pixels is not pixels
    assert found.images.places == (0, 1)
    assert pin_memory(Loaded(0, 2, None, ())) == Loaded(0, 2, None, ())
