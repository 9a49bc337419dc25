"""What an extraction will take, found out on a few images: `vitscope doctor --model M --data DIR`. Nothing is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import constants

from vitscope.amounts import bytes_in_words, duration
from vitscope.data.records import ImageSet
from vitscope.errors import VitscopeError
from vitscope.metrics import Metric, Setting
from vitscope.metrics.rows import Blocks
from vitscope.metrics.sums import Stack
from vitscope.models import build
from vitscope.models.shape import geometry_of
from vitscope.run import device as devices
from vitscope.run import loader, machine, order
from vitscope.run.check import Check
from vitscope.run.extract import applicable, read_images, setting_of, spec_of
from vitscope.run.measure import DTYPES, Pass
from vitscope.run.plan import plan
from vitscope.run.request import Request
from vitscope.spec import Resources, Spec

SAMPLE = 32  # images that are measured twice: a block whose Gram matrix is taken
SPARE = 1.1  # of the bytes that a run needs at once


@dataclass(frozen=True)
class Quiet:
    """Who is told nothing: what would be said is in the checks."""

    def tell(self, sentence: str) -> None:
        """Not here."""

    def warn(self, sentence: str) -> None:
        """Not here."""

    def progress(self, done: int, total: int) -> None:
        """Not here."""


@contextmanager
def offline() -> Iterator[None]:
    """Nothing is downloaded inside: that is for the run to do."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def preview(request: Request, resources: Resources, cache: Path) -> Iterator[Check]:
    """Images, weights, memory, space and time of `extract` with the same options; what would fail is a problem."""
    at = "images"
    try:
        images = read_images(request, Quiet())
        yield Check(at, "ok", f"{len(images.records)} of {images.name} from {images.root}")
        at = "weights"
        with offline(), devices.memory_of(torch.device("cpu")):
            model = build.load(request.model, request.checkpoint, request.image_size, request.torchscript)
        yield Check(at, "ok", f"{request.model}: {model.weights}")
        at = "run"
        yield from _of_run(request, resources, cache, images, model)
    except VitscopeError as error:
        yield Check(at, "problem", str(error))


def _of_run(
    request: Request, resources: Resources, cache: Path, images: ImageSet, model: build.Loaded
) -> Iterator[Check]:
    target = devices.choose(resources.device)
    with devices.memory_of(target):
        model.module.to(target, DTYPES[request.precision])
        geometry = geometry_of(request.model, model.module, model.image_size)
        spec = spec_of(request, model, images, loader.preprocess_of(request.preprocess, model, images))
        setting = setting_of(request, model, images, geometry, target, spec)
        metrics = applicable(request.metrics, setting, Quiet())
        there = (cache / spec.folder).is_dir()
        yield Check("run", "ok", f"{spec.folder}{', begun before: it goes on' if there else ''}")
        planned = plan(metrics.values(), setting, resources)
        yield Check("memory", "ok", planned.sentence())
        sample = tuple(order.places(spec.order, len(images.records))[:SAMPLE].tolist())
        one = _Sample(metrics, model, replace(setting, places=sample), sample)
        loaded = one.decoded(images, request, spec)
        yield _readable(loaded, len(sample), len(images.records))
        if loaded.images is None:
            return
        seconds, states = one.measured(loaded, planned.batch_size, resources)
    workers = loader.default_workers(target) if resources.workers is None else resources.workers
    yield _time(seconds / len(sample), loaded.seconds / len(sample), len(images.records), target.type, workers)
    needed = _bytes(states, metrics, len(sample), len(images.records), spec.shard_images, len(setting.gallery))
    yield _space(needed, cache)


@dataclass(frozen=True)
class _Sample:
    """A few images, measured as a run would measure them."""

    metrics: dict[str, type[Metric]]
    model: build.Loaded
    setting: Setting
    places: tuple[int, ...]

    def decoded(self, images: ImageSet, request: Request, spec: Spec) -> loader.Loaded:
        """The crops; `seconds` is what decoding them took in one process."""
        steps = loader.preprocess_of(request.preprocess, self.model, images)
        slices = [loader.Slice(0, range(len(self.places)))]
        found = loader.load(
            images.records, slices, spec.image_size, preprocess=steps, orient=request.protocol != "paper", workers=0,
            pin=False, order=np.array(self.places),
        )  # fmt: skip
        return next(iter(found))

    def measured(
        self, loaded: loader.Loaded, batch_size: int, resources: Resources
    ) -> tuple[float, dict[str, dict[str, Any]]]:
        """Seconds of the second pass of two, the first one warming up, and the states of the metrics after it."""
        planned = plan(self.metrics.values(), self.setting, replace(resources, batch_size=min(batch_size, SAMPLE)))
        seconds, states = 0.0, {}
        for _ in range(2):
            current = Pass(self.metrics, self.model, self.setting, planned)
            began = time.perf_counter()
            current.run(loaded)
            states = current.states()  # waits for the device
            seconds = time.perf_counter() - began
        return seconds, states


def _readable(loaded: loader.Loaded, sample: int, images: int) -> Check:
    """How many of the sample can be read."""
    if not loaded.skipped:
        return Check("images", "ok", f"{sample} of {images} were decoded, all of them well")
    first = loaded.skipped[0]
    found = f"{len(loaded.skipped)} of {sample} cannot be read, such as {first.file}: {first.reason}"
    return Check("images", "problem" if loaded.images is None else "note", found, "A run skips and lists them.")


def _time(seconds: float, decoding: float, images: int, device: str, workers: int) -> Check:
    """How long all images will take, by the seconds of the model and of decoding that one of the sample took."""
    if workers:
        whole, beside = max(seconds, decoding / workers), f"in {workers} process{'es' * (workers > 1)} beside"
    else:
        whole, beside = seconds + decoding, "in the same process"
    found = (
        f"about {duration(whole * images)} on one {device}: {1e3 * seconds:.1f} ms an image, and "
        f"{1e3 * decoding:.1f} ms to decode it {beside}"
    )
    return Check("time", "ok", found)


def _bytes(
    states: dict[str, dict[str, Any]],
    metrics: dict[str, type[Metric]],
    sample: int,
    images: int,
    shard: int,
    gallery: int,
) -> tuple[int, int]:
    """Bytes of the results, and the most that lies in the cache at once: shards wait there until all are done.

    `states` are those after a sample, which holds the first images of a gallery of that many.
    """
    final = waiting = 0
    shards = -(-images // shard)
    for name, state in states.items():
        held, adds = sum(array.nbytes for array in state.values()), metrics[name].adds
        streamed, blocks, stacked = hasattr(adds, "streamed"), issubclass(adds, Blocks), issubclass(adds, Stack)
        if streamed or blocks:
            each = held * images // sample
        else:
            each = held * gallery // max(min(sample, gallery), 1) if stacked else held
        final += each
        if not streamed:  # whose rows are written where the result will be
            waiting += each if blocks or stacked else held * shards
    return final, final + waiting


def _space(needed: tuple[int, int], cache: Path) -> Check:
    """Whether there is room for that."""
    final, most = needed
    free = machine.free(cache)
    at_end, at_most, there = map(bytes_in_words, (final, most, free))
    found = f"about {at_end} in the end and {at_most} at most while shards wait; {there} are free"
    if free < SPARE * most:
        return Check("space", "problem", found, "Choose a larger disk with --cache, or fewer --metrics.")
    return Check("space", "ok", found)
