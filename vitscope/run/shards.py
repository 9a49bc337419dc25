"""The shards of a run: which of them are owed, how they are measured, and what becomes of them."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vitscope import __version__
from vitscope.data import presence
from vitscope.data.preprocess import Preprocess
from vitscope.data.records import ImageSet
from vitscope.errors import DamagedError, DataError, out_of_memory
from vitscope.metrics import Metric, Setting
from vitscope.models import build
from vitscope.run import device as devices
from vitscope.run import loader, order
from vitscope.run.fold import fold
from vitscope.run.measure import Pass
from vitscope.run.plan import Plan, halved, least
from vitscope.run.request import Watcher
from vitscope.run.share import Share
from vitscope.run.stages import Stopwatch, summed
from vitscope.spec import Resources, Spec
from vitscope.store.layout import split_key
from vitscope.store.writer import Measured, RunWriter

GALLERY = "gallery"  # the one metric whose size is asked for
SAMPLE = 8  # images that are looked at where others were lost


@dataclass(frozen=True)
class Work:
    """The shards that one start of an extraction owes, and everything needed to measure them."""

    writer: RunWriter
    images: ImageSet
    metrics: dict[str, type[Metric]]
    model: build.Loaded
    setting: Setting
    plan: Plan
    spec: Spec
    preprocess: Preprocess
    records: list[dict[str, Any]] = field(default_factory=list)  # of the shards that this process has measured
    unrecorded: list[Stopwatch] = field(default_factory=list)  # time spent after the last of them

    @cached_property
    def order(self) -> np.ndarray:
        """The place in the data set of each image, in the order of the pass."""
        return order.places(self.spec.order, len(self.images.records))

    @property
    def shards(self) -> range:
        return max((self._shards_of(name) for name in self.metrics), key=len)

    def measure(self, resources: Resources, watcher: Watcher, share: Share) -> None:
        """Run the model over every open shard of `share`; each is committed when its last image is summed."""
        shards = [shard for shard in self.shards if shard in share]
        total = sum(map(self._size, shards))
        owed = {shard: names for shard in shards if (names := self._owed(shard))}
        done = total - sum(self._size(shard) for shard in owed)
        if done > 0 and owed:
            watcher.tell(f"going on: {len(shards) - len(owed)} of {len(shards)} shards were finished before")
        watcher.progress(done, total)
        workers = loader.default_workers(self.setting.device) if resources.workers is None else resources.workers
        planned = self.plan
        while owed and not self._fits(owed, planned, workers, lambda open_: watcher.progress(total - open_, total)):
            smaller = halved(planned, self.metrics.values(), self.setting)
            watcher.warn(devices.too_small(self.setting.device, planned.batch_size, smaller.batch_size))
            planned = smaller

    def _fits(self, owed: dict[int, list[str]], planned: Plan, workers: int, progress: Callable[[int], None]) -> bool:
        """Measure all shards of `owed`, which is emptied; False where memory is short and batches can be smaller."""
        try:
            self._through(owed, planned, workers, progress)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error) or planned.batch_size == least(self.metrics.values(), self.setting):
                raise
        else:
            return True
        devices.release(self.setting.device)  # now that the error, and what it holds, is gone
        return False

    def _through(
        self, owed: dict[int, list[str]], planned: Plan, workers: int, progress: Callable[[int], None]
    ) -> None:
        """The shards of `owed`, in order; each leaves it when it is committed. `progress` is told the images left."""
        images = len(self.images.records)
        todo = list(loader.slices(list(owed), self.spec.shard_images, images, planned.batch_size))
        left = sum(slice_.ranks.stop - slice_.ranks.start for slice_ in todo)
        watch, decoders = Stopwatch(self.setting.device), min(workers, len(todo))
        loaded = loader.load(
            self.images.records,
            todo,
            self.model.image_size,
            preprocess=self.preprocess,
            orient=self.spec.protocol != "paper",
            workers=decoders,
            pin=self.setting.device.type == "cuda",
            order=self.order,
        )
        current: Pass | None = None
        for slice_, batch in zip(todo, loaded, strict=True):
            watch.add("decode", batch.seconds)
            if current is None:
                setting = replace(self.setting, places=self._places(slice_.shard))
                metrics = {name: self.metrics[name] for name in owed[slice_.shard]}
                current = Pass(metrics, self.model, setting, planned, watch)
            current.run(batch)
            left -= batch.size
            if slice_.ranks.stop == min((slice_.shard + 1) * self.spec.shard_images, images):
                watch = self._commit(slice_.shard, current, watch, decoders)
                del owed[slice_.shard]
                current = None
            progress(left)
        self.unrecorded.append(watch)

    def missing(self) -> list[int]:
        """The shards, of any share, of which something is not committed."""
        return [shard for shard in self.shards if self._lacking(shard)]

    def costs(self) -> dict[str, Any]:
        """What this process has spent on its shards, as `passes` in run.json says it of all; {} if it measured none."""
        return self._costs(self.records, 0.0) if self.records else {}

    def fold(self, seconds: float) -> None:
        """Merge the shards of every metric, then forget them."""
        records = [self.writer.kept_record(shard) for shard in self.shards]
        skipped = self._as_listed([file for record in records for file in record["skipped"]])
        seen = sum(record["images"] for record in records)
        used = seen - len(skipped)
        if used == 0 and seen == len(self.images.records):
            self.writer.drop_shards()  # what could not be read may be readable next time
            raise DataError(
                f"none of the {seen} images in {self.images.root} could be read; "
                f"the first: {skipped[0]['file']}: {skipped[0]['reason']}."
            )
        if seen == len(self.images.records) or not self.writer.facts["used"]:
            self.writer.update(used=used, skipped=skipped)  # before the results, which are then owed no more
        began = time.perf_counter()
        for name, metric in self.metrics.items():
            fold(self.writer, name, metric, self._shards_of(name), self.images, self.setting)
        done = {
            "metrics": list(self.metrics),
            "images": used,
            "seconds": round(seconds, 3),
            "finished": now(),
            "batch_size": self.plan.batch_size,
            **self._costs(records, time.perf_counter() - began),
            "device": devices.describe(self.setting.device),
            "versions": versions(),
        }
        before = self.writer.facts
        self.writer.update(
            finished=done["finished"],
            seconds=round(before["seconds"] + seconds, 3),
            gallery=len(self.setting.gallery) if GALLERY in self.metrics else before["gallery"],
            passes=[*before["passes"], done],
        )
        tidy(self.writer, len(self.images.records), self.spec)

    def _sample(self, lost: frozenset[int]) -> list[Path]:
        """A few images from all over the data set that were there when it was listed, none of them in `lost`."""
        there = [record for place, record in enumerate(self.images.records) if record.size and place not in lost]
        return [record.path for record in there[:: max(len(there) // SAMPLE, 1)][:SAMPLE]]

    def _size(self, shard: int) -> int:
        return len(self._places(shard))

    def _places(self, shard: int) -> tuple[int, ...]:
        start = shard * self.spec.shard_images
        return tuple(self.order[start : start + self.spec.shard_images].tolist())

    def _as_listed(self, skipped: list[dict[str, str]]) -> list[dict[str, str]]:
        """Files in the order of the data set."""
        names = {file["file"] for file in skipped}
        place = {record.name: place for place, record in enumerate(self.images.records) if record.name in names}
        return sorted(skipped, key=lambda file: place[file["file"]])

    def _shards_of(self, name: str) -> range:
        """The shards that a metric is summed over; those of the gallery are the ones that hold its images."""
        images = len(self.setting.gallery if name == GALLERY else self.images.records)
        return range(-(-images // self.spec.shard_images))

    def _owed(self, shard: int) -> list[str]:
        """The metrics that this shard still lacks, or whose state is damaged."""
        lacking = self._lacking(shard)
        committed = [name for name in self.metrics if shard in self._shards_of(name) and name not in lacking]
        damaged = {name for name in committed if not self._intact(shard, self._key(name))}
        return [name for name in self.metrics if name in damaged or name in lacking]

    def _lacking(self, shard: int) -> set[str]:
        """The metrics that this shard still lacks, or has for a gallery of another size."""
        committed = self.writer.shard_metrics(shard)
        other_gallery = self._gallery(shard) != len(self.setting.gallery)
        return {
            name
            for name in self.metrics
            if shard in self._shards_of(name)
            and (self._key(name) not in committed or (name == GALLERY and other_gallery))
        }

    def _gallery(self, shard: int) -> int:
        """The size of the gallery when it was measured in this shard."""
        record = self.writer.shard_record(shard)
        return 0 if record is None else record["gallery"]

    def _intact(self, shard: int, key: str) -> bool:
        try:
            self.writer.shard_state(shard, key)
            self.writer.check_rows(shard, key)
        except DamagedError:
            return False
        return True

    def _key(self, name: str) -> str:
        return f"{name}@{self.metrics[name].version}"

    def _costs(self, records: list[dict[str, Any]], folding: float) -> dict[str, Any]:
        """How the shards were measured, for run.json: seconds by stage, and where batches had to be smaller."""
        stages = summed([*(record["stages"] for record in records), *(watch.read(0) for watch in self.unrecorded)])
        stages["write"] = round(stages["write"] + folding, 3)
        sizes: dict[int, list[int]] = {}
        for shard, record in enumerate(records):
            sizes.setdefault(record["batch_size"], []).append(shard + 1)
        smaller = {str(size): shards for size, shards in sizes.items() if size < self.plan.batch_size}
        return {
            "stages": stages,
            "decoders": max(record["decoders"] for record in records),
            **({"shards_in_smaller_batches": smaller} if smaller else {}),
        }

    def _commit(self, shard: int, current: Pass, watch: Stopwatch, decoders: int) -> Stopwatch:
        """Write what a shard summed, and begin to measure the time of the next one, to which the writing is counted.

        Raises DataError where images of it were lost since they were listed, and those of other places are lost, too.
        """
        if current.lost:
            presence.check(self.images.root, self._sample(current.lost))
        states = {self._key(name): state for name, state in current.states().items()}
        rows = {}
        for name, metric in self.metrics.items():
            streamed = getattr(metric.adds, "streamed", None)
            if streamed is not None and self._key(name) in states:
                values = states[self._key(name)].pop(streamed)
                rows[self._key(name)] = {streamed: Measured(values, metric.dims[streamed], metric.unit)}
        skipped = [asdict(file) for file in current.skipped]
        gallery = len(self.setting.gallery) if GALLERY in current.metrics else self._gallery(shard)
        record = {
            "images": self._size(shard),
            "skipped": skipped,
            "gallery": gallery,
            "batch_size": current.plan.batch_size,
            "decoders": decoders,
            "stages": summed([watch.read(decoders)]),
        }
        following, began = Stopwatch(self.setting.device), time.perf_counter()
        self.writer.put_shard(shard, states, record, rows)
        self.records.append(record)
        following.add("write", time.perf_counter() - began)
        return following


def tidy(writer: RunWriter, images: int, spec: Spec) -> None:
    """Forget the shards, unless an earlier start left some of a metric that is not finished yet."""
    keys = {key for shard in range(-(-images // spec.shard_images)) for key in writer.shard_metrics(shard)}
    if all(writer.finished(*parts) for key in keys if (parts := split_key(key))):
        writer.drop_shards()


def versions() -> dict[str, str]:
    """What computes, and in which version."""
    packages = ("torch", "timm", "numpy", "pillow")
    return {"vitscope": __version__, "python": platform.python_version()} | {
        package: importlib.metadata.version(package) for package in packages
    }


def now() -> str:
    """The time in UTC, to the second, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
