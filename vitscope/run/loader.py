"""Records → batches of crops, decoded by worker processes in a fixed order."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vitscope import catalog
from vitscope.batch import Images
from vitscope.data.pixels import Unreadable, decode
from vitscope.data.preprocess import Preprocess
from vitscope.data.records import ImageSet, Record
from vitscope.errors import ModelError
from vitscope.models import build
from vitscope.models.interrupt import deferred

PREPROCESSING = ("paper", "model")


@dataclass(frozen=True)
class Skipped:
    """A file that could not be read, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Loaded:
    """What came of a fixed slice of the records: the images (None if all were unreadable) and what was skipped."""

    shard: int
    size: int  # records in the slice
    images: Images | None
    skipped: tuple[Skipped, ...]
    seconds: float = 0.0  # that decoding took
    lost: frozenset[int] = frozenset()  # places of files that were there when they were listed, and were not handed out

    def pin_memory(self) -> Loaded:
        """The same in memory that a GPU reads by itself, while this process goes on; a loader calls it by this name."""
        if self.images is None:
            return self
        labels = None if self.images.labels is None else self.images.labels.pin_memory()
        return replace(self, images=replace(self.images, pixels=self.images.pixels.pin_memory(), labels=labels))


@dataclass(frozen=True)
class Slice:
    """The images of one forward pass, counted in the order of the pass; it never crosses the edge of a shard."""

    shard: int
    ranks: range


def slices(shards: Sequence[int], shard_images: int, images: int, batch_size: int) -> Iterator[Slice]:
    """The forward passes of some shards, in order."""
    for shard in shards:
        end = min((shard + 1) * shard_images, images)
        for start in range(shard * shard_images, end, batch_size):
            yield Slice(shard, range(start, min(start + batch_size, end)))


def load(
    records: Sequence[Record],
    todo: Sequence[Slice],
    size: tuple[int, int],
    *,
    preprocess: Preprocess,
    orient: bool,
    workers: int,
    pin: bool,
    order: np.ndarray | None = None,
) -> Iterator[Loaded]:
    """Decode and crop the images of every slice in `todo`, in order; `size` is (height, width) of the crop.

    `order` gives the place in `records` of each image of the pass; None: as they are listed.
    """
    order = np.arange(len(records)) if order is None else order
    dataset = _Crops(records, order, todo, size, preprocess, orient)
    with deferred():
        batches = iter(
            DataLoader(
                dataset,
                batch_size=None,
                num_workers=min(workers, len(todo)),
                pin_memory=pin,
                worker_init_fn=_quiet,
            )
        )
    yield from batches


def preprocess_of(asked: str, model: build.Loaded, images: ImageSet) -> Preprocess:
    """The steps to a crop: `asked` is "paper", the same for every model, or "model", as the model was evaluated.

    What timm says of an architecture does not hold for the models that vitscope ships, which are evaluated as in the
    paper. Raises ModelError for any other word, and for a model whose own way is none that is known here.
    """
    if asked not in PREPROCESSING:
        raise ModelError(f"no preprocessing is called {asked!r}: it is paper or model.")
    entry = catalog.MODELS.get(model.name)
    if asked == "paper" or (entry is not None and entry.file):
        return Preprocess(thumbnail=images.thumbnail)
    config = cast("dict[str, Any]", model.module.pretrained_cfg)
    mode, resampling = config.get("crop_mode") or "center", config.get("interpolation") or "bicubic"
    if mode not in {"center", "squash"} or resampling.upper() not in Image.Resampling.__members__:
        raise ModelError(
            f"{model.name} wants crops of the kind {mode} ({resampling}), which vitscope cannot make: use --preprocess "
            "paper."
        )
    share = float(config.get("crop_pct") or 1)
    return Preprocess(share, resampling, mode == "squash", images.thumbnail)


def default_workers(device: torch.device) -> int:
    """Processes that decode images: none beside a CPU that is busy with the model, else up to eight."""
    return 0 if device.type == "cpu" else min(os.cpu_count() or 1, 8)


def _quiet(_worker: int) -> None:
    """Ctrl-C is for the main process, which then ends its workers; what they say of that helps nobody.

    An exception of the data set itself reaches the main process all the same.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = lambda *_: None


class _Crops(Dataset):
    """A slice of records → their crops; one item is one forward pass."""

    def __init__(
        self,
        records: Sequence[Record],
        order: np.ndarray,
        todo: Sequence[Slice],
        size: tuple[int, int],
        preprocess: Preprocess,
        orient: bool,
    ) -> None:
        self.records, self.order, self.todo, self.size = records, order, todo, size
        self.preprocess, self.orient = preprocess, orient

    def __len__(self) -> int:
        return len(self.todo)

    def __getitem__(self, index: int) -> Loaded:
        slice_, began = self.todo[index], time.perf_counter()
        kept, pixels, skipped, lost = [], [], [], []
        for place in self.order[slice_.ranks.start : slice_.ranks.stop].tolist():
            record = self.records[place]
            try:
                image = decode(record.path, orient=self.orient)
                pixels.append(self.preprocess.apply(image, self.size, record.box))
                kept.append(place)
            except Unreadable as error:
                skipped.append(Skipped(record.name, str(error)))
                if error.lost and record.size:
                    lost.append(place)
        images, seconds = self._images(kept, pixels) if kept else None, time.perf_counter() - began
        return Loaded(slice_.shard, len(slice_.ranks), images, tuple(skipped), seconds, frozenset(lost))

    def _images(self, places: list[int], pixels: list[np.ndarray]) -> Images:
        records = [self.records[place] for place in places]
        labels = [record.label for record in records if record.label is not None]
        return Images(
            pixels=torch.from_numpy(np.stack(pixels)),
            labels=torch.tensor(labels) if len(labels) == len(records) else None,
            places=tuple(places),
        )
