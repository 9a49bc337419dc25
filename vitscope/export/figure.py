"""Views as figures for a paper: PNG, or SVG with its text kept as text. Drawn by Matplotlib without a screen.

The same view gives the same bytes every time: no dates, no random identifiers.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vitscope.export.draw import draw
from vitscope.export.style import STYLE, plain
from vitscope.views import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

HEADING = 0.55  # inches above the drawing, for the title and the line below it
FOOT = 0.2
PNG_DPI = 200


def figure(views: Sequence[View], form: str) -> bytes:
    """One figure of all `views`, one below the other, as the bytes of a "png" or "svg" file."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name in a script that no font here has
        drawn = _drawn(views)
        file = io.BytesIO()
        metadata: dict[str, Any] = {"Date": None, "Creator": "vitscope"} if form == "svg" else {"Software": "vitscope"}
        drawn.savefig(file, format=form, dpi=PNG_DPI, metadata=metadata)
    return file.getvalue()


def _drawn(views: Sequence[View]) -> Figure:
    from matplotlib.figure import Figure

    drawings = [draw(view) for view in views]
    heights = [drawing.height + HEADING + FOOT for drawing in drawings]
    width = max(*(drawing.width for drawing in drawings), *(_heading_width(view) for view in views))
    whole = Figure(figsize=(width, sum(heights)))
    parts = np.atleast_1d(np.asarray(whole.subfigures(len(views), 1, height_ratios=heights)))
    for view, drawing, height, part in zip(views, drawings, heights, parts, strict=True):
        _heading(part, view, height, width)
        left = (width - drawing.width) / 2 / width
        box = (left, FOOT / height, drawing.width / width, drawing.height / height)
        drawing.onto(part, box)
    return whole


def _heading(part: SubFigure | Figure, view: View, height: float, width: float) -> None:
    """The title, and what it is about, at the left edge."""
    about = _about(view)
    part.text(0.12 / width, 1 - 0.14 / height, plain(view.title), ha="left", va="top", fontsize=11, fontweight="bold")
    part.text(0.12 / width, 1 - 0.36 / height, plain(about), ha="left", va="top", fontsize=8, color="0.35")


def _about(view: View) -> str:
    images = "1 image" if view.images == 1 else f"{view.images} images"
    return f"{view.model} · {view.dataset} · {images}" + ("" if view.protocol == "corrected" else f" · {view.protocol}")


def _heading_width(view: View) -> float:
    """Inches that the wider line of the heading needs: bold letters of 11 points, others of 8."""
    return 0.25 + max(0.105 * len(view.title), 0.07 * len(_about(view)))
