"""A drawing: how large it is and how it gets onto a figure; what several drawings have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vitscope.export.style import SERIES, plain

LEVEL = 6  # characters of a name that stands level below an axis

Box = tuple[float, float, float, float]  # left, bottom, width, height as shares of the figure


@dataclass(frozen=True)
class Drawing:
    """Inches that a drawing takes, and the function that draws it into a box of a figure."""

    width: float
    height: float
    onto: Callable[[Any, Box], None]


def inside(box: Box, left: float, bottom: float, right: float, top: float, width: float, height: float) -> Box:
    """The box without margins in inches, `width` and `height` being what the whole box takes."""
    across, down = box[2] / width, box[3] / height
    return (
        box[0] + left * across,
        box[1] + bottom * down,
        box[2] - (left + right) * across,
        box[3] - (bottom + top) * down,
    )


def colour_bar(part: Any, axes: Any, drawn: Any, label: str, ticks: Sequence[float] | None = None) -> None:
    """A slim colour bar at the right of `axes`."""
    beside = axes.inset_axes((1.03, 0, 0.04, 1))
    bar = part.colorbar(drawn, cax=beside, label=label, ticks=ticks)
    bar.outline.set_linewidth(0.4)
    beside.tick_params(width=0.4, length=2)


def bar_axes(axes: Any, heights: np.ndarray, names: Sequence[Any], dim: str) -> None:
    """A bar for each of `names`, which stand along the axis called `dim`."""
    axes.grid(axis="y")
    axes.bar(np.arange(len(heights)), heights, width=0.8, color=SERIES[0], linewidth=0)
    shown = some(list(range(len(names))), 16)
    axes.set_xticks(shown, [plain(str(names[index])) for index in shown], rotation=90 if upright(names) else 0)
    axes.set_xlabel(dim, labelpad=1)
    axes.set_xlim(-0.7, len(heights) - 0.3)


def upright(names: Sequence[Any]) -> float:
    """Inches that names need below an axis where they are turned, since beside each other they would overlap; else 0.

    >>> upright([1, 2, 3]), upright(["mae/7/3", "mae/11/12"]) > 0
    (0.0, True)
    """
    longest = max((len(str(name)) for name in names), default=0)
    return 0.0 if longest <= LEVEL else 0.07 * longest


def some(places: Sequence[Any], most: int) -> list[Any]:
    """The first place and every n-th after it, `most` at most.

    >>> some([1, 2, 3, 4, 5], 3)
    [1, 3, 5]
    """
    return list(places[:: max(1, -(-len(places) // most))])
