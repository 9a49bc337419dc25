"""CKA: how alike two sets of features are, whatever their width (paper section 5.1; Nguyen et al. 2020).

Two estimates. From Gram blocks, the unbiased minibatch estimator that the paper uses: HSIC₁ of each block, means over
blocks, the ratio last. From vectors of all images, the exact value of the whole set. Neither is cut to 0 … 1: HSIC₁ is
unbiased because it may come out negative, and what lies outside is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vitscope.errors import ViewError

LEAST = 4  # images: HSIC₁ divides by n − 3
COMPARED = "features in all that is compared"
CHUNK = 1024  # rows of vectors that are read at a time


@dataclass(frozen=True)
class Blocks:
    """Gram matrices X·Xᵀ of blocks of images, for every layer of a model.

    `grams` (L, B, n, n) may be centred or not: HSIC₁ does not change when all rows of X move alike. Rows and columns of
    images that could not be read are NaN. `places` (B, n) says which image of the data set each row is, −1 for none.
    `ranges` (L, B), of `--protocol paper` alone, are what each block is divided by: the largest less the smallest entry
    of its uncentred Gram. That gives blocks other weights and changes nothing within one.
    """

    grams: np.ndarray
    places: np.ndarray
    ranges: np.ndarray | None = None


def cka(one: Blocks, other: Blocks) -> np.ndarray:
    """CKA of every layer of `one` with every layer of `other`, shape (L, L'), float64, unit 1.

    Σ_b HSIC₁(K_b, L_b) / √(Σ_b HSIC₁(K_b, K_b) · Σ_b HSIC₁(L_b, L_b)). Images that either model lacks are left out of
    their block, and blocks with fewer than 4 images are left out. A layer whose features do not vary at all is NaN.
    Raises ViewError when the blocks do not hold the same images, or no block is left.
    """
    if one.places.shape != other.places.shape or not np.array_equal(one.places, other.places):
        raise ViewError("the two models were not measured on the same blocks of images: extract both in the same way.")
    known = _known(one) & _known(other)
    if not (known.sum(axis=-1) >= LEAST).any():
        raise ViewError(f"no block holds {LEAST} images of which there are {COMPARED}, and CKA needs that many.")
    rows = unfolded(one, known)
    columns = rows if other is one else unfolded(other, known)
    with np.errstate(invalid="ignore"):
        own = np.sqrt((rows**2).sum(axis=-1))[:, None] * np.sqrt((columns**2).sum(axis=-1))
        return (rows @ columns.T) / np.where(own == 0, np.nan, own)


def each_with_each(single: Sequence[Blocks]) -> np.ndarray:
    """CKA of the first layer of each of `single` with that of every other, (M, M), by pairs; see `cka`.

    Where all of them have the same images, as models over the same files have, it is one product instead of M².
    """
    first = single[0]
    alike = all(np.array_equal(_known(each), _known(first)) for each in single)
    if alike and all(np.array_equal(each.places, first.places) for each in single):
        ranges = [each.ranges[:1] for each in single if each.ranges is not None]
        whole = np.concatenate([each.grams[:1] for each in single])
        stacked = Blocks(whole, first.places, np.concatenate(ranges) if ranges else None)
        return cka(stacked, stacked)
    return np.array([[cka(one, other)[0, 0] for other in single] for one in single])


def unfolded(blocks: Blocks, known: np.ndarray) -> np.ndarray:
    """Each layer as one vector, (L, B·n·n) float64, whose inner products are Σ_b HSIC₁.

    HSIC₁(K, L) = Σ_{i≠j} K̃_ij·L̃_ij / (n·(n−3)), where K̃ is K without its diagonal and U-centred (Székely and Rizzo
    2014, section 3): K̃_ij = K_ij − Σ_l K_il/(n−2) − Σ_k K_kj/(n−2) + Σ_kl K_kl/((n−1)·(n−2)). With it, all pairs of
    layers are one matrix product. `known` (B, n) says which images count; n is their number in each block.
    """
    layers, _, size, _ = blocks.grams.shape
    used = known.sum(axis=-1) >= LEAST
    known = known[used]
    out: tuple[np.ndarray | slice, ...] = (slice(None), np.arange(size), np.arange(size))  # the diagonals
    if not known.all():
        out = np.nonzero(~(known[:, :, None] & known[:, None, :]) | np.eye(size, dtype=bool))
    n = known.sum(axis=-1)[:, None, None].astype(float)
    weights = np.broadcast_to(1 / np.sqrt(n * (n - 3)), (layers, len(n), 1, 1))
    if blocks.ranges is not None:
        weights = weights / _divisor(blocks.ranges[:, used])[:, :, None, None]
    vectors = np.empty((layers, len(n) * size * size))
    for layer, grams in enumerate(blocks.grams):  # one layer at a time: copies stay in the processor's cache
        gram = vectors[layer].reshape(-1, size, size)
        np.multiply(grams if used.all() else grams[used], weights[layer], out=gram)
        gram[out] = 0
        mean = gram.sum(axis=-1, keepdims=True) / (n - 2)
        mean -= mean.sum(axis=1, keepdims=True) / (2 * (n - 1))
        gram -= mean
        gram -= mean.transpose(0, 2, 1)
        gram[out] = 0
    return vectors


def _known(blocks: Blocks) -> np.ndarray:
    """Which images of each block there are numbers of in every layer, (B, n): a row that is all NaN has none."""
    diagonal = np.diagonal(blocks.grams, axis1=-2, axis2=-1)
    return np.isfinite(diagonal).all(axis=0) & (blocks.places >= 0)


def _divisor(ranges: np.ndarray) -> np.ndarray:
    """Ranges of blocks, 1 for those whose Gram is all the same and becomes zero anyway."""
    ranges = np.asarray(ranges, dtype=np.float64)
    return np.where(np.isfinite(ranges) & (ranges > 0), ranges, 1.0)


@dataclass(frozen=True)
class Rows:
    """Vectors of the images of a set in one layer, read piece by piece.

    `read(start, stop)` gives rows start to stop, (stop − start, D). `kept` are the rows that count, ascending: those of
    images that the other model has as well.
    """

    read: Callable[[int, int], np.ndarray]
    kept: np.ndarray

    def chunk(self, start: int) -> np.ndarray:
        """CHUNK of the kept rows from the start-th on, float64."""
        rows = self.kept[start : start + CHUNK]
        first = int(rows[0])
        return np.asarray(self.read(first, int(rows[-1]) + 1), dtype=np.float64)[rows - first]


def exact(one: Rows, other: Rows) -> tuple[float, float]:
    """CKA of the whole set with a linear kernel, of two layers: from HSIC₁ (unbiased), and Kornblith's (biased).

    The first is what Gram blocks estimate, with one block that holds every image. The second is
    ‖XᵀY‖² / (‖XᵀX‖·‖YᵀY‖) of centred features (Kornblith et al. 2019), which is too high where there are few images for
    the width. Three (D, D) matrices are held, whatever the number of images. NaN where features do not vary; raises
    ViewError for fewer than 4 images.
    """
    count = len(one.kept)
    if count < LEAST:
        raise ViewError(f"CKA needs {LEAST} images or more of which there are {COMPARED}, not {count}: extract more.")
    middle, other_middle = _mean(one), _mean(other)
    cross, own, others, diagonals = 0.0, 0.0, 0.0, []
    for start in range(0, count, CHUNK):
        x = one.chunk(start) - middle
        y = x if other is one else other.chunk(start) - other_middle
        cross = cross + x.T @ y
        own, others = own + x.T @ x, others + y.T @ y
        diagonals.append(np.stack([(x**2).sum(axis=1), (y**2).sum(axis=1)]))
    k, l = np.concatenate(diagonals, axis=1)  # noqa: E741  the diagonals of K and L
    biased = [float((np.asarray(part) ** 2).sum()) for part in (cross, own, others)]
    unbiased = [_hsic(*parts) for parts in zip(biased, (k, k, l), (l, k, l), strict=True)]
    return _ratio(*unbiased), _ratio(*biased)


def _mean(rows: Rows) -> np.ndarray:
    """The mean of the kept rows, (D,)."""
    total = np.sum([rows.chunk(start).sum(axis=0) for start in range(0, len(rows.kept), CHUNK)], axis=0)
    return total / len(rows.kept)


def _hsic(product: float, k: np.ndarray, l: np.ndarray) -> float:  # noqa: E741
    """HSIC₁ of two centred Grams from ‖XᵀY‖² and their diagonals, which have to be taken out of every sum.

    Rows of a centred Gram sum to zero, so without the diagonal they sum to −k: tr(KL) = ‖XᵀY‖² − Σ k·l,
    1ᵀK1 = −Σ k, and 1ᵀKL1 = Σ k·l.
    """
    n, both = len(k), float(k @ l)
    sums = float(k.sum()) * float(l.sum())
    return (product - both + sums / ((n - 1) * (n - 2)) - 2 * both / (n - 2)) / (n * (n - 3))


def _ratio(cross: float, own: float, others: float) -> float:
    """cross / √(own · others), NaN where one of them is not positive."""
    return float(cross / np.sqrt(own) / np.sqrt(others)) if own > 0 and others > 0 else float("nan")
