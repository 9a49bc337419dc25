"""Where heads look against where the objects are: IoU of thresholded attention with masks (paper section 4.4, Fig. 5).

Three maps of a head over the patches: `cls`, what CLS attends to; `spatial`, the sum over all patches as queries;
`centre`, what the patch in the middle attends to (the paper's code has it, its figure does not). A map's foreground is
the smallest set of patches that holds the given share of its mass; the ground truth's are all patches that a mask
touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from vitscope.data import coco, masks, partimagenet
from vitscope.data.masks import MaskedImage, MaskedSet
from vitscope.data.pixels import Unreadable, crop, decode
from vitscope.data.recognise import kind_of
from vitscope.errors import DataError, TaskError
from vitscope.geometry import Geometry
from vitscope.models.backbone import Backbone
from vitscope.models.tap import Chunk, Piece
from vitscope.tasks import Array, Asked, Measured, Option, Outcome, State

MODES: tuple[str, ...] = ("cls", "spatial", "centre")
UNIT = 16  # images
PER_GROUP = 500  # images of a super-category of PartImageNet, as in the paper
ROUNDING = 1e-12  # of the mass: a sum of float64 that should be on the border counts as on it
HELD = 1 << 26  # numbers of attention at once


def top_mass(maps: np.ndarray, mass: float) -> np.ndarray:
    """bool (..., P): the smallest set of the largest entries of each map (..., P) whose share of its sum is ≥ `mass`.

    As in the paper's code: ascending, the entries from which on the running sum is above 1 − mass. Of equal entries at
    the border the later ones are in the set. A map of zeros has an empty set.

    >>> top_mass(np.array([.05, .10, .15, .30, .40]), .6)
    array([False, False, False,  True,  True])
    """
    total = maps.sum(-1, dtype=np.float64, keepdims=True)
    order = np.argsort(maps, -1, kind="stable")
    ascending = np.take_along_axis(maps, order, -1) / np.where(total > 0, total, 1)
    kept = np.empty(maps.shape, bool)
    np.put_along_axis(kept, order, ascending.cumsum(-1, dtype=np.float64) > 1 - mass + ROUNDING, -1)
    return kept & (total > 0)


def merged(maps: np.ndarray) -> np.ndarray:
    """The heads' maps (..., H, P) as one (..., P): the mean of maps that each sum to 1.

    The paper's code does so for `cls` and `centre`; for `spatial` it adds the maps up as they are, so that heads that
    give less to CLS count for more.
    """
    total = maps.sum(-1, dtype=np.float64, keepdims=True)
    return (maps / np.where(total > 0, total, 1)).mean(-2)


def iou(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """float64 (...): intersection over union of bool (..., P) with bool (P,), which is not empty."""
    return (found & truth).sum(-1) / (found | truth).sum(-1)


def foreground(image: MaskedImage, grid: tuple[int, int], *, threshold: float, first_ring: bool) -> np.ndarray | None:
    """bool (P,): the patches on the objects of an image's centre crop, of a `grid` of (rows, columns); None if none.

    Without a threshold, every patch that any region still touches after it is scaled down to the patches;
    with one, the patches more than that share of which lies on the objects together. `first_ring` leaves out regions
    whose first ring is too short. The paper's code does so, and has no threshold.
    """
    regions = [region for region in image.regions if not first_ring or masks.starts_with_polygon(region)]
    drawn = [masks.mask(region, image.height, image.width) for region in regions]
    if threshold > 0:
        share = masks.coverage(np.any(drawn, 0), *grid, crop=True) if drawn else np.zeros(grid)
        found = share > threshold
    else:
        soft = [masks.soft_mask(mask, *grid, crop=True) for mask in drawn]
        found = np.any([part > 0 for part in soft if part is not None] or [np.zeros(grid, bool)], 0)
    return found.ravel() if found.any() else None


def attention_maps(model: Backbone, pixels: Tensor, modes: tuple[str, ...]) -> np.ndarray:
    """float32 (modes, B, L, H, P) of crops, uint8 (B, height, width, 3): the modes' maps, not renormalised.

    One forward pass; what is kept of a layer's attention are these rows and one sum, and no more than HELD numbers of
    attention are there at once.
    """
    g, prefix = model.geometry, len(model.geometry.prefix)
    found = torch.zeros(len(modes), len(pixels), g.layers, g.heads, g.patches, device=model.device)
    rows = {"cls": 0, "centre": g.token(*g.centre())}

    def keep(piece: Piece) -> None:
        to_patches = piece.attention_BHQT[..., prefix:]
        for place, mode in enumerate(modes):
            target = found[place, piece.images, piece.layer]
            if mode == "spatial":
                target += to_patches[:, :, max(prefix - piece.start, 0) :].sum(2)
            elif 0 <= rows[mode] - piece.start < to_patches.shape[2]:
                target.copy_(to_patches[:, :, rows[mode] - piece.start])

    model.run(pixels, on_attention=keep, chunk=_chunk(g))
    return found.cpu().numpy()


def _chunk(g: Geometry) -> Chunk:
    """As many images as HELD allows; of a single image that is too large, as many queries."""
    whole = g.heads * g.tokens**2
    if whole > HELD:
        return Chunk(1, max(HELD // (g.heads * g.tokens), 1))
    return Chunk(HELD // whole, g.tokens)


class Saliency:
    """IoU of every layer and head; a unit is sixteen images. A model without CLS has no mode `cls`."""

    version: ClassVar[int] = 1
    best: ClassVar[tuple[str, str]] = ("best-head", "max")
    options: ClassVar[Mapping[str, Option]] = {
        "mass": Option(0.6, "share of a map's mass that its foreground holds"),
        "threshold": Option(0.0, "a patch is on an object when more than this share of it is; 0: when touched"),
    }

    def __init__(self, asked: Asked) -> None:
        """Read the annotations; raises DataError: no such tree, no masks in it; TaskError: an option without sense."""
        self._mass = float(asked.options.get("mass", 0.6))
        self._threshold = float(asked.options.get("threshold", 0.0))
        if not 0 < self._mass <= 1:
            raise TaskError(f"--mass {self._mass:g} is no share of the attention: it must be above 0 and at most 1.")
        if not 0 <= self._threshold < 1:
            raise TaskError(f"--threshold {self._threshold:g} is no share of a patch: it must be at least 0, below 1.")
        data = _read(asked)
        self._images, self._paper = data.images, asked.protocol == "paper"
        self.units = [f"images {start + 1}…" for start in range(0, len(data.images), UNIT)]
        self.dataset, self.fingerprint, self.notes = data.name, data.fingerprint, data.notes
        self.settings: dict[str, Any] = {
            "mass": self._mass, "threshold": self._threshold, "best": "oracle" if self._paper else "fixed",
            "regions": "first ring decides" if self._paper else "all that can be drawn",
        }  # fmt: skip

    def measure(self, unit: int, model: Backbone) -> Measured:
        """Sums over sixteen images: IoU of every head, of the best head of each image, of the merged heads."""
        modes = tuple(mode for mode in MODES if mode != "cls" or "cls" in model.geometry.prefix)
        seen, truths, skipped = self._load(self._images[unit * UNIT : (unit + 1) * UNIT], model)
        shape = (len(modes), model.layers)
        sums = {"iou": np.zeros((*shape, model.geometry.heads)), "oracle": np.zeros(shape), "merged": np.zeros(shape)}
        for start in range(0, len(seen), model.batch_size):
            pixels = torch.from_numpy(np.stack(seen[start : start + model.batch_size]))
            maps = attention_maps(model, pixels, modes)
            for place, truth in enumerate(truths[start : start + model.batch_size]):
                of_heads = iou(top_mass(maps[:, place], self._mass), truth)
                sums["iou"] += of_heads
                sums["oracle"] += of_heads.max(-1)
                sums["merged"] += iou(top_mass(merged(maps[:, place]), self._mass), truth)
        return Measured({**sums, "images": np.array(len(seen))}, tuple(skipped))

    def _load(
        self, images: tuple[MaskedImage, ...], model: Backbone
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[tuple[str, str]]]:
        """Crops and foregrounds of those that can be used, and which cannot."""
        seen: list[np.ndarray] = []
        truths: list[np.ndarray] = []
        skipped: list[tuple[str, str]] = []
        grid = model.geometry.rows, model.geometry.columns
        for image in images:
            try:
                truth = foreground(image, grid, threshold=self._threshold, first_ring=self._paper)
                if truth is None:
                    raise Unreadable("no object in the centre crop")
                with model.timed("decode"):
                    seen.append(_cropped(image, model.window))
                truths.append(truth)
            except Unreadable as error:
                skipped.append((image.name, error.reason))
        return seen, truths, skipped

    def compute(self, states: Iterable[State]) -> Outcome:
        """`iou` (mode, layer, head): mean over images. The best head both ways, (mode, layer) each: `oracle` takes the
        best of every image (Fig. 5, by the paper's code), `fixed` the one that is best on average. `merged` (mode,
        layer).
        `best-head` (layer,) is the protocol's way for the first mode. Raises DataError if no image could be used.
        """
        total: State = {}
        for state in states:
            total = {name: values + total.get(name, 0) for name, values in state.items()}
        count = int(total["images"])
        if not count:
            raise DataError("none of the images could be used: see the files that were skipped.")
        mean = {name: total[name] / count for name in ("iou", "oracle", "merged")}
        mean["fixed"] = mean["iou"].max(-1)
        dims = {"iou": ("mode", "layer", "head")}
        arrays = {name: Array(values, dims.get(name, ("mode", "layer")), "1") for name, values in mean.items()}
        arrays["best-head"] = Array(mean["oracle" if self._paper else "fixed"][0], ("layer",), "1")
        modes = list(MODES[-len(mean["iou"]) :])
        notes = () if len(modes) == len(MODES) else ("the model has no CLS token: mode cls is left out.",)
        return Outcome(arrays, count, {"mode": modes}, notes)


def _cropped(image: MaskedImage, window: tuple[int, int]) -> np.ndarray:
    """What the model sees of an image; raises Unreadable, also where its size is not what its annotations are for."""
    picture = decode(image.path, orient=False)
    if picture.size != (image.width, image.height):
        raise Unreadable(
            f"{picture.width} × {picture.height} pixels, but its annotations are for {image.width} × {image.height}"
        )
    return crop(picture, window)


def _read(asked: Asked) -> MaskedSet:
    """The masks asked for, of PartImageNet or COCO; raises DataError, TaskError."""
    for option, count in (("--limit", asked.limit), ("--per-class", asked.per_class)):
        if count is not None and count < 1:
            raise TaskError(f"{option} {count} keeps no image: it must be at least 1.")
    kind = asked.kind or kind_of(asked.root)
    if kind == "partimagenet":
        return partimagenet.read(asked.root, per_super_class=asked.per_class or PER_GROUP, limit=asked.limit)
    if kind != "coco":
        raise DataError(f"{asked.root} holds {kind}, which has no masks: PartImageNet or COCO is expected.")
    if asked.per_class is not None:
        raise TaskError("--per-class counts images of a super-category of PartImageNet; use --limit for COCO.")
    return coco.read(asked.root, limit=asked.limit)
