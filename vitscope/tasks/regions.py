"""Objects and parts in the features of every layer: what k-means finds of them (paper section 5.3, Fig. 8).

A region's vector is the mean of the tokens that its mask covers, weighted by how much of it lies on each. Tokens are
those of the dense tiling, which sees the whole image, or those of one crop; both are block outputs before the final
norm. The vectors of all regions are clustered layer by layer, and the clusters compared with the regions' labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vitscope.data.masks import MaskedImage, MaskedSet, mask, soft_mask, starts_with_polygon
from vitscope.data.pixels import Unreadable, crop, decode
from vitscope.errors import DataError, TaskError
from vitscope.models.backbone import Backbone
from vitscope.tasks import Array, Asked, Measured, Option, Outcome, State, dense
from vitscope.tasks.clustering import SCORES, STARTS, kmeans, scores

UNIT = 32  # images
CLUSTERS = 80  # as in the paper's code, of objects and of parts, though there are 40 kinds of parts
SEED = 0


class Regions:
    """What objects and parts share: a task of `Units` over the images of `read`."""

    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Option]] = {
        "clusters": Option(0, f"how many clusters; 0: {CLUSTERS}, as in the paper"),
        "dense": Option(True, "tokens of tiles that cover the image at twice the size, or of its central crop"),
    }
    best: ClassVar[tuple[str, str]] = ("purity", "max")

    def __init__(self, asked: Asked) -> None:
        """Read the ground truth. Raises DataError: as the reader says, or too few regions or labels to cluster."""
        given = {name: asked.options.get(name, option.default) for name, option in self.options.items()}
        self._data, said = self.read(asked)
        self._paper, self._dense = asked.protocol == "paper", bool(given["dense"])
        self._clusters, self._progress = int(given["clusters"]) or CLUSTERS, asked.progress
        self.dataset, self.fingerprint = self._data.name, self._data.fingerprint
        self.notes: tuple[str, ...] = (*said, *self._data.notes)
        self.settings: dict[str, Any] = {
            "features": "dense tiles" if self._dense else "one crop",
            "clusters": self._clusters, "starts": STARTS, "seed": SEED,
            "regions": "first ring of three points" if self._paper else "any ring of three points",
        }  # fmt: skip
        images = self._data.images
        starts = range(0, len(images), UNIT)
        self.units = [f"images {start + 1} to {min(start + UNIT, len(images))}" for start in starts]
        self._check(np.array([region.label for image in images for region in self._kept(image)], dtype=np.int64))

    def read(self, asked: Asked) -> tuple[MaskedSet, tuple[str, ...]]:
        """The images with their regions, and what is to be said of the choice of them."""
        raise NotImplementedError

    def measure(self, unit: int, model: Backbone) -> Measured:
        """Vectors (regions, layers, width) and labels of the regions of some images; those of no token are counted."""
        images = self._data.images[unit * UNIT : (unit + 1) * UNIT]
        vectors: list[np.ndarray] = []
        labels: list[int] = []
        skipped: list[tuple[str, str]] = []
        used = lost = 0
        for image, tokens in self._tokens([image for image in images if self._kept(image)], model, skipped):
            found = [(region.label, self._weights(image, region, tokens[0])) for region in self._kept(image)]
            there = [(label, weights) for label, weights in found if weights is not None]
            lost += len(found) - len(there)
            if there:
                used += 1
                labels += [label for label, _ in there]
                vectors.append(pooled(tokens, np.stack([weights for _, weights in there])))
        empty = np.zeros((0, model.layers, 0), dtype=np.float32)
        state = {
            "vectors": np.concatenate(vectors) if vectors else empty,
            "labels": np.array(labels, dtype=np.int64),
            "counts": np.array([used, lost], dtype=np.int64),
        }
        return Measured(state, tuple(skipped))

    def compute(self, states: Iterable[State]) -> Outcome:
        """`purity`, `nmi` and `ari` (layer,), unit 1. DataError where too few regions or labels are left.

        Held are the vectors of all regions, float32: 1,000 images of COCO and a ViT-B make about 0.3 GB.
        """
        every = list(states)
        parts = [state["vectors"] for state in every if len(state["labels"])]
        labels = np.concatenate([np.zeros(0, dtype=np.int64), *(state["labels"] for state in every)])
        used, lost = np.sum([state["counts"] for state in every], axis=0).tolist()
        self._check(labels)
        layers = parts[0].shape[1]
        found = np.empty((len(SCORES), layers))
        for layer in range(layers):
            self._progress(layer, layers)
            rows = np.concatenate([part[:, layer] for part in parts])
            found[:, layer] = scores(labels, kmeans(rows, self._clusters, SEED))
        self._progress(layers, layers)
        arrays = {name: Array(found[row], ("layer",), "1") for row, name in enumerate(SCORES)}
        names = len(np.unique(labels))
        notes = [f"{len(labels)} regions of {names} labels in {self._clusters} clusters."]
        if lost:
            where = "cover no token" if self._dense else "lie outside the central crop"
            notes.append(f"Regions left out: {lost}, which {where}.")
        return Outcome(arrays, used, notes=tuple(notes))

    def _kept(self, image: MaskedImage) -> list[Any]:
        """The regions that count; the paper's code leaves out those whose first ring is no polygon."""
        return [region for region in image.regions if not self._paper or starts_with_polygon(region)]

    def _tokens(
        self, images: list[MaskedImage], model: Backbone, skipped: list[tuple[str, str]]
    ) -> Iterator[tuple[MaskedImage, list[Tensor]]]:
        """Each readable image with its patch tokens (rows, columns, D) of every layer; the others go to `skipped`."""
        step = 1 if self._dense else model.batch_size
        for start in range(0, len(images), step):
            with model.timed("decode"):
                read = [(image, _opened(image, skipped)) for image in images[start : start + step]]
            there = [(image, pixels) for image, pixels in read if pixels is not None]
            if self._dense:
                for image, pixels in there:
                    yield image, dense.features(model, pixels)
            elif there:
                with model.timed("decode"):
                    batch = np.stack([crop(pixels, model.window) for _, pixels in there])
                layers = [_grid(tokens, model) for tokens in model.features(torch.from_numpy(batch))]
                for place, (image, _) in enumerate(there):
                    yield image, [tokens[place] for tokens in layers]

    def _weights(self, image: MaskedImage, region: Any, tokens: Tensor) -> np.ndarray | None:
        """A region's share of every token (rows, columns), sum 1; None if no token has any."""
        rows, columns = tokens.shape[:2]
        return soft_mask(mask(region, image.height, image.width), rows, columns, crop=not self._dense)

    def _check(self, labels: np.ndarray) -> None:
        """DataError unless there is something to cluster, and TaskError for a number that makes no clusters."""
        root, names = self._data.root, np.unique(labels)
        if self._clusters < 2:
            raise TaskError(f"--clusters {self._clusters}: at least 2 are needed, or 0 for {CLUSTERS}.")
        if len(names) < 2:
            have = f"regions of one label only ({self._data.labels.get(int(names[0]), names[0])})" if len(names) else ""
            raise DataError(f"{root}: {have or 'no region that can be used'}, which leaves nothing to tell apart.")
        if len(labels) < self._clusters:
            raise DataError(
                f"{root}: {len(labels)} regions cannot make {self._clusters} clusters: use more images, or fewer "
                "--clusters."
            )


def pooled(tokens: list[Tensor], weights_RHW: np.ndarray) -> np.ndarray:
    """float32 (regions, layers, width): Σ weight · token of every layer's (rows, columns, width)."""
    weights = torch.from_numpy(weights_RHW.reshape(len(weights_RHW), -1)).float().to(tokens[0].device)
    layers = [weights @ layer.float().reshape(weights.shape[1], -1) for layer in tokens]
    return torch.stack(layers, dim=1).cpu().numpy()


def _grid(tokens_BTD: Tensor, model: Backbone) -> Tensor:
    """(B, rows, columns, D): the patches among the tokens."""
    geometry = model.geometry
    patches = tokens_BTD[:, len(geometry.prefix) :]
    return patches.reshape(len(patches), geometry.rows, geometry.columns, -1)


def _opened(image: MaskedImage, skipped: list[tuple[str, str]]) -> Image.Image | None:
    """An image in RGB, as its regions see it: not turned upright; None if it cannot be used."""
    try:
        pixels = decode(image.path, orient=False)
    except Unreadable as error:
        skipped.append((image.name, error.reason))
        return None
    if (pixels.height, pixels.width) != (image.height, image.width):
        size = f"{pixels.width} × {pixels.height}"
        skipped.append((image.name, f"{size} pixels, its regions are drawn on {image.width} × {image.height}"))
        return None
    return pixels
