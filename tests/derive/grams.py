"""Gram blocks and CKA by the letter: slow, in loops, float64."""

from __future__ import annotations

import numpy as np

from vitscope.derive.cka import Blocks


def hsic(k: np.ndarray, l: np.ndarray) -> float:  # noqa: E741
    """HSIC₁ (Nguyen et al. 2020), term by term."""
    n = len(k)
    k, l = k.astype(np.float64).copy(), l.astype(np.float64).copy()  # noqa: E741
    for i in range(n):
        k[i, i] = l[i, i] = 0.0
    trace = sum(k[i, j] * l[j, i] for i in range(n) for j in range(n))
    sums = sum(k[i, j] for i in range(n) for j in range(n)) * sum(l[i, j] for i in range(n) for j in range(n))
    chain = sum(k[i, j] * l[j, m] for i in range(n) for j in range(n) for m in range(n))
    return (trace + sums / ((n - 1) * (n - 2)) - 2 * chain / (n - 2)) / (n * (n - 3))


def cka(one: list[np.ndarray], other: list[np.ndarray], *, scaled: bool = False) -> float:
    """Minibatch CKA of two layers from the features (n, D) of each block; `scaled` as the paper's code does it."""
    terms = []
    for x, y in zip(one, other, strict=True):
        if len(x) < 4:
            continue
        grams = [gram(rows) for rows in (x, y)]
        if scaled:
            grams = [(values - values.min()) / (values.max() - values.min()) for values in grams]
        k, l = grams  # noqa: E741
        terms.append((hsic(k, l), hsic(k, k), hsic(l, l)))
    cross, own, others = (sum(term[i] for term in terms) / len(terms) for i in range(3))
    return cross / (np.sqrt(own) * np.sqrt(others))


def gram(rows: np.ndarray) -> np.ndarray:
    """Inner products of all rows, one by one."""
    rows = rows.reshape(len(rows), -1).astype(np.float64)
    return np.array([[sum(a * b for a, b in zip(x, y, strict=True)) for y in rows] for x in rows])


def blocks(layers: list[np.ndarray], size: int, *, ranges: bool = False, order: np.ndarray | None = None) -> Blocks:
    """What an extraction stores of features (I, …) of every layer, float32; an image that is NaN could not be read."""
    count = len(layers[0])
    order = np.arange(count) if order is None else order
    many = -(-count // size)
    places = np.full((many, size), -1)
    places.ravel()[:count] = order
    grams = np.full((len(layers), many, size, size), np.nan, dtype=np.float32)
    widths = np.full((len(layers), many), np.nan, dtype=np.float32)
    for layer, features in enumerate(layers):
        for block in range(many):
            rows = features[block * size : (block + 1) * size].reshape(-1, *features.shape[1:])
            rows = rows.reshape(len(rows), -1).astype(np.float64)
            read = np.flatnonzero(np.isfinite(rows).all(axis=1))
            whole = rows[read] @ rows[read].T
            rest = rows[read] - rows[read].mean(axis=0) if len(read) else rows[read]
            grams[layer, block][np.ix_(read, read)] = rest @ rest.T
            if len(read):
                widths[layer, block] = whole.max() - whole.min()
    return Blocks(grams, places, widths if ranges else None)
