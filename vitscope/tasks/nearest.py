"""The k nearest neighbours of many queries in a gallery on disk, a tile of queries × gallery at a time.

Similarity is the dot product of two rows that were divided by their length, in float32, whatever format they are kept
in. Of two equal similarities the one that comes first in the gallery is the nearer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vitscope.errors import ModelError

Rows = Callable[[int, int], np.ndarray]
"""(start, stop) → rows [stop − start, width] of any float format."""


@dataclass(frozen=True)
class Sizes:
    """How many rows are in memory at a time, whatever there is in all.

    `held` queries with their neighbours so far and `read` gallery rows as they are on disk; of these, products of
    `queries` × `gallery` rows.
    """

    held: int
    read: int
    queries: int
    gallery: int


SIZES = {
    "cpu": Sizes(held=65536, read=65536, queries=2048, gallery=8192),
    "mps": Sizes(held=65536, read=65536, queries=2048, gallery=8192),
    "cuda": Sizes(held=65536, read=65536, queries=8192, gallery=16384),
}


@dataclass(frozen=True)
class Neighbours:
    """Of Q queries, nearest first: similarities float32 (Q, K), places in the gallery int64 (Q, K)."""

    similarity_QK: np.ndarray
    places_QK: np.ndarray


def unit_rows(rows: np.ndarray, device: torch.device) -> Tensor:
    """Rows in float32 on `device`, each divided by its length; a row of zeros stays one.

    Raises ModelError for a row with an infinity or a NaN, which is near to nothing and far from nothing.
    """
    found = torch.from_numpy(np.array(rows)).to(device).float()
    length = torch.linalg.vector_norm(found, dim=1, keepdim=True)
    if not bool(length.isfinite().all()):
        raise ModelError(
            "features that are not finite have no neighbours: the activations overflow in this number format, so try "
            "--precision fp32 or another checkpoint."
        )
    return found.div_(length.clamp_(min=torch.finfo(torch.float32).tiny))


class Nearest:
    """The nearest K of a stream of gallery rows for Q queries, all on the device of the queries."""

    def __init__(self, queries_QD: Tensor, k: int) -> None:
        self._queries_QD, self._k = queries_QD, k
        self._similarity_QK = queries_QD.new_full((len(queries_QD), k), -torch.inf)
        self._places_QK = torch.full((len(queries_QD), k), -1, device=queries_QD.device)

    def add(self, gallery_GD: Tensor, start: int, room: Tensor) -> None:
        """Look at gallery rows start … start + G; rows must come in the gallery's order. `room` takes the products.

        Only what is nearer than the k-th nearest so far is sorted in. Where that is much, as at the beginning, what is
        farther than the k-th nearest of the tile is left out too.
        """
        queries, rows = len(self._queries_QD), len(gallery_GD)
        tile_QG = torch.mm(self._queries_QD, gallery_GD.T, out=room[:queries, :rows])
        nearer_QG = tile_QG > self._similarity_QK[:, -1:]
        if self._k < rows and int(nearer_QG.count_nonzero()) > self._k * queries:
            nearer_QG &= tile_QG >= tile_QG.topk(self._k, sorted=False).values.amin(1, keepdim=True)
        places = nearer_QG.nonzero(as_tuple=True)
        if len(places[0]):
            self._merge(tile_QG, places, start)

    def found(self) -> Neighbours:
        """The neighbours; places are −1 (and similarities −∞) where the gallery was smaller than K."""
        return Neighbours(self._similarity_QK.cpu().numpy(), self._places_QK.cpu().numpy())

    def _merge(self, tile_QG: Tensor, places: tuple[Tensor, ...], start: int) -> None:
        """Sort some entries of a tile in, given row by row; stable, so the earlier stays the nearer."""
        rows, columns = places
        found_Q = torch.bincount(rows, minlength=len(tile_QG))
        slots = self._k + torch.arange(len(rows), device=rows.device) - (found_Q.cumsum(0) - found_Q)[rows]
        shape = (len(tile_QG), self._k + int(found_Q.max()))
        similarity, place = tile_QG.new_full(shape, -torch.inf), self._places_QK.new_full(shape, -1)
        similarity[:, : self._k], place[:, : self._k] = self._similarity_QK, self._places_QK
        similarity[rows, slots], place[rows, slots] = tile_QG[rows, columns], columns + start
        order = similarity.sort(dim=1, descending=True, stable=True).indices[:, : self._k]
        self._similarity_QK, self._places_QK = similarity.gather(1, order), place.gather(1, order)


def nearest(
    queries_QD: Tensor, gallery: Rows, count: int, k: int, sizes: Sizes, done: Callable[[int], None]
) -> Neighbours:
    """The `k` nearest of `count` gallery rows to each of Q queries, which are unit rows on the device that computes.

    Every gallery row is read once; `done` is told how many were looked at.
    """
    parts = [Nearest(part, min(k, count)) for part in queries_QD.split(sizes.queries)]
    room = queries_QD.new_empty(min(sizes.queries, len(queries_QD)), min(sizes.gallery, count))
    for start in range(0, count, sizes.read):
        rows = gallery(start, min(start + sizes.read, count))
        for first in range(0, len(rows), sizes.gallery):
            unit = unit_rows(rows[first : first + sizes.gallery], queries_QD.device)
            for part in parts:
                part.add(unit, start + first, room)
        done(len(rows))
    found = [part.found() for part in parts]
    return Neighbours(
        np.concatenate([part.similarity_QK for part in found]), np.concatenate([part.places_QK for part in found])
    )
