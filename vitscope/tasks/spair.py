"""SPair-71k: keypoints found again in another picture of the same kind of thing (paper section 6.2, Fig. 10 right)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from vitscope.data import spair as reader
from vitscope.data.files import digest
from vitscope.data.pixels import Unreadable, decode
from vitscope.data.spair import Pair, Side
from vitscope.errors import DataError, TaskError
from vitscope.models.backbone import Backbone
from vitscope.tasks import Array, Asked, Measured, Option, Outcome, State
from vitscope.tasks.matching import ALPHAS, Grid, canvas, correct, likeness, placed
from vitscope.tasks.tokens import unit_length

PAIRS = 20  # of a category, in the paper
SEED = 42


def drawn(category: str, pairs: Sequence[Pair], count: int) -> list[Pair]:
    """`count` pairs of a category, drawn with replacement; 0: all, in order.

    The draw depends on the category and its pairs alone, not on what else there is (in the paper's code it depends
    on the order of folders as well). NumPy promises that this generator never changes.
    """
    if not count:
        return list(pairs)
    random = np.random.RandomState([SEED, *category.encode()])
    return [pairs[place] for place in random.randint(0, len(pairs), count)]


def limited(pairs: Mapping[str, list[Pair]], limit: int | None) -> dict[str, list[Pair]]:
    """At most `limit` pairs in all: the first of every category, then the second of every one, and so on."""
    turns = (
        (category, pair)
        for turn in zip_longest(*pairs.values())
        for category, pair in zip(pairs, turn, strict=True)
        if pair is not None
    )
    kept: dict[str, list[Pair]] = {}
    for category, pair in islice(turns, limit):
        kept.setdefault(category, []).append(pair)
    return kept


def tally(hits: Sequence[np.ndarray], layers: int) -> State:
    """The sums of some pairs of one category, from which points are right: bool (alpha, layer, point) a pair.

    `right` (layer, alpha) counts points, `shares` (layer, alpha) sums each pair's share of right points.
    """
    shape = (layers, len(ALPHAS))
    return {
        "right": sum((one.sum(-1).T for one in hits), np.zeros(shape, np.int64)),
        "shares": sum((one.mean(-1).T for one in hits), np.zeros(shape)),
        "points": np.array(sum(one.shape[-1] for one in hits)),
        "pairs": np.array(len(hits)),
    }


def pck(states: Sequence[State], *, over_categories: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PCK per point and per image, (layer, alpha), and per point of each category, (layer, alpha, category).

    Over all points and all pairs, as the official evaluations have it; or `over_categories`: the plain mean of the
    categories' own, as the paper has it. Every state is a category with at least one pair.
    """
    right, shares = (np.stack([state[name] for state in states], -1) for name in ("right", "shares"))
    points, pairs = (np.array([int(state[name]) for state in states]) for name in ("points", "pairs"))
    category = right / points
    if over_categories:
        return category.mean(-1), (shares / pairs).mean(-1), category
    return right.sum(-1) / points.sum(), shares.sum(-1) / pairs.sum(), category


class SPair:
    """PCK of every layer; a unit is a category, and each of its images goes through the model once.

    While a category runs, the tokens of its images are kept in float16: 2·L·P·D bytes an image, which for B/16 and the
    hundred images of the full test split is 360 MB, and at most forty images (145 MB) for twenty pairs.
    """

    version: ClassVar[int] = 1
    best: ClassVar[tuple[str, str]] = ("pck", "max")
    options: ClassVar[Mapping[str, Option]] = {
        "pairs": Option(PAIRS, "pairs of a category, drawn with replacement; 0: all"),
        "split": Option("test", "which pairs", ("test", "val", "trn")),
    }

    def __init__(self, asked: Asked) -> None:
        """Read the pairs and draw from them; raises DataError: what is missing; TaskError: a count without sense."""
        count, split = int(asked.options.get("pairs", PAIRS)), str(asked.options.get("split", "test"))
        if count < 0:
            raise TaskError(f"--pairs {count} is no number of pairs: it must be at least 1, or 0 for all.")
        if asked.limit is not None and asked.limit < 1:
            raise TaskError(f"--limit {asked.limit} keeps no pair: it must be at least 1.")
        data = reader.read(asked.root, split)
        of: dict[str, list[Pair]] = {category: [] for category in data.categories}
        for pair in data.pairs:
            of[pair.category].append(pair)
        chosen = {category: drawn(category, pairs, count)[: asked.per_class] for category, pairs in of.items()}
        self._pairs = limited(chosen, asked.limit)
        self._paper = asked.protocol == "paper"
        self.units: Sequence[str] = list(self._pairs)
        self.dataset, self.notes = data.name, data.notes
        self.fingerprint = digest([data.fingerprint, [[pair.name for pair in pairs] for pairs in self._pairs.values()]])
        self.settings: dict[str, Any] = {
            "split": split, "pairs": count, "seed": SEED if count else 0,
            "found": "largest pixel of enlarged similarities" if self._paper else "middle of the most similar patch",
            "right": "nearer than the limit" if self._paper else "at most as far as the limit",
            "mean": "over categories" if self._paper else "over all points or pairs",
        }  # fmt: skip

    def measure(self, unit: int, model: Backbone) -> Measured:
        """The `tally` of a category. A pair with a photograph that cannot be used is left out."""
        pairs = self._pairs[self.units[unit]]
        sides = {side.path: side for pair in pairs for side in (pair.source, pair.target)}
        tokens, skipped = _tokens(list(sides.values()), model)
        grid = Grid(model.geometry.rows, model.geometry.columns, model.geometry.patch)
        hits = [
            self._hits(pair, tokens[pair.source.path], tokens[pair.target.path], grid, model.window)
            for pair in pairs
            if pair.source.path in tokens and pair.target.path in tokens
        ]
        return Measured(tally(hits, model.layers), skipped)

    def _hits(self, pair: Pair, source: Tensor, target: Tensor, grid: Grid, window: tuple[int, int]) -> np.ndarray:
        """bool (alpha, layer, point): which points of the target are found from those of the source."""
        here, there = (placed(side.width, side.height, window) for side in (pair.source, pair.target))
        maps = likeness(source, target, grid.weights(here.points(np.array(pair.source.points))))
        found = grid.best_pixels(maps) if self._paper else grid.best_tokens(maps)
        left, top, right, bottom = pair.target.box
        extent = max(right - left, bottom - top) * there.scale
        return correct(found, there.points(np.array(pair.target.points)), extent, strict=self._paper)

    def compute(self, states: Iterable[State]) -> Outcome:
        """`pck-point`, `pck-image` (layer, alpha), `pck-category` (layer, alpha, category), `pck` (layer,): at 0.1.

        Raises DataError if no pair could be used.
        """
        used = [(unit, state) for unit, state in zip(self.units, states, strict=True) if int(state["pairs"])]
        if not used:
            raise DataError("none of the pairs could be used: see the files that were skipped.")
        points, pairs, category = pck([state for _, state in used], over_categories=self._paper)
        arrays = {
            "pck": Array(points[:, 0], ("layer",), "1"),
            "pck-point": Array(points, ("layer", "alpha"), "1"),
            "pck-image": Array(pairs, ("layer", "alpha"), "1"),
            "pck-category": Array(category, ("layer", "alpha", "category"), "1"),
        }
        coords = {"alpha": [str(alpha) for alpha in ALPHAS], "category": [unit for unit, _ in used]}
        return Outcome(arrays, sum(int(state["pairs"]) for _, state in used), coords)


def _tokens(sides: Sequence[Side], model: Backbone) -> tuple[dict[Path, Tensor], tuple[tuple[str, str], ...]]:
    """The tokens of photographs by path, float16 (layer, patch, D) of unit length, and which cannot be used."""
    found: dict[Path, Tensor] = {}
    skipped: list[tuple[str, str]] = []
    for start in range(0, len(sides), model.batch_size):
        seen: dict[Path, Tensor] = {}
        for side in sides[start : start + model.batch_size]:
            try:
                with model.timed("decode"):
                    seen[side.path] = torch.from_numpy(_canvas(side, model.window))
            except Unreadable as error:
                skipped.append((side.name, error.reason))
        if seen:
            found |= zip(seen, _layers(torch.stack(list(seen.values())), model), strict=True)
    return found, tuple(skipped)


def _layers(pixels: Tensor, model: Backbone) -> Tensor:
    """float16 (B, layer, patch, D) of images that go through the model together."""
    layers: list[Tensor] = []
    prefix = len(model.geometry.prefix)
    model.run(pixels, on_features=lambda _, tokens_BTD: layers.append(unit_length(tokens_BTD[:, prefix:])))
    return torch.stack(layers, 1)


def _canvas(side: Side, window: tuple[int, int]) -> np.ndarray:
    """What the model sees of a photograph; raises Unreadable, also where its size is not what its keypoints are for."""
    picture = decode(side.path, orient=False)
    if picture.size != (side.width, side.height):
        raise Unreadable(
            f"{picture.width} × {picture.height} pixels, but its keypoints are for {side.width} × {side.height}"
        )
    return canvas(picture, window)
