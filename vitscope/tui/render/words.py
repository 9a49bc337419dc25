"""Numbers and tags as short text."""

from __future__ import annotations

import math
import textwrap
from datetime import datetime

TAGS = {  # name of a tag -> what fits in six cells, what fits in one, xterm colours as paper and as ink on white
    "strict-local": ("local", "●", 75, 25),
    "soft-local": ("soft", "○", 110, 24),
    "axial": ("axial", "┼", 179, 94),
    "offset-local": ("offset", "→", 215, 130),
    "global": ("global", "◇", 108, 22),
    "sparse": ("sparse", "∴", 175, 90),
    "sink": ("sink", "▼", 167, 124),
}
ARROWS = {
    "right": "→",
    "left": "←",
    "up": "↑",
    "down": "↓",
    "up-right": "↗",
    "up-left": "↖",
    "down-right": "↘",
    "down-left": "↙",
    "row": "↔",
    "column": "↕",
    "cross": "┼",
}
SCORES = {  # what the score of a tag is, as `derive.heads.tags` defines it
    "strict-local": "on itself",
    "soft-local": "shorter",
    "axial": "× longer",
    "offset-local": "tokens",
    "global": "reach",
    "sparse": "on few",
    "sink": "on it",
}


def number(value: float, digits: int = 3) -> str:
    """A number with `digits` significant digits, short enough to stand in a line.

    >>> [number(x) for x in (0.43217, 12.3456, 0.0000123, 0.0, float("nan"))]
    ['0.432', '12.3', '1.23e-05', '0', '–']
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if abs(value) < 1e-4 or abs(value) >= 1e5:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def compact(value: float, width: int) -> str:
    """A number for a cell of a table, with two or three decimals and without a leading zero where space is short.

    >>> compact(0.4321, 5), compact(0.4321, 3), compact(4.1234, 4), compact(-0.5, 3)
    ('0.432', '.43', '4.12', '-.5')
    """
    if not math.isfinite(value):
        return "–"
    for decimals in (3, 2, 1, 0):
        text = f"{value:.{decimals}f}"
        for candidate in (text, text.replace("0.", ".", 1) if abs(value) < 1 else text):
            if 0 < len(candidate) <= width and not (decimals == 0 and candidate == "."):
                return candidate
    return "#" * width


def glyph(name: str, detail: str) -> str:
    """One character for a tag: its direction where it has one."""
    return ARROWS.get(detail) or TAGS.get(name, ("", "?"))[1]


def word(name: str, detail: str) -> str:
    """At most six characters for a tag.

    >>> word("offset-local", "up-left"), word("strict-local", "")
    ('off ↖', 'local')
    """
    short = TAGS.get(name, (name[:6], "?"))[0]
    arrow = ARROWS.get(detail, "")
    if name == "offset-local" and arrow:
        return f"off {arrow}"
    return f"{short}{arrow}"[:6]


def sentence(name: str, detail: str) -> str:
    """A tag in full: "offset-local →", "sink (cls)"."""
    arrow = ARROWS.get(detail)
    return f"{name} {arrow}" if arrow else f"{name} ({detail})" if detail else name


def when(started: str) -> str:
    """A date and time of the cache for people, "" if there is none.

    >>> when("2026-03-04T05:06:07+00:00")
    '2026-03-04 05:06'
    """
    try:
        return datetime.fromisoformat(started).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return ""


def clipped(text: str, width: int, lines: int) -> list[str]:
    """`text` in at most so many lines; where it goes on, the last one says so.

    >>> clipped("one, two, three, four", 10, 2), clipped("one, two", 10, 2)
    (['one, two,', 'three, …'], ['one, two'])
    """
    return textwrap.wrap(
        text, max(8, width), break_long_words=True, break_on_hyphens=False, max_lines=lines, placeholder=" …"
    ) or [""]


def short(model: str) -> str:
    """The name of a model without where it comes from; weights that are random say so.

    >>> short("timm/vit_base_patch16_224"), short("hf-hub:org/vit"), short("random/vit")
    ('vit_base_patch16_224', 'vit', 'random/vit')
    """
    return model if model.startswith("random/") else model.rpartition("/")[2]


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` characters."""
    return textwrap.wrap(text, max(8, width), break_long_words=True, break_on_hyphens=False) or [""]
