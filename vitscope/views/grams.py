"""Gram blocks of a run as `derive.cka` takes them, and whether two runs can be compared at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitscope.amounts import counted
from vitscope.derive.cka import LEAST, Blocks
from vitscope.errors import ViewError
from vitscope.store.files import damaged
from vitscope.store.reader import Result, Run

TOKENS = ("all", "spatial", "cls")


def blocks(run: Run, metric: str, array: str) -> Blocks:
    """The blocks of one array, memory-mapped; with their ranges if they are of `--protocol paper`.

    Raises NotMeasured, ViewError for CLS of a model that has none, DamagedError for arrays that do not fit together.
    """
    result = run.result(metric)
    if array == "cls" and "cls" not in run.geometry.prefix:
        raise ViewError(f"{run.model} has no CLS token: ask for --tokens spatial or all.")
    grams, places = result.array(array), np.asarray(result.array("places"))
    ranges = result.array(f"{array}-range") if run.spec.protocol == "paper" else None
    fits = places.ndim == 2 and grams.shape == (run.geometry.layers, *places.shape, places.shape[-1])
    if not fits or (ranges is not None and ranges.shape != grams.shape[:2]):
        raise damaged(
            result.folder / result.arrays[array].file, f"it does not hold blocks for {run.geometry.layers} layers"
        )
    return Blocks(grams, places, ranges)


def same_images(runs: Sequence[Run]) -> None:
    """ViewError, with what differs, unless all runs are of the same images."""
    first = runs[0]
    for run in runs:
        if run.spec.images != first.spec.images:
            raise ViewError(
                f"{first.model} and {run.model} were measured on different images ({_about(first)}; {_about(run)}), "
                "and only the same ones can be compared: extract both with the same --data, --limit and --per-class."
            )


def comparable(runs: Sequence[Run], metric: str) -> None:
    """ViewError, with what differs, unless all runs are of the same images, in the same order and blocks."""
    same_images(runs)
    first = runs[0]
    one = _places(first.result(metric))
    for run in runs:
        two = _places(run.result(metric))
        if one.shape != two.shape or not np.array_equal(one, two):
            raise ViewError(
                f"{first.model} was measured in blocks of {one.shape[-1]} images (protocol {first.spec.protocol}) and "
                f"{run.model} in blocks of {two.shape[-1]} (protocol {run.spec.protocol}), not in the same order and "
                "size: extract both with the same --protocol."
            )


def said(run: Run, metric: str) -> str:
    """How the numbers were estimated, as a note below them."""
    places = _places(run.result(metric))
    used = int(((places >= 0).sum(axis=-1) >= LEAST).sum())
    text = f"Unbiased minibatch estimate from {in_blocks(used, places.shape[-1])}"
    if run.spec.protocol == "paper":
        return (
            f"{text} in the order of the data set, each divided by its range, as in the paper: where that order is by "
            "class, this is mostly how alike images of one class are arranged."
        )
    return f"{text} in a seeded random order; values outside 0 to 1 are what an unbiased estimate may give."


def in_blocks(blocks: int, images: int) -> str:
    """So many blocks of so many images each, in words."""
    return f"{counted(blocks, 'block')} of {images} images"


def _places(result: Result) -> np.ndarray:
    places = np.asarray(result.array("places"))
    if places.ndim != 2:
        raise damaged(result.folder / result.arrays["places"].file, "it does not say which images the blocks hold")
    return places


def _about(run: Run) -> str:
    return f"{run.images} of {run.dataset}"
