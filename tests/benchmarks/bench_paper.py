"""The whole paper for one model on the embedded world: vitscope beside a loop in the manner of the paper's code.

    python -m tests.benchmarks.bench_paper [--model demo-fs] [--per-class 5] [--folder DIR]
                                           [--only PART …] [--clock wall|cpu]

How (attention), What (CKA, residual branches, clusters, objects, parts) and Why (k-NN, retrieval, videos, keypoints),
on the parts of the world that `vitscope demo` evaluates, with --per-class images of each class for How and What. Both
sides do all of it, nothing is extrapolated. Images through the model are counted by a hook on its patch embedding. The
loop (tests/benchmarks/paper_loop.py) scores tasks with vitscope's own functions, which are the faster ones: what is
compared is how often the model runs, and what is made of its output. The last column is the largest difference between
the numbers of both: distance and AAAM, or the task's number of every layer.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from timm.layers import PatchEmbed
from torch import Tensor, nn

from tests.benchmarks import paper_loop as loop
from tests.benchmarks.bench_memory import Silent
from tests.benchmarks.machine import CLOCKS, described
from tests.benchmarks.peers import unfused
from tests.benchmarks.tables import markdown
from tests.tasks import backbones
from vitscope import catalog
from vitscope.data.images import read
from vitscope.data.records import ImageSet
from vitscope.demo import tour
from vitscope.derive.aligned import aligned
from vitscope.models.backbone import Backbone
from vitscope.run import loader
from vitscope.run.evaluate import evaluate, options_of
from vitscope.run.extract import extract
from vitscope.run.plan import BATCH
from vitscope.run.request import Request, TaskRequest
from vitscope.spec import Resources
from vitscope.store.reader import load_run
from vitscope.tasks import Asked
from vitscope.tasks.clustering import kmeans, scores

KNN_BATCH, CKA_BATCH, PAIR = 256, 8, 2  # as the paper's code has them
SWEPT = {"knn": "accuracy", "retrieval": "map-medium", "davis": "jf", "spair": "pck"}  # a run of the model a layer
HOW = "how and what"
Numbers = dict[str, np.ndarray]


@dataclass
class Cost:
    """What a part cost: images through the model, seconds, and the numbers it gave."""

    images: int
    seconds: float
    numbers: Numbers = field(default_factory=dict)


class OneLayer(Backbone):
    """A model that runs as a whole and gives one layer, as `--blk b` of the paper's code does."""

    def __init__(self, model: Backbone, layer: int) -> None:
        super().__init__(model.model, model.geometry, model.device, model.dtype, model.batch_size)
        self._layer = layer

    @property
    def layers(self) -> int:
        return 1

    def run(self, pixels_BHWC: Tensor, *, on_attention=None, on_features=None, **chunk) -> None:
        def one(layer: int, tokens_BTD: Tensor) -> None:
            if layer == self._layer and on_features is not None:
                on_features(0, tokens_BTD)

        super().run(pixels_BHWC, on_attention=on_attention, on_features=one, **chunk)


@dataclass
class InMemory:
    """The vectors of one layer of a set of images."""

    values: np.ndarray
    places: np.ndarray
    layers: int = 1

    @property
    def width(self) -> int:
        return self.values.shape[1]

    def read(self, layer: int, tokens: str, start: int, stop: int) -> np.ndarray:
        return self.values[start:stop]


class Counter:
    """Counts the images that go through any model's patch embedding."""

    def __init__(self) -> None:
        self.images = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        def see(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if isinstance(module, PatchEmbed):
                self.images += len(inputs[0])

        handle = torch.nn.modules.module.register_module_forward_pre_hook(see)
        try:
            yield
        finally:
            handle.remove()


def measured(work: Callable[[], Numbers], clock: Callable[[], float]) -> Cost:
    """What a part costs."""
    counter = Counter()
    with counter.counting():
        began = clock()
        numbers = work()
        seconds = clock() - began
    return Cost(counter.images, seconds, numbers)


class Ours:
    """The paper by vitscope: one extraction, and evaluations that take from it what they can."""

    def __init__(self, model: str, world: Path, images: ImageSet, cache: Path) -> None:
        self.model, self.world, self.images, self.cache = model, world, images, cache

    def how_and_what(self) -> Numbers:
        """Attention, CKA, residual branches: every metric in one pass."""
        request = Request(model=self.model, data=self.images.root, metrics=tuple(catalog.METRICS))
        report = extract(request, Resources(), self.cache, Silent(), self.images)
        run = load_run(report.folder)
        mean = run.array("spatial-attention")
        return {"distance": run.array("distance"), "aligned": aligned(mean, run.geometry)}

    def task(self, name: str, per_class: int) -> Numbers:
        """One evaluation of all layers."""
        asked = {**tour.SUBSETS[name][1], **({"per_class": per_class} if name == "clusters" else {})}
        request = TaskRequest(task=name, model=self.model, data=tour.data_for(name, self.world), **asked)
        report = evaluate(request, Resources(), self.cache, Silent())
        return {"score": load_run(report.folder).array(name, catalog.load("task", catalog.TASKS, name).best[0])}


class Theirs:
    """The paper in the manner of its code."""

    def __init__(self, model: str, world: Path, images: ImageSet) -> None:
        self.backbone, self.world, self.images = backbones.named(model, batch_size=BATCH["cpu"]), world, images
        self.module = self.backbone.model.module
        self.attending = backbones.named(model).model.module
        unfused(self.attending)
        self.side = self.backbone.geometry.rows
        self.pixels = self._pixels(images)

    def _pixels(self, images: ImageSet) -> Tensor:
        """The crops of all images, normalised, in the order of the data set."""
        todo = [loader.Slice(0, range(len(images.records)))]
        preprocess = loader.preprocess_of("paper", self.backbone.model, images)
        loaded = next(loader.load(images.records, todo, self.backbone.window, preprocess=preprocess, orient=True,
                                  workers=0, pin=False))  # fmt: skip
        assert loaded.images is not None
        return self.backbone.normalised(loaded.images.pixels)

    def how_and_what(self) -> Numbers:
        """Attention; CKA of the last layer for three choices of tokens, of all layers, and of both branches; norms."""
        distance, average = loop.AttentionDistance(self.backbone.model), loop.Aligned(self.side)
        metrics = [loop.Deviations(), distance, loop.AverageOnTokens(), average]
        for pixels in self.pixels.split(PAIR):
            whole_BLHTT = loop.stacked_attention(self.attending, pixels)
            for metric in metrics:
                metric.add(whole_BLHTT)
        self._cka()
        return {"distance": distance.result().numpy(), "aligned": average.result().numpy()}

    def _cka(self) -> None:
        batches = [batch for batch in self.pixels.split(CKA_BATCH) if len(batch) >= 4]
        last = loop.taps(self.module, lambda module: [module.blocks[-1]])
        norms = loop.taps(
            self.module, lambda module: [norm for one in module.blocks for norm in (one.norm1, one.norm2)]
        )
        for tokens in loop.TOKENS.values():
            loop.cka(batches, last, last, tokens)
        loop.cka(batches, norms, norms, loop.TOKENS["all"])
        for branch in ("attn", "mlp"):
            run = loop.streams(self.module, branch)
            loop.cka(batches, lambda x, run=run: run(x)[0], lambda x, run=run: run(x)[1], loop.TOKENS["all"])
            for pixels in batches:  # ratios of norms: both hook sets fire in two passes
                skips, branches = run(pixels)[0], run(pixels)[1]
                for skip, part in zip(skips, branches, strict=True):
                    for tokens in loop.TOKENS.values():
                        (tokens(skip).norm(dim=1) / tokens(part).norm(dim=1)).mean().item()

    def task(self, name: str, per_class: int) -> Numbers:
        """A task of all layers: a run of the model for each, or one for all where the paper's code has one."""
        if name == "clusters":
            return {"score": self._clusters()}
        if name in SWEPT:
            backbone, layers = self.backbone, range(self.backbone.layers)
            return {"score": np.concatenate([self._evaluate(name, OneLayer(backbone, layer)) for layer in layers])}
        return {"score": self._evaluate(name, self.backbone)}

    def _evaluate(self, name: str, model: Backbone) -> np.ndarray:
        """The score of every layer that the model gives."""
        kind = catalog.load("task", catalog.TASKS, name)
        asked = dict(tour.SUBSETS[name][1])
        options = options_of(name, kind, asked.pop("options", {}))
        task = kind(Asked(root=tour.data_for(name, self.world), options=options, **asked))
        if hasattr(task, "units"):
            states = [task.measure(unit, model).state for unit in range(len(task.units))]
            return task.compute(states).arrays[kind.best[0]].values
        vectors = {name: self._cls(images, model) for name, images in task.sets.items()}
        return task.compute(vectors, Silent()).arrays[kind.best[0]].values

    def _cls(self, images: ImageSet, model: Backbone) -> InMemory:
        """CLS of one layer of all images of a set."""
        count = len(images.records)
        todo = list(loader.slices([0], count, count, KNN_BATCH))
        preprocess = loader.preprocess_of("paper", self.backbone.model, images)
        rows: list[Tensor] = []
        for loaded in loader.load(images.records, todo, model.window, preprocess=preprocess, orient=True, workers=0,
                                  pin=False):  # fmt: skip
            assert loaded.images is not None
            model.run(loaded.images.pixels, on_features=lambda _, tokens_BTD: rows.append(tokens_BTD[:, 0].half()))
        return InMemory(torch.cat(rows).numpy(), np.arange(count))

    def _clusters(self) -> np.ndarray:
        """Purity of every layer by CLS; the patches' is computed too, from a pass of its own."""
        labels = np.array([record.label for record in self.images.records])
        blocks = loop.taps(self.module, lambda module: module.blocks)
        found = []
        for kind in ("cls", "spat"):
            rows = np.concatenate(list(loop.vectors(self.pixels.split(CKA_BATCH), blocks, kind)))
            rows = rows.astype(np.float16)  # as vitscope keeps them, so that clusters can be the same
            found.append(
                [scores(labels, kmeans(rows[:, layer], len(set(labels)), 0))[0] for layer in range(rows.shape[1])]
            )
        return np.array(found[0])


def main() -> None:
    """Print a table, a row for each part of the paper."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="demo-fs")
    parser.add_argument("--per-class", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the world is drawn, unless it is there")
    parser.add_argument("--only", nargs="*", choices=[HOW, *tour.SUBSETS])
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    print(described())
    with tempfile.TemporaryDirectory() as folder:
        world = options.folder or Path(folder)
        for name in tour.SUBSETS:
            tour.data_for(name, world)
        images = read(tour.draw(world), per_class=options.per_class)
        print(f"{options.model}, {len(images.records)} images for how and what\n")
        ours = Ours(options.model, world, images, Path(folder) / "cache")
        theirs = Theirs(options.model, world, images)
        wanted = options.only or [HOW, *tour.SUBSETS]
        header = ("part", "images through the model", "the loop's", "ratio", "seconds", "the loop's", "ratio", "apart")
        markdown(header, _rows(ours, theirs, wanted, options.per_class, CLOCKS[options.clock]))


def _rows(
    ours: Ours, theirs: Theirs, wanted: list[str], per_class: int, clock: Callable[[], float]
) -> Iterator[list[object]]:
    """A row for each part, as it is measured, and one for all of them."""
    totals = (Cost(0, 0), Cost(0, 0))
    for name in wanted:
        pair = []
        for side, total in zip((ours, theirs), totals, strict=True):
            work = side.how_and_what if name == HOW else partial(side.task, name, per_class)
            pair.append(measured(work, clock))
            total.images += pair[-1].images
            total.seconds += pair[-1].seconds
        yield _row(name, *pair)
    yield _row("the whole paper" if len(wanted) > len(tour.SUBSETS) else "all of these", *totals)


def _row(name: str, ours: Cost, theirs: Cost) -> list[object]:
    apart = [np.abs(ours.numbers[key] - theirs.numbers[key]).max() for key in ours.numbers]
    times = "–" if not ours.images else f"{theirs.images / ours.images:.1f}"
    return [name, f"{ours.images:,}", f"{theirs.images:,}", times, f"{ours.seconds:.1f}", f"{theirs.seconds:.1f}",
            f"{theirs.seconds / ours.seconds:.1f}", f"{max(apart):.1g}" if apart else "–"]  # fmt: skip


if __name__ == "__main__":
    main()
