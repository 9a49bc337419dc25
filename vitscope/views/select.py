"""What the views share: which layers and heads are asked for, and how a View of them is put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vitscope.errors import ViewError
from vitscope.store.files import damaged
from vitscope.store.reader import Result, Run
from vitscope.store.text import printable
from vitscope.views import Column, Options, View

OPTIONS = ("query", "image", "tokens", "taps", "exact")


@dataclass(frozen=True)
class Selection:
    """The layers and heads of a run that a view shows: one of each, or all where None."""

    run: Run
    layer: int | None
    head: int | None

    def pick(self, array_LH: np.ndarray) -> np.ndarray:
        """The part of (L, H, …) that is asked for; an axis with one layer or head asked for is gone."""
        layers = slice(None) if self.layer is None else self.layer
        heads = slice(None) if self.head is None else self.head
        return array_LH[layers, heads]

    def part(self, array_LH: np.ndarray) -> np.ndarray:
        """Like `pick`, but (1 or L, 1 or H, …): for what is derived only for the heads asked for."""
        layers = slice(None) if self.layer is None else slice(self.layer, self.layer + 1)
        heads = slice(None) if self.head is None else slice(self.head, self.head + 1)
        return array_LH[layers, heads]

    def squeeze(self, array_LH: np.ndarray) -> np.ndarray:
        """(1 or L, 1 or H, …) without the axes of length 1 that stand for one layer or head asked for."""
        gone = [axis for axis, asked in enumerate((self.layer, self.head)) if asked is not None]
        return np.squeeze(array_LH, axis=tuple(gone))

    def coords(self) -> dict[str, list[Any]]:
        """Coordinates of the axes that `pick` leaves, counted from 1."""
        geometry = self.run.geometry
        both = {
            "layer": None if self.layer is not None else list(range(1, geometry.layers + 1)),
            "head": None if self.head is not None else list(range(1, geometry.heads + 1)),
        }
        return {dim: places for dim, places in both.items() if places is not None}

    def fixed(self) -> dict[str, list[Any]]:
        """The one layer or head asked for, counted from 1: a coordinate without an axis."""
        one = {"layer": self.layer, "head": self.head}
        return {dim: [place + 1] for dim, place in one.items() if place is not None}

    def __str__(self) -> str:
        """Such as ", layer 3, head 2"."""
        layer = "" if self.layer is None else f", layer {self.layer + 1}"
        return layer + ("" if self.head is None else f", head {self.head + 1}")


def select(run: Run, options: Options, view: str, *, uses: tuple[str, ...] = ()) -> Selection:
    """The layers and heads asked for; raises ViewError when they do not exist or `view` has no use for an option."""
    refuse(options, view, uses=uses)
    exists(run, "layer", options.layer, run.geometry.layers)
    exists(run, "head", options.head, run.geometry.heads)
    return Selection(run, options.layer, options.head)


def exists(run: Run, kind: str, asked: int | None, count: int) -> None:
    """ViewError for a layer or head (from 0) that the model does not have."""
    if asked is not None and not 0 <= asked < count:
        raise ViewError(f"there is no {kind} {asked + 1}: {run.model} has {kind}s 1 to {count}.")


def refuse(options: Options, view: str, *, uses: tuple[str, ...] = (), among: tuple[str, ...] = OPTIONS) -> None:
    """ViewError when one of the options `among` was given that `view` has no use for."""
    for option in among:
        if getattr(options, option) is not None and option not in uses:
            raise ViewError(f"the view {view!r} does not depend on --{option}: leave it out.")


def fitting(result: Result, name: str, *shape: int | None) -> np.ndarray:
    """An array of a result, memory-mapped; DamagedError unless its shape is what the run's geometry asks for.

    A length of None is any.
    """
    array = result.array(name)
    if len(array.shape) != len(shape) or any(b not in {None, a} for a, b in zip(array.shape, shape, strict=True)):
        found, wanted = (" × ".join("n" if one is None else str(one) for one in each) for each in (array.shape, shape))
        path = result.folder / result.arrays[name].file
        raise damaged(path, f"it is {found} where the run's geometry asks for {wanted}")
    return array


def attention(run: Run) -> tuple[Result, np.ndarray]:
    """The result `attention` and its Ā (L, H, T, T); NotMeasured, DamagedError."""
    result, geometry = run.result("attention"), run.geometry
    return result, fitting(result, "mean", geometry.layers, geometry.heads, geometry.tokens, geometry.tokens)


def spatial(run: Run) -> tuple[Result, np.ndarray]:
    """The result `spatial-attention` and its R̄ (L, H, P, P); NotMeasured, DamagedError."""
    result, geometry = run.result("spatial-attention"), run.geometry
    return result, fitting(result, "mean", geometry.layers, geometry.heads, geometry.patches, geometry.patches)


def grid_coords(run: Run) -> dict[str, list[Any]]:
    """Rows and columns of the patch grid, counted from 1."""
    geometry = run.geometry
    return {"row": list(range(1, geometry.rows + 1)), "column": list(range(1, geometry.columns + 1))}


def build(
    run: Run,
    *,
    name: str,
    title: str,
    images: int,
    coords: dict[str, list[Any]],
    fixed: dict[str, list[Any]],
    unit: str = "",
    values: np.ndarray | None = None,
    columns: dict[str, Column] | None = None,
    notes: list[str] | None = None,
) -> View:
    """A View of `run`: the keys of `coords` are its dims; title and notes are made safe for a screen.

    `fixed` names the layer or head that was asked for, so that its coordinate is kept where it has no axis.
    """
    return View(
        name=name,
        title=printable(title),
        model=run.model,
        dataset=run.dataset,
        images=images,
        unit=unit,
        protocol=run.spec.protocol,
        dims=tuple(coords),
        coords=fixed | coords,
        values=values,
        columns=columns,
        spec=run.spec.to_json(),
        notes=[printable(note) for note in notes or []],
    )
