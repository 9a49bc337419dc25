"""Image-level clustering: how well k-means on the features of a layer finds the classes (paper section 5.2, Fig. 7).

Features are the CLS token, or the mean over the patches, of a block's output, before the final norm as in the paper's
code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from vitscope import catalog
from vitscope.data.recognise import kind_of
from vitscope.data.records import ImageSet
from vitscope.errors import DataError, NotMeasured, TaskError
from vitscope.tasks import Array, Asked, Option, Outcome, VectorsOfSet
from vitscope.tasks.clustering import SCORES, STARTS, kmeans, scores

SEED = 0
TOKENS = ("cls", "spatial")


class Clusters:
    """k-means of the images in every layer; a task of `Vectors` over the set "images"."""

    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Option]] = {
        "clusters": Option(0, "how many clusters; 0: as many as there are classes"),
        "tokens": Option("both", "the CLS token, the mean over all patches, or both", (*TOKENS, "both")),
    }
    best: ClassVar[tuple[str, str]] = ("layer-purity", "max")

    def __init__(self, asked: Asked) -> None:
        """Read the images and choose k. DataError: no classes, one class, fewer images than clusters; TaskError."""
        images = _labelled(asked)
        classes = len({record.label for record in images.records})
        self._clusters = int(asked.options.get("clusters", 0)) or classes
        tokens = asked.options.get("tokens", "both")
        self._tokens = TOKENS if tokens == "both" else (tokens,)
        _enough(len(images.records), self._clusters, asked.root)
        self.sets: Mapping[str, ImageSet] = {"images": images}
        self.dataset, self.fingerprint, self.notes = images.name, images.fingerprint, images.notes
        self.settings: dict[str, Any] = {
            "features": "block output before the final norm", "tokens": list(self._tokens),
            "clusters": self._clusters, "starts": STARTS, "seed": SEED,
        }  # fmt: skip

    def compute(self, vectors: Mapping[str, VectorsOfSet], watcher: Any) -> Outcome:
        """`purity`, `nmi` and `ari` (tokens, layer), unit 1; `layer-purity` (layer,) is that of the first tokens.

        A model without CLS has the mean over patches alone. Raises DataError when fewer images than clusters could be
        read, ModelError for features that are not finite, NotMeasured for CLS of a model that has none.
        """
        stored, images = vectors["images"], self.sets["images"]
        labels = np.array([record.label for record in images.records])[stored.places]
        _enough(len(labels), self._clusters, images.root)
        tokens, notes = self._there(stored)
        found = np.empty((len(SCORES), len(tokens), stored.layers), dtype=np.float32)
        for row, name in enumerate(tokens):
            for layer in range(stored.layers):
                features = stored.read(layer, name, 0, len(labels))
                found[:, row, layer] = scores(labels, kmeans(features, self._clusters, SEED))
                watcher.progress(row * stored.layers + layer + 1, len(tokens) * stored.layers)
        arrays = {name: Array(found[i], ("tokens", "layer"), "1") for i, name in enumerate(SCORES)}
        arrays["layer-purity"] = Array(found[0, 0], ("layer",), "1")
        return Outcome(arrays, len(labels), {"tokens": list(tokens)}, notes)

    def _there(self, stored: VectorsOfSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tokens that the model has, and what is to be said of those it lacks."""
        if self._tokens == TOKENS:
            try:
                stored.read(0, "cls", 0, 1)
            except NotMeasured:
                return ("spatial",), ("the model has no CLS token: clusters are of the mean over its patches alone.",)
        return self._tokens, ()


def _labelled(asked: Asked) -> ImageSet:
    """The images asked for; DataError unless they have two classes or more."""
    read = catalog.load("data set", catalog.DATASETS, asked.kind or kind_of(asked.root))
    images: ImageSet = read(asked.root, limit=asked.limit, per_class=asked.per_class)
    labels = {record.label for record in images.records}
    if None in labels:
        raise DataError(
            f"{asked.root} has images without a class, so that clusters cannot be compared with anything: one folder "
            "for each class is expected."
        )
    if len(labels) < 2:
        raise DataError(
            f"{asked.root} has images of one class only ({', '.join(images.classes)}), which any clusters agree with: "
            "two class folders or more are expected."
        )
    return images


def _enough(images: int, clusters: int, root: object) -> None:
    if clusters < 2:
        raise TaskError(f"--clusters {clusters}: at least 2 are needed, or 0 for as many as there are classes.")
    if images < clusters:
        raise DataError(
            f"{root}: {images} images cannot make {clusters} clusters: use more images, or fewer --clusters."
        )
