"""How figures look: one place for fonts, lines and colours."""

from __future__ import annotations

from typing import Any

from vitscope.store.text import printable

SEQUENTIAL = "viridis"  # perceptually uniform, also in grey
DIVERGING = "PuOr_r"  # around zero; purple and orange differ for every kind of colour vision

SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#666666"]
# after Okabe and Ito: told apart with every kind of colour vision

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with Matplotlib: the same metrics everywhere
    "font.size": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": "0.88",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "image.cmap": SEQUENTIAL,
    "image.interpolation": "nearest",  # patch grids are data: nothing is smoothed
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "vitscope",  # identifiers that do not change from run to run
    "axes.unicode_minus": True,
}


def plain(text: str) -> str:
    """`text` as it is: nothing in it steers a terminal or starts a formula.

    >>> plain("price $5")
    'price \\\\$5'
    """
    return printable(text).replace("$", r"\$")


def unit_label(unit: str) -> str:
    """A unit behind the name of an axis.

    >>> unit_label("1"), unit_label("nat"), unit_label("image side")
    ('', ' [nat]', ' [image sides]')
    """
    return "" if unit == "1" else f" [{unit}{'s' if unit in {'image side', 'token'} else ''}]"
