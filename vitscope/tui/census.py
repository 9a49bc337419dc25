"""Census: every head of one or several models with all that is known of it, as `derive.find` searches it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vitscope.derive.find import Heads, Search, joined, search, table
from vitscope.derive.heads import Tag
from vitscope.derive.offset import magnitude
from vitscope.derive.similar import similarity
from vitscope.errors import ViewError, VitscopeError
from vitscope.store.reader import Run, load_run
from vitscope.tui.finding import Finding, Spot

if TYPE_CHECKING:
    from vitscope.tui.library import Numbers

ALIKE = "similarity"
KEPT = 16  # results that are remembered

_OF_MODELS = re.compile(r"(^|[\s|-])model[:=]")


class Known(NamedTuple):
    """What has been read of a run's heads; None where it has not been, or cannot be."""

    run: Run
    numbers: Numbers | None
    offsets: np.ndarray | None
    tags: list[list[list[Tag]]] | None
    scores: dict[str, np.ndarray] | None  # of evaluations, such as {"iou": (L, H)}
    shapes: np.ndarray | None = None  # (L, H, cells), `derive.similar`


@dataclass(frozen=True)
class Found:
    """What a search brought: the places of heads in their order, and their rows in the table."""

    heads: Heads
    spots: tuple[Spot, ...]
    rows: np.ndarray  # of each of them in `heads`
    columns: tuple[str, ...]  # numbers that the query names
    problem: str = ""  # why what is typed is not understood; then the rest is of the query before
    narrowed: bool = False  # whether it leaves any head out on purpose
    strange: str = ""  # which tag or model that is asked for no head has


@dataclass
class Census:
    """Tables of heads and results of searches, each made once from what has been read."""

    parts: dict[Path, tuple[Known, Heads]] = field(default_factory=dict)
    found: dict[object, tuple[list[object], Found]] = field(default_factory=dict)  # with what it was made of

    def search(self, finding: Finding, known: Sequence[Known], like: np.ndarray | None = None) -> Found | None:
        """The heads that fit, or None while there is nothing to search in; `like` is the shape that ranks them."""
        known = [each for each in known if each.numbers is not None]
        if not known:
            return None
        parts = tuple(self._part(each) for each in known)
        made_of = [*parts, like, *(each.shapes for each in known)]
        key = (finding.query, finding.good, finding.like, tuple(each.run.folder for each in known))
        last = self.found.get(key)
        if last is not None and all(one is other for one, other in zip(last[0], made_of, strict=True)):
            return last[1]
        heads = joined(parts)
        if finding.like is not None:
            heads.numbers[ALIKE] = _alike(like, known)
        found = _searched(finding, heads, known)
        if len(self.found) >= KEPT:
            self.found.clear()
        self.found[key] = made_of, found
        return found

    def _part(self, known: Known) -> Heads:
        """The table of one run, made anew when more of it has been read."""
        last = self.parts.get(known.run.folder)
        if last is None or not all(one is other for one, other in zip(last[0][:5], known[:5], strict=True)):
            last = known, _table(known)
            self.parts[known.run.folder] = last
        return last[1]


def everywhere(finding: Finding) -> bool:
    """Whether all models are searched: because that was asked for, or since the query tells models apart."""
    return finding.everywhere or _OF_MODELS.search(finding.query) is not None


def scores(run: Run, evaluations: Sequence[Path]) -> dict[str, np.ndarray]:
    """IoU of every head's mass mask with the object, of the first evaluation of saliency that fits the run.

    "iou-cls", "iou-spatial" and "iou-centre" by whose attention is taken, and "iou" for the first of these that is
    there; {} without such an evaluation.
    """
    for folder in evaluations:
        try:
            result = load_run(folder).result("saliency")
            values = np.array(result.array("iou"), dtype=np.float64)
        except VitscopeError:  # listed as broken on the page of runs
            continue
        modes = result.coords.get("mode", [])
        if values.shape == (len(modes), run.geometry.layers, run.geometry.heads) and modes:
            named = {f"iou-{mode}": values[i] for i, mode in enumerate(modes)}
            return {"iou": values[0], **named}
    return {}


def _table(known: Known) -> Heads:
    run, numbers = known.run, known.numbers
    assert numbers is not None
    layers, heads = run.geometry.layers, run.geometry.heads
    tags = known.tags or [[[] for _ in range(heads)] for _ in range(layers)]
    columns = {name.replace(" ", "-"): column.values for name, column in numbers.columns.items()}
    if known.offsets is not None:
        right, down = known.offsets[..., 0], known.offsets[..., 1]
        columns |= {"offset": magnitude(known.offsets), "right": right, "down": down}
    columns |= known.scores or {}
    return table(run.model, [[[str(tag) for tag in head] for head in layer] for layer in tags], columns)


def _alike(like: np.ndarray | None, known: Sequence[Known]) -> np.ndarray:
    """Similarity of every head's shape to `like`, (N,); NaN where shapes have not been read."""
    parts = []
    for each in known:
        unknown = np.full(each.run.geometry.layers * each.run.geometry.heads, np.nan)
        if like is None or each.shapes is None:
            parts.append(unknown)
        else:
            parts.append(similarity(like, each.shapes.reshape(len(unknown), -1)))
    return np.concatenate(parts)


def _searched(finding: Finding, heads: Heads, known: Sequence[Known]) -> Found:
    """Search for what is typed, or, where that is not understood, for what was understood before."""
    names = list(heads.numbers)
    problem = ""
    try:
        search(finding.query, names)
    except ViewError as error:
        problem = str(error)
    try:
        asked = search(finding.good, names)
    except ViewError:  # it names a number that these models lack
        asked = Search()
    if finding.like is not None and not asked.order:
        asked = Search(asked.groups, ALIKE, descending=True, known=asked.known)
    rows = asked.among(heads)
    if finding.like is not None and asked.order == ALIKE:
        rows = rows[~np.isnan(heads.numbers[ALIKE][rows])]
    named = [asked.order, *(term.name for group in asked.groups for term in group)]
    columns = tuple(dict.fromkeys(name for name in named if name in heads.numbers))
    return Found(heads, _spots(known, rows), rows, columns, problem, any(asked.groups), asked.strange(heads))


def _spots(known: Sequence[Known], rows: np.ndarray) -> tuple[Spot, ...]:
    """Run, layer and head of rows of the table."""
    sizes = [each.run.geometry.layers * each.run.geometry.heads for each in known]
    starts = np.cumsum([0, *sizes])
    which = np.searchsorted(starts, rows, side="right") - 1
    spots = []
    for part, row in zip(which.tolist(), (rows - starts[which]).tolist(), strict=True):
        run = known[part].run
        spots.append(Spot(run.folder.name, *divmod(row, run.geometry.heads)))
    return tuple(spots)
