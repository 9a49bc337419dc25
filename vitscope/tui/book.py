"""Book: everything read so far, as pages look it up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vitscope.catalog import rank
from vitscope.derive.heads import Tag
from vitscope.derive.offset import magnitude
from vitscope.store.reader import Run
from vitscope.tui import items, searching
from vitscope.tui.census import Census
from vitscope.tui.curves import Score, tasks
from vitscope.tui.features import Candidate
from vitscope.tui.information import Entry
from vitscope.tui.library import Column, Failure, Item, Listing, Maps, Numbers
from vitscope.tui.measures import Norms, Saliency, modes
from vitscope.tui.opening import Shots
from vitscope.tui.panels import Masks, Sheet
from vitscope.tui.render.photo import scaled
from vitscope.tui.results import Table, evaluations
from vitscope.tui.side import Peer
from vitscope.tui.similarity import Across, Residual, Similarity
from vitscope.tui.state import Facts, Known, State, opened

PHOTOGRAPHS = 64  # scaled to the size of a pane
KEPT = 128 << 20  # bytes; the maps of one query take from a few hundred kilobytes to a few megabytes


@dataclass(frozen=True)
class Quantity:
    """A number that heads can be coloured by."""

    title: str
    short: str  # at most eight characters
    zero: bool  # the scale starts at zero


QUANTITIES: dict[str, Quantity] = {
    "distance": Quantity("attention distance", "distance", True),
    "entropy": Quantity("entropy", "entropy", False),
    "offset": Quantity("offset magnitude", "offset", True),
    "prefix-mass": Quantity("attention on prefix tokens", "prefix", True),
    "position-deviation": Quantity("deviation over positions", "deviation", True),
    "iou": Quantity("IoU with masks", "IoU", True),
    "tag": Quantity("tags", "tag", True),
}
OPT_IN = ("position-deviation", "iou")


@dataclass
class Book:
    """What the worker has read. Items are looked up by what was wanted; missing ones are None."""

    listing: Listing | None = None
    items: OrderedDict[Item, object] = field(default_factory=OrderedDict)
    images: dict[str, list[str]] = field(default_factory=dict)  # run -> names of its gallery
    photographs: dict[tuple[Path, int, int, int], np.ndarray] = field(default_factory=dict)
    census: Census = field(default_factory=Census)
    shots: Shots = field(default_factory=Shots)

    def photograph(self, state: State, run: Run, rows: int, columns: int) -> np.ndarray | None:
        """The state's image as rows × columns pixels; made once for each size."""
        picture = self.picture(state, run)
        if not isinstance(picture, np.ndarray):
            return None
        key = (run.folder, state.image, rows, columns)
        if key not in self.photographs:
            if len(self.photographs) >= PHOTOGRAPHS:
                self.photographs.clear()
            self.photographs[key] = scaled(picture, rows, columns)
        return self.photographs[key]

    def keep(self, item: Item, value: object, needed: Collection[Item] = ()) -> None:
        """Remember an item; of those that are not `needed` just now, the ones used longest ago are forgotten."""
        self.items[item] = value
        kept = sum(map(_size, self.items.values()))
        for other in [other for other in self.items if other != item and other not in needed]:
            if kept <= KEPT:
                break
            kept -= _size(self.items.pop(other))

    def get(self, item: Item) -> Any:
        """The item, a Failure, or None if it has not been read yet."""
        value = self.items.get(item)
        if value is not None:
            self.items.move_to_end(item)
        return value

    def run(self, state: State) -> Run | None:
        """The open run."""
        return self.listing.run(state.run) if self.listing else None

    def gallery(self, state: State) -> list[str]:
        """Names of the gallery's images, then of those opened live."""
        return self.images.get(state.run or "", []) + self.shots.names()

    def image(self, state: State) -> str:
        """The name of the image that is looked at, "" for one that the gallery lacks."""
        names = self.gallery(state)
        return names[state.image] if -len(self.shots.paths) <= state.image < len(names) - len(self.shots.paths) else ""

    def _unseen(self, state: State, run: Run) -> str:
        """The path of the live image on screen, if the open run's model has not seen it."""
        path = self.shots.path(state.image) if state.view == "image" or state.of_image else None
        return "" if path is None or self.shots.picture(run.folder.name, state.image) else path

    def numbers(self, run: Run) -> Numbers | Failure | None:
        """The stored numbers of every head."""
        return self.get(Item("numbers", run.folder))

    def offsets(self, run: Run) -> np.ndarray | Failure | None:
        """Offset vectors (L, H, 2) in image sides."""
        return self.get(Item("offsets", run.folder))

    def tags(self, run: Run) -> list[list[list[Tag]]] | Failure | None:
        """Tags of every head, [layer][head]."""
        return self.get(Item("tags", run.folder))

    def aligned(self, state: State, run: Run) -> np.ndarray | Failure | None:
        """AAAM of the heads of the state's layer, (H, 2R−1, 2C−1)."""
        return self.get(items.aligned(state, run))

    def reach(self, state: State, run: Run) -> np.ndarray | Failure | None:
        """The same, not divided by coverage: shares of attention."""
        return self.get(items.aligned(replace(state, corrected=False), run))

    def maps(self, state: State, run: Run, *, image: int | None = None) -> Maps | Failure | None:
        """The maps of the state's query token, in the mean or in one image."""
        return self.get(items.maps(state, run, image, self.shots))

    def picture(self, state: State, run: Run) -> np.ndarray | Failure | None:
        """The crop of the state's image, (rows, columns, 3) uint8."""
        return self.get(items.crop(state, run, self.shots))

    def column(self, run: Run, name: str) -> Column | Failure | None:
        """A number of every head, why it is missing, or None while it is read."""
        if name == "offset":
            vectors = self.offsets(run)
            return Column(magnitude(vectors), None, "image side") if isinstance(vectors, np.ndarray) else vectors
        if name == "iou":
            found = self.saliency(None, run)
            return of_mode(found, found.modes[0]) if isinstance(found, Saliency) else found
        numbers = self.numbers(run)
        if not isinstance(numbers, Numbers):
            return numbers
        if name in numbers.columns:
            return numbers.columns[name]
        return Failure(numbers.missing.get(name, f"nothing is called {name}."))

    def shown(self, state: State, run: Run) -> Column | Failure | None:
        """The number by which heads lie on the page of `state`; None as well where they are coloured by tags."""
        if state.view == "saliency":
            found = self.saliency(state, run)
            return of_mode(found, state.panels.mode) if isinstance(found, Saliency) else found
        return None if state.quantity == "tag" else self.column(run, state.quantity)

    def quantities(self, run: Run) -> tuple[str, ...]:
        """What `v` goes through for this run: opt-in numbers only where they were measured."""
        numbers = self.numbers(run)
        have = numbers.columns if isinstance(numbers, Numbers) else {}
        have = {*have, "iou"} if self.masks(run) else have
        names = [name for name in QUANTITIES if name not in OPT_IN or name in have]
        return tuple(name for name in names if name != "prefix-mass" or run.geometry.prefix)

    def facts(self, state: State) -> Facts:
        """What the next key press may depend on."""
        run = self.run(state)
        known = self.known()
        if run is None:
            return Facts(runs=len(known), known=known)
        column = self.shown(state, run)
        order = column.values.argsort(axis=1, kind="stable").tolist() if isinstance(column, Column) else []
        scores, table, entries = self.scores(run), self.table(run), self.information(run)
        asked = state.view == "find" or state.prompt or state.finding.query or state.finding.like
        brought = searching.found(self, state, run) if asked else None
        return Facts(
            runs=len(known),
            known=known,
            geometry=run.geometry,
            images=len(self.gallery(state)),
            live=len(self.shots.paths),
            unseen=self._unseen(state, run),
            quantities=self.quantities(run),
            order=tuple(map(tuple, order)),
            candidates=tuple(Candidate(each.folder.name, each.geometry) for each in self.candidates()),
            peers=self.peers(state, run),
            scores=tuple(scores) if isinstance(scores, dict) else (),
            tasks=tasks(scores) if isinstance(scores, dict) else (),
            found=brought.spots if brought else (),
            searchable=searching.searchable(brought),
            masks=tuple(Masks(each.folder.name, modes(each.geometry)) for each in self.masks(run)),
            entries=len(entries) if isinstance(entries, tuple) else 0,
            sheet=table.sheet(state.panels.sort) if isinstance(table, Table) else Sheet(),
            longest=deepest(scores[shown_score(state, scores)]) if isinstance(scores, dict) and scores else 0,
        )

    def known(self) -> tuple[Known, ...]:
        """What places need to know of the runs, in the order of the page of runs."""
        if self.listing is None:
            return ()
        names = [run.folder.name for run in self.listing.runs]
        return tuple(
            Known(name, run.model, run.geometry, len(self.images.get(name, ())), (False, not run.complete))
            for name, run in zip(names, self.listing.runs, strict=True)
        )

    def peers(self, state: State, run: Run) -> tuple[Peer, ...]:
        """All models measured on the images of `run`, the newest run of each, in the order of the catalog."""
        same = [each for each in self.candidates() if each.spec.images == run.spec.images and each.model != run.model]
        newest = {each.model: each for each in reversed(same)} | {run.model: run}
        ordered = sorted(newest.values(), key=lambda each: (rank(each.model), each.model))
        return tuple(Peer(each.folder.name, each.geometry, self._order(state, each)) for each in ordered)

    def _order(self, state: State, run: Run) -> tuple[int, ...]:
        """The heads of the state's layer by the chosen number, () where it is not known."""
        column = self.column(run, state.quantity) if state.quantity != "tag" else None
        if not isinstance(column, Column):
            return ()
        layer = opened(state, run.folder.name, run.geometry).layer
        return tuple(column.values[layer].argsort(kind="stable").tolist())

    def candidates(self) -> tuple[Run, ...]:
        """The runs that may be compared with each other, in the order of the catalog, the newer of a model first."""
        return tuple(sorted(self.listing.runs if self.listing else (), key=lambda run: rank(run.model)))

    def other(self, state: State, run: Run) -> Run:
        """The run whose layers are the columns of the page of CKA."""
        return next((each for each in self.candidates() if each.folder.name == state.features.other), run)

    def similarity(self, state: State, run: Run) -> Similarity | Failure | None:
        """CKA of all layers of two runs, those of `run` as rows."""
        item = items.cka(state, run, self)
        found = self.get(item)
        return found.turned() if isinstance(found, Similarity) and item.run != run.folder else found

    def across(self, state: State, run: Run) -> Across | Failure | None:
        """CKA of the last layers of all runs."""
        return self.get(items.across(state, run, self))

    def residual(self, run: Run) -> Residual | Failure | None:
        """CKA of skip with branch, and norm ratios."""
        return self.get(Item("residual", run.folder))

    def scores(self, run: Run) -> dict[str, Score] | Failure | None:
        """Every number of every layer that the evaluations hold."""
        return self.get(items.curves(run, self))

    def masks(self, run: Run) -> tuple[Run, ...]:
        """The evaluations with masks of the model of `run`, newest first."""
        return evaluations(self.listing.evaluations, "saliency", run.model) if self.listing else ()

    def saliency(self, state: State | None, run: Run) -> Saliency | Failure | None:
        """IoU of every head with masks: of the evaluation that `state` chose, else of the newest."""
        item = items.saliency(state, run, self)
        return Failure(f"{run.model} has not been compared with masks.") if item is None else self.get(item)

    def norms(self, run: Run) -> Norms | Failure | None:
        """Norms of patch tokens."""
        return self.get(Item("norms", run.folder))

    def information(self, run: Run) -> tuple[Entry, ...] | Failure | None:
        """What is known of a run."""
        return self.get(items.info(run, self))

    def table(self, run: Run) -> Table | Failure | None:
        """The best of every model in every task."""
        return self.get(items.table(run, self))


def _size(value: object) -> int:
    """Bytes of the arrays in a value, about."""
    parts = value if isinstance(value, Maps) else (value,)
    return sum(part.nbytes for part in parts if isinstance(part, np.ndarray))


def of_mode(found: Saliency, mode: str) -> Column:
    """IoU of every head's attention of one mode, with what it was held against as its unit."""
    at = found.place(mode)
    return Column(found.iou[at], None, f"{found.modes[at]}, {found.dataset}")


def shown_score(state: State, scores: dict[str, Score]) -> str:
    """Which of the numbers is on the page of tasks; the first where none was chosen."""
    return state.features.score if state.features.score in scores else next(iter(scores))


def deepest(score: Score) -> int:
    """Layers of the deepest model that it was measured for; 1 where there is noise only."""
    return max(map(len, score.values), default=1)
