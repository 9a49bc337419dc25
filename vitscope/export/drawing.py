"""A drawing: how large it is and how it gets onto a figure; boxes and colour bars for those who draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
