"""Batch: what flows from a model to a metric, and the letters that name its dimensions.

A name that ends in capitals says its dimensions:

    B images    L layers    H heads    T all tokens    Q query tokens of this batch    P patches    D width
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vitscope.geometry import Geometry

OUTPUT, NORMS = "output", ("norm1", "norm2")
RESIDUAL = ("attention-skip", "attention-branch", "mlp-skip", "mlp-branch")
PLACES = (OUTPUT, *NORMS, *RESIDUAL)
"""Where in a block tokens are tapped: its output before any final norm, the outputs of its two norms, and the two
summands of its two residual additions, the branch as it is added: after LayerScale or gamma."""


@dataclass(frozen=True)
class Images:
    """The images of one forward pass: what the model saw, and which images of the data set they are."""

    pixels: Tensor  # (B, height, width, 3) uint8, the crops, on the CPU
    labels: Tensor | None  # (B,) int64 class numbers, on the model's device; None without classes
    places: tuple[int, ...]  # B places in the data set's order


@dataclass(frozen=True)
class Batch:
    """One layer's attention of some images of a forward pass, from a slice of the query tokens.

    A pass hands every (image, layer, query) to the metrics exactly once. The slices of one group of images and one
    layer come one after another, in the order of the queries.
    """

    geometry: Geometry
    layer: int
    attention_BHQT: Tensor  # float32, after the softmax: rows sum to 1
    logits_BHQT: Tensor  # float32, before the softmax; may hold -inf where attention is masked
    start: int  # the first query token; the slice is start … start + Q
    images: Images
    group: slice  # which images of `images`

    @property
    def size(self) -> int:
        """B, the number of images."""
        return self.attention_BHQT.shape[0]

    @property
    def queries(self) -> slice:
        """The query tokens of this batch among all T tokens."""
        return slice(self.start, self.start + self.attention_BHQT.shape[2])

    @property
    def first(self) -> bool:
        """Whether these are the first queries of their images and layer."""
        return self.start == 0

    @property
    def last(self) -> bool:
        """Whether these are the last queries of their images and layer."""
        return self.queries.stop == self.geometry.tokens

    @property
    def patches(self) -> slice:
        """The spatial queries of this batch among the P patches."""
        prefix = len(self.geometry.prefix)
        return slice(max(self.queries.start - prefix, 0), max(self.queries.stop - prefix, 0))

    @cached_property
    def from_patches_BHQT(self) -> Tensor:
        """The rows of `attention_BHQT` whose query is a patch; a view."""
        return self.attention_BHQT[:, :, max(len(self.geometry.prefix) - self.start, 0) :]

    @cached_property
    def spatial_BHQP(self) -> Tensor:
        """Attention from patches to patches, not renormalised; a view."""
        return self.from_patches_BHQT[..., len(self.geometry.prefix) :]

    @cached_property
    def scale_BHQ(self) -> Tensor:
        """What a row of `spatial_BHQP` is multiplied with so that it sums to 1.

        A row whose sum is 0 (all mass on the prefix) is multiplied with 1 and stays 0, as in the paper's code; so is
        one whose sum is too small for float32 to have its reciprocal, below 1.2e-38.
        """
        mass_BHQ = self.spatial_BHQP.sum(-1)
        return torch.where(mass_BHQ >= torch.finfo(torch.float32).tiny, mass_BHQ, 1).reciprocal()

    @cached_property
    def entropy_BHQ(self) -> Tensor:
        """Entropy of every row of attention in nats.

        As log Σ exp(s) − Σ p·s, so that no second logarithm over all entries is needed; log Σ exp(s) of a row is read
        off its largest entry, s − log p.
        """
        logits, attention = self.logits_BHQT, self.attention_BHQT
        normaliser_BHQ = logits.amax(-1) - attention.amax(-1).log()
        finite = logits.clamp(min=torch.finfo(torch.float32).min)  # a masked key has p = 0: 0 · −inf must be 0
        return normaliser_BHQ - torch.linalg.vecdot(attention, finite)

    @property
    def labels_B(self) -> Tensor | None:
        """Class numbers of these images."""
        return None if self.images.labels is None else self.images.labels[self.group]

    @property
    def places_B(self) -> tuple[int, ...]:
        """Places of these images in the data set."""
        return self.images.places[self.group]


@dataclass(frozen=True)
class Features:
    """The tokens of all images of a forward pass at one of PLACES in one layer.

    A pass hands every place of every layer to the metrics once for each image: layer by layer, and in a layer in the
    order in which the model computes them.
    """

    geometry: Geometry
    layer: int
    place: str
    tokens_BTD: Tensor  # float32
    images: Images

    @property
    def patches_BPD(self) -> Tensor:
        """The spatial tokens; a view."""
        return self.tokens_BTD[:, len(self.geometry.prefix) :]

    @cached_property
    def norm_BT(self) -> Tensor:
        """Euclidean norm of every token."""
        return torch.linalg.vector_norm(self.tokens_BTD, dim=-1)
