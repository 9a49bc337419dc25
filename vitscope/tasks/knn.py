"""k-NN classification: every image of val by the votes of its nearest images of train (paper section 6.1).

Features are the tokens of a block's output before the final norm, as in the paper's code; DINO's own evaluation takes
them after it. Both protocols compute the same first place. Among the first five, `corrected` counts only classes that
have a neighbour; `paper` fills up with classes without any, in their order, as the paper's code does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from vitscope.data import files, imagenet
from vitscope.data.records import ImageSet
from vitscope.errors import DataError, TaskError
from vitscope.tasks import Array, Asked, Option, Outcome, VectorsOfSet
from vitscope.tasks.labelled import evenly, labels_in, meet
from vitscope.tasks.votes import Ballot, usable

PAPER_K = 20
KS = (10, PAPER_K, 100, 200)


class Knn:
    """Weighted k-NN of all layers; a task of `Vectors` over the sets "gallery" (train) and "queries" (val)."""

    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Option]] = {
        "k": Option(KS, "how many neighbours vote"),
        "temperature": Option(0.07, "a neighbour at similarity s votes with weight exp(s / temperature)"),
        "tokens": Option("cls", "the CLS token, or the mean over all patches", ("cls", "spatial")),
    }
    best: ClassVar[tuple[str, str]] = ("accuracy", "max")

    def __init__(self, asked: Asked) -> None:
        """Read the tree and choose k. DataError: no class folders, fewer than two classes, classes that do not meet."""
        given = {name: asked.options.get(name, option.default) for name, option in self.options.items()}
        if not given["temperature"] > 0:
            raise TaskError(f"--temperature {given['temperature']}: a number above 0 is needed, such as 0.07.")
        gallery = evenly(imagenet.read(asked.root, split="train", per_class=asked.per_class), asked.limit)
        queries = imagenet.read(asked.root, split="val", per_class=asked.per_class)
        queries, left_out = meet(gallery, queries)
        self.sets: Mapping[str, ImageSet] = {"gallery": gallery, "queries": evenly(queries, asked.limit)}
        ks, too_large = usable(given["k"], len(gallery.records))
        self.notes = (*gallery.notes, *queries.notes, *left_out, *too_large)
        self.dataset = asked.root.resolve().name
        self.fingerprint = files.digest(images.fingerprint for images in self.sets.values())
        self.settings: dict[str, Any] = {
            "gallery": "train", "queries": "val", "features": "block output before the final norm",
            "tokens": given["tokens"], "k": list(ks), "temperature": given["temperature"],
        }  # fmt: skip
        self._device, self._empty = torch.device(asked.device), asked.protocol == "paper"

    def compute(self, vectors: Mapping[str, VectorsOfSet], watcher: Any) -> Outcome:
        """`top1` and `top5` (layer, k), `accuracy` (layer,): top-1 at k = 20, or at the nearest k to it.

        Raises DataError when too few images of the gallery could be read, ModelError for features that are not finite.
        """
        ballot, notes = self._ballot(vectors["gallery"], vectors["queries"])
        layers, done = vectors["gallery"].layers, 0

        def tell(rows: int) -> None:
            nonlocal done
            done += rows
            watcher.progress(done, layers * ballot.steps)

        count = int(ballot.asked.sum())
        right = np.stack([ballot.layer(layer, tell) for layer in range(layers)]).astype(np.float64) / count
        right = right.astype(np.float32)
        main = min(range(len(ballot.ks)), key=lambda place: abs(ballot.ks[place] - PAPER_K))
        if ballot.ks[main] != PAPER_K:
            notes += (f"a layer's accuracy is that at k = {ballot.ks[main]}: {PAPER_K} was not computed",)
        arrays = {
            "accuracy": Array(right[:, main, 0], ("layer",), "1"),
            "top1": Array(right[:, :, 0], ("layer", "k"), "1"),
            "top5": Array(right[:, :, 1], ("layer", "k"), "1"),
        }
        return Outcome(arrays, count, {"k": [str(k) for k in ballot.ks]}, notes)

    def _ballot(self, gallery: VectorsOfSet, queries: VectorsOfSet) -> tuple[Ballot, tuple[str, ...]]:
        """What could be read of the two sets, and what is to be said of the rest."""
        classes = self.sets["gallery"].classes
        gallery_labels = labels_in(self.sets["gallery"], classes)[gallery.places]
        query_labels = labels_in(self.sets["queries"], classes)[queries.places]
        asked = np.isin(query_labels, gallery_labels)
        if not asked.any():
            raise DataError("k-NN: no image of val could be read whose class has an image in train that could be read.")
        ks, notes = usable(self.settings["k"], len(gallery_labels))
        if lost := int((~asked).sum()):
            notes += (f"{lost} images of val are left out: no image of their class in train could be read",)
        settings, empty = self.settings, self._empty
        ballot = Ballot(
            gallery, queries, gallery_labels, query_labels, asked, ks, settings["temperature"], settings["tokens"],
            empty, self._device,
        )  # fmt: skip
        return ballot, notes
