"""Extraction: run a model over a folder of images once, shard by shard, and keep what the metrics summed."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import torch

from vitscope import __version__, catalog
from vitscope.data.records import ImageSet
from vitscope.errors import DamagedError, DataError
from vitscope.metrics import Metric, Setting
from vitscope.models import build
from vitscope.models.shape import geometry_of
from vitscope.run import device as devices
from vitscope.run import loader
from vitscope.run.fold import fold
from vitscope.run.measure import DTYPES, Pass
from vitscope.run.plan import Plan, plan
from vitscope.run.request import Report, Request, Watcher
from vitscope.spec import SHARD_IMAGES, Precision, Resources, Spec
from vitscope.spec import Protocol as ProtocolName
from vitscope.store.lock import lock
from vitscope.store.writer import RunWriter

GALLERY = "gallery"  # the one metric whose size is asked for


def extract(request: Request, resources: Resources, cache: Path, watcher: Watcher) -> Report:
    """Measure what of `request.metrics` is not yet in the run; a run that was killed goes on at its first open shard.

    Raises any VitscopeError: bad images, weights or device, a run that somebody else is writing, a full disk. What was
    finished by then is kept.
    """
    began = time.monotonic()
    read = catalog.load("kind of data", catalog.DATASETS, request.dataset or "images")
    images: ImageSet = read(request.data, limit=request.limit, per_class=request.per_class)
    target = devices.choose(resources.device)
    model = build.load(request.model, request.checkpoint, request.image_size)
    for note in model.notes:
        watcher.tell(f"{request.model}: {note}")
    model.module.to(target, DTYPES[request.precision])
    geometry = geometry_of(request.model, model.module, model.image_size)
    setting = Setting(geometry, target, len(images.classes), min(request.gallery, len(images.records)))
    spec = _spec(request, model, images)
    metrics = _applicable(request.metrics, setting, watcher)
    with lock(cache / spec.folder):
        facts = _facts(request, model, images, geometry.to_json(), target)
        writer = _opened(cache, spec, facts, restart=request.restart)
        watcher.tell(f"run: {writer.folder}")
        owed = {name: metric for name, metric in metrics.items() if not _finished(writer, name, metric, setting)}
        if owed:
            planned = plan(owed.values(), setting, _as_before(resources, writer))
            writer.update(batch_size=planned.batch_size)
            watcher.tell(f"{len(images.records)} images from {images.root}")
            watcher.tell(planned.sentence())
            work = _Work(writer, images, owed, model, setting, planned, spec)
            work.measure(resources, watcher)
            work.fold(time.monotonic() - began)
        else:
            _settle(writer)
        return Report(
            folder=writer.folder,
            images=len(images.records),
            used=int(writer.facts["used"]),
            skipped=list(writer.facts["skipped"]),
            seconds=time.monotonic() - began,
            measured=list(owed),
            reused=[name for name in metrics if name not in owed],
        )


@dataclass(frozen=True)
class _Work:
    """The shards that one start of an extraction owes, and everything needed to measure them."""

    writer: RunWriter
    images: ImageSet
    metrics: dict[str, type[Metric]]
    model: build.Loaded
    setting: Setting
    plan: Plan
    spec: Spec

    @property
    def shards(self) -> range:
        return max((self._shards_of(name) for name in self.metrics), key=len)

    def measure(self, resources: Resources, watcher: Watcher) -> None:
        """Run the model over every shard that is not done; each is committed when its last image is summed."""
        images = len(self.images.records)
        total = sum(map(self._size, self.shards))
        owed = {shard: names for shard in self.shards if (names := self._owed(shard))}
        done = total - sum(self._size(shard) for shard in owed)
        if done > 0 and owed:
            watcher.tell(f"going on: {len(self.shards) - len(owed)} of {len(self.shards)} shards were finished before")
        watcher.progress(done, total)
        todo = list(loader.slices(list(owed), self.spec.shard_images, images, self.plan.batch_size))
        workers = loader.default_workers(self.setting.device) if resources.workers is None else resources.workers
        loaded = loader.load(
            self.images.records,
            todo,
            self.model.image_size,
            orient=self.spec.protocol != "paper",
            workers=workers,
            pin=self.setting.device.type == "cuda",
        )
        current: Pass | None = None
        for slice_, batch in zip(todo, loaded, strict=True):
            if current is None:
                current = Pass(
                    {name: self.metrics[name] for name in owed[slice_.shard]}, self.model, self.setting, self.plan
                )
            current.run(batch)
            done += batch.size
            if slice_.places.stop == min((slice_.shard + 1) * self.spec.shard_images, images):
                self._commit(slice_.shard, current)
                current = None
            watcher.progress(done, total)

    def fold(self, seconds: float) -> None:
        """Merge the shards of every metric, then forget them."""
        records = [self.writer.shard_record(shard) or {} for shard in self.shards]
        skipped = [file for record in records for file in record["skipped"]]
        seen = sum(record["images"] for record in records)
        used = seen - len(skipped)
        if used == 0:
            self.writer.drop_shards()  # what could not be read may be readable next time
            raise DataError(
                f"none of the {seen} images in {self.images.root} could be read; "
                f"the first: {skipped[0]['file']}: {skipped[0]['reason']}."
            )
        if seen == len(self.images.records) or not self.writer.facts["used"]:
            self.writer.update(used=used, skipped=skipped)  # before the results, which are then owed no more
        for name, metric in self.metrics.items():
            fold(self.writer, name, metric, len(self._shards_of(name)), self.images, self.setting.geometry)
        done = {"metrics": list(self.metrics), "seconds": round(seconds, 3), "finished": _now(), "images": used}
        before = self.writer.facts
        self.writer.update(
            finished=done["finished"],
            seconds=round(before["seconds"] + seconds, 3),
            gallery=self.setting.gallery if GALLERY in self.metrics else before["gallery"],
            passes=[*before["passes"], done],
        )
        self.writer.drop_shards()

    def _size(self, shard: int) -> int:
        start = shard * self.spec.shard_images
        return min(self.spec.shard_images, len(self.images.records) - start)

    def _shards_of(self, name: str) -> range:
        """The shards that a metric is summed over; those of the gallery are the ones that hold its images."""
        images = self.setting.gallery if name == GALLERY else len(self.images.records)
        return range(-(-images // self.spec.shard_images))

    def _owed(self, shard: int) -> list[str]:
        """The metrics that this shard still lacks, or whose state is damaged."""
        committed = self.writer.shard_metrics(shard)
        other_gallery = self._gallery(shard) != self.setting.gallery
        return [
            name
            for name in self.metrics
            if shard in self._shards_of(name)
            and (
                self._key(name) not in committed
                or (name == GALLERY and other_gallery)
                or not self._intact(shard, self._key(name))
            )
        ]

    def _gallery(self, shard: int) -> int:
        """The size of the gallery when it was measured in this shard."""
        record = self.writer.shard_record(shard)
        return 0 if record is None else record["gallery"]

    def _intact(self, shard: int, key: str) -> bool:
        try:
            self.writer.shard_state(shard, key)
        except DamagedError:
            return False
        return True

    def _key(self, name: str) -> str:
        return f"{name}@{self.metrics[name].version}"

    def _commit(self, shard: int, current: Pass) -> None:
        states = {self._key(name): state for name, state in current.states().items()}
        skipped = [asdict(file) for file in current.skipped]
        gallery = self.setting.gallery if GALLERY in current.metrics else self._gallery(shard)
        record = {"images": self._size(shard), "skipped": skipped, "gallery": gallery}
        self.writer.put_shard(shard, states, record)


def _applicable(names: Sequence[str], setting: Setting, watcher: Watcher) -> dict[str, type[Metric]]:
    """The metrics asked for that this model and these images have."""
    metrics = {name: cast("type[Metric]", catalog.load("metric", catalog.METRICS, name)) for name in names}
    fitting = {name: metric for name, metric in metrics.items() if metric.applies(setting)}
    missing = [name for name in metrics if name not in fitting]
    if not fitting:
        raise DataError(f"nothing to measure: {', '.join(missing)} does not apply to this model and these images.")
    if missing:
        watcher.tell(f"does not apply to this model and these images: {', '.join(missing)}")
    return fitting


def _opened(cache: Path, spec: Spec, facts: dict[str, Any], *, restart: bool) -> RunWriter:
    """The writer of the run; `restart` forgets what was measured before, and how."""
    writer = RunWriter(cache, spec, facts)
    if restart:
        writer.restart()
    return writer


def _finished(writer: RunWriter, name: str, metric: type[Metric], setting: Setting) -> bool:
    """Whether a result is there; a gallery that is smaller than the one asked for is not."""
    return writer.finished(name, metric.version) and (name != GALLERY or writer.facts["gallery"] >= setting.gallery)


def _settle(writer: RunWriter) -> None:
    """Tidy up after a start that was killed when its last result was written."""
    if writer.facts["finished"] is None:
        writer.update(finished=_now())
    writer.drop_shards()


def _as_before(resources: Resources, writer: RunWriter) -> Resources:
    """The batch size of the run's first start, unless another is asked for: sums depend on it in their last digits."""
    before = writer.facts["batch_size"]
    if resources.batch_size is not None or before is None:
        return resources
    return replace(resources, batch_size=before)


def _spec(request: Request, model: build.Loaded, images: ImageSet) -> Spec:
    return Spec(
        model=request.model,
        weights=model.weights,
        dataset=images.name,
        images=images.fingerprint,
        image_size=model.image_size,
        preprocess="short side, bicubic, centre crop",
        normalization=model.normalization,
        precision=cast("Precision", request.precision),
        protocol=cast("ProtocolName", request.protocol),
        shard_images=shard_size(len(images.records)),
    )


def shard_size(images: int) -> int:
    """Images in a shard: an eighth of the data set, so that little is lost when a run is killed; from 16 to 512.

    >>> [shard_size(images) for images in (6, 400, 5000)]
    [16, 50, 512]
    """
    return min(max(-(-images // 8), 16), SHARD_IMAGES)


def _facts(
    request: Request, model: build.Loaded, images: ImageSet, geometry: dict[str, Any], target: torch.device
) -> dict[str, Any]:
    """What run.json says besides the spec, at the first start."""
    packages = ("torch", "timm", "numpy", "pillow")
    return {
        "geometry": geometry,
        "classes": list(images.classes),
        "images": len(images.records),
        "used": 0,
        "skipped": [],
        "data": str(request.data),
        "checkpoint": model.checkpoint,
        "notes": list(model.notes),
        "versions": {"vitscope": __version__, "python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in packages},
        "device": devices.describe(target),
        "batch_size": None,
        "gallery": 0,
        "started": _now(),
        "finished": None,
        "seconds": 0.0,
        "passes": [],
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
