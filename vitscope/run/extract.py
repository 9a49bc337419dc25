"""Extraction: run a model over a folder of images once, shard by shard, and keep what the metrics summed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from vitscope import catalog
from vitscope.data.preprocess import Preprocess
from vitscope.data.records import ImageSet
from vitscope.errors import ModelError
from vitscope.geometry import Geometry
from vitscope.metrics import Metric, Setting
from vitscope.metrics.rows import Blocks
from vitscope.models import build
from vitscope.models.places import tokens_of
from vitscope.models.shape import geometry_of
from vitscope.run import device as devices
from vitscope.run import loader, order
from vitscope.run.measure import DTYPES
from vitscope.run.plan import plan
from vitscope.run.ranks import Turn, turn
from vitscope.run.request import Report, Request, Watcher
from vitscope.run.shards import GALLERY, Work, now, tidy, versions
from vitscope.spec import SHARD_IMAGES, Precision, Resources, Spec
from vitscope.spec import Protocol as ProtocolName
from vitscope.store.writer import RunWriter


def extract(
    request: Request, resources: Resources, cache: Path, watcher: Watcher, images: ImageSet | None = None
) -> Report:
    """Measure what of `request.metrics` is not yet in the run; a run that was killed goes on at its first open shard.

    `images` are measured instead of what there is in the folder `request.data`, if they are given. The ranks of
    torchrun divide the shards; with `resources.shard` only a part of them is measured, and no result is made.
    Raises any VitscopeError: bad images, weights or device, a run that somebody else is writing, a full disk. What was
    finished by then is kept.
    """
    with turn(resources, watcher) as taken:
        target = devices.choose(taken.device(resources.device))
        with devices.memory_of(target):
            return _extract(request, resources, cache, watcher, target, images or read_images(request, watcher), taken)


def read_images(request: Request, watcher: Watcher) -> ImageSet:
    read = catalog.load("kind of data", catalog.DATASETS, request.dataset or "images")
    images: ImageSet = read(request.data, limit=request.limit, per_class=request.per_class)
    for note in images.notes:
        watcher.tell(f"{images.name}: {note}")
    return images


def _extract(
    request: Request,
    resources: Resources,
    cache: Path,
    watcher: Watcher,
    target: torch.device,
    images: ImageSet,
    taken: Turn,
) -> Report:
    began = time.monotonic()
    model = build.load(request.model, request.checkpoint, request.image_size, request.torchscript)
    for note in model.notes:
        watcher.tell(f"{request.model}: {note}")
    model.module.to(target, DTYPES[request.precision])
    geometry = geometry_of(request.model, model.module, model.image_size)
    if geometry.patches == 1:
        watcher.warn(f"{request.model}: the whole image is one patch, so that nothing is said of where heads look")
    preprocess = loader.preprocess_of(request.preprocess, model, images)
    spec = spec_of(request, model, images, preprocess)
    setting = setting_of(request, model, images, geometry, target, spec)
    metrics = applicable(request.metrics, setting, watcher)
    facts = _facts(request, model, images, geometry.to_json(), target)
    with taken.claimed(cache / spec.folder):
        found = taken.begin(
            lambda: _prepared(request, resources, cache, watcher, spec, facts, setting, metrics, images)
        )
        writer = taken.opened(cache, spec, facts, found)
        owed = {name: metrics[name] for name in found["owed"]}
        left: list[int] = []
        last: dict[str, Any] = {}
        if owed:
            planned = plan(owed.values(), setting, replace(resources, batch_size=found["batch_size"]))
            work = Work(writer, images, owed, model, setting, planned, spec, preprocess)
            taken.measure(lambda share: work.measure(resources, watcher, share), work.missing)
            if taken.folds:
                work.fold(time.monotonic() - began)
                last = writer.facts["passes"][-1]
            else:
                left, last = work.missing(), work.costs()
        elif taken.folds:
            _settle(writer, len(images.records), spec)
        return Report(
            folder=writer.folder,
            images=len(images.records),
            used=int(writer.facts["used"]),
            skipped=list(writer.facts["skipped"]),
            seconds=time.monotonic() - began,
            measured=list(owed),
            reused=[name for name in metrics if name not in owed],
            stages=last.get("stages", {}),
            decoders=last.get("decoders", 0),
            missing=left,
        )


def _prepared(
    request: Request,
    resources: Resources,
    cache: Path,
    watcher: Watcher,
    spec: Spec,
    facts: dict[str, Any],
    setting: Setting,
    metrics: dict[str, type[Metric]],
    images: ImageSet,
) -> dict[str, Any]:
    """What one process finds out for all that measure this run: the metrics that are owed, and the batch size."""
    writer = _opened(cache, spec, facts, restart=request.restart)
    watcher.tell(f"run: {writer.folder}")
    if writer.lost:
        watcher.warn(writer.lost)
    owed = {name: metric for name, metric in metrics.items() if not _finished(writer, name, metric, setting)}
    for name, metric in owed.items():
        if hasattr(metric.adds, "streamed"):  # its rows are written where a damaged result may still be
            writer.drop_damaged(name, metric.version)
    batch_size = None
    if owed:
        planned = plan(owed.values(), setting, _as_before(resources, writer))
        batch_size, before = planned.batch_size, writer.facts["batch_size"]
        if resources.batch_size not in {None, batch_size}:
            watcher.tell(
                f"batches of {batch_size} images, not {resources.batch_size}: a Gram matrix is of "
                f"{setting.block} images of one batch (without {', '.join(_blocked(owed))} any size will do)"
            )
        if before not in {None, batch_size}:
            watcher.tell(f"this run began with batches of {before} images: the last digits differ")
        if before != batch_size:
            writer.update(batch_size=batch_size)
        watcher.tell(f"{images.name}: {len(images.records)} images from {images.root}")
        watcher.tell(planned.sentence())
    return {"run": spec.folder, "owed": list(owed), "batch_size": batch_size}


def applicable(names: Sequence[str], setting: Setting, watcher: Watcher) -> dict[str, type[Metric]]:
    """The metrics asked for that this model and these images have."""
    metrics = {name: cast("type[Metric]", catalog.load("metric", catalog.METRICS, name)) for name in names}
    fitting = {name: metric for name, metric in metrics.items() if metric.applies(setting)}
    missing = [f"{name} (needs {metric.needs})" for name, metric in metrics.items() if name not in fitting]
    if not fitting:
        raise ModelError(
            f"nothing to measure: this model and these images have nothing for {', '.join(missing)}; leave out "
            "--metrics to measure what applies."
        )
    if missing:
        watcher.tell(f"does not apply to this model and these images: {', '.join(missing)}")
    return fitting


def _blocked(metrics: dict[str, type[Metric]]) -> list[str]:
    """Those that need whole blocks of images."""
    return [name for name, metric in metrics.items() if issubclass(metric.adds, Blocks)]


def _opened(cache: Path, spec: Spec, facts: dict[str, Any], *, restart: bool) -> RunWriter:
    """The writer of the run; `restart` forgets what was measured before, and how."""
    writer = RunWriter(cache, spec, facts)
    if restart:
        writer.restart()
    return writer


def _finished(writer: RunWriter, name: str, metric: type[Metric], setting: Setting) -> bool:
    """Whether a result is there; a gallery that is smaller than the one asked for is not."""
    enough = name != GALLERY or writer.facts["gallery"] >= len(setting.gallery)
    return enough and writer.finished(name, metric.version)


def _settle(writer: RunWriter, images: int, spec: Spec) -> None:
    """Tidy up after a start that was killed when its last result was written."""
    if writer.facts["finished"] is None:
        writer.update(finished=now())
    tidy(writer, images, spec)


def _as_before(resources: Resources, writer: RunWriter) -> Resources:
    """The batch size of the run's first start, unless another is asked for: sums depend on it in their last digits."""
    before = writer.facts["batch_size"]
    if resources.batch_size is not None or before is None:
        return resources
    return replace(resources, batch_size=before)


def spec_of(request: Request, model: build.Loaded, images: ImageSet, preprocess: Preprocess) -> Spec:
    return Spec(
        model=request.model,
        weights=model.weights,
        dataset=images.name,
        images=images.fingerprint,
        image_size=model.image_size,
        preprocess=preprocess.words,
        normalization=model.normalization,
        precision=cast("Precision", request.precision),
        protocol=cast("ProtocolName", request.protocol),
        shard_images=shard_size(len(images.records)),
        order=(named := order.named(request.protocol)),
        gram_images=order.GRAM_IMAGES[named],
    )


def setting_of(
    request: Request,
    model: build.Loaded,
    images: ImageSet,
    geometry: Geometry,
    target: torch.device,
    spec: Spec,
) -> Setting:
    """What the metrics have to know; `places` are those of the first shard, which is as large as any."""
    tokens = tokens_of(model.module, model.image_size)
    places = order.places(spec.order, len(images.records))
    return Setting(
        geometry,
        target,
        classes=len(images.classes),
        gallery=tuple(places[: request.gallery].tolist()),
        width=tokens.width,
        taps=tokens.places,
        places=tuple(places[: spec.shard_images].tolist()),
        block=spec.gram_images,
    )


def shard_size(images: int) -> int:
    """Images in a shard: an eighth of the data set, so that little is lost when a run is killed; from 32 to 512.

    A multiple of 32, so that no block of images whose Gram matrix is taken lies in two shards.

    >>> [shard_size(images) for images in (6, 400, 5000)]
    [32, 64, 512]
    """
    eighth = -(-images // 8)
    return min(max(-(-eighth // 32) * 32, 32), SHARD_IMAGES)


def _checkpoint(request: Request, model: build.Loaded) -> dict[str, str] | None:
    """The file of the weights; where it was given, also where it is, so that the browser can load them again."""
    if request.checkpoint is None or model.checkpoint is None:
        return model.checkpoint
    return {**model.checkpoint, "path": str(request.checkpoint.absolute())}


def _facts(
    request: Request, model: build.Loaded, images: ImageSet, geometry: dict[str, Any], target: torch.device
) -> dict[str, Any]:
    """What run.json says besides the spec, at the first start."""
    return {
        "geometry": geometry,
        "classes": list(images.classes),
        "images": len(images.records),
        "used": 0,
        "skipped": [],
        "data": str(request.data),
        "checkpoint": _checkpoint(request, model),
        "notes": list(model.notes),
        "versions": versions(),
        "device": devices.describe(target),
        "batch_size": None,
        "gallery": 0,
        "started": now(),
        "finished": None,
        "seconds": 0.0,
        "passes": [],
    }
