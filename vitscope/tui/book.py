"""Book: everything read so far, as pages look it up; and what a page still needs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from vitscope.derive.offset import magnitude
from vitscope.store.reader import Run
from vitscope.tui.library import (
    Column,
    Failure,
    Item,
    Listing,
    Maps,
    Numbers,
    WantAligned,
    WantMaps,
    WantNumbers,
    WantOffsets,
    WantPicture,
    WantTags,
)
from vitscope.tui.state import Facts, State

KEPT = 256  # items; the largest are maps of one query, a few hundred kilobytes each


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
    "tag": Quantity("tags", "tag", True),
}
OPT_IN = ("position-deviation",)


@dataclass
class Book:
    """What the worker has read. Items are looked up by what was wanted; missing ones are None."""

    listing: Listing | None = None
    items: OrderedDict[Item, object] = field(default_factory=OrderedDict)
    images: dict[str, list[str]] = field(default_factory=dict)  # run -> names of its gallery

    def keep(self, item: Item, value: object) -> None:
        """Remember an item; the ones used longest ago are forgotten."""
        self.items[item] = value
        while len(self.items) > KEPT:
            self.items.popitem(last=False)

    def get(self, item: Item) -> object | None:
        """The item, a Failure, or None if it has not been read yet."""
        value = self.items.get(item)
        if value is not None:
            self.items.move_to_end(item)
        return value

    def run(self, state: State) -> Run | None:
        """The open run."""
        return self.listing.run(state.run) if self.listing else None

    def gallery(self, state: State) -> list[str]:
        """Names of the gallery's images."""
        return self.images.get(state.run or "", [])

    def column(self, run: Run, name: str) -> Column | Failure | None:
        """A number of every head, why it is missing, or None while it is read."""
        if name == "offset":
            vectors = self.get(WantOffsets(run.folder))
            return (
                Column(magnitude(vectors), None, "image side") if isinstance(vectors, np.ndarray) else _failed(vectors)
            )
        numbers = self.get(WantNumbers(run.folder))
        if not isinstance(numbers, Numbers):
            return _failed(numbers)
        if name in numbers.columns:
            return numbers.columns[name]
        return Failure(numbers.missing.get(name, f"nothing is called {name}."))

    def maps(self, state: State, run: Run, *, image: int | None = None) -> Maps | Failure | None:
        """The maps of the state's query token."""
        value = self.get(WantMaps(run.folder, state.query, state.received, image))
        return value if isinstance(value, Maps) else _failed(value)

    def quantities(self, run: Run) -> tuple[str, ...]:
        """What `v` goes through for this run: opt-in numbers only where they were measured."""
        numbers = self.get(WantNumbers(run.folder))
        have = numbers.columns if isinstance(numbers, Numbers) else {}
        names = [name for name in QUANTITIES if name not in OPT_IN or name in have]
        return tuple(name for name in names if name != "prefix-mass" or run.geometry.prefix)

    def facts(self, state: State) -> Facts:
        """What the next key press may depend on."""
        run = self.run(state)
        runs = len(self.listing.runs) if self.listing else 0
        if run is None:
            return Facts(runs=runs)
        column = self.column(run, state.quantity) if state.quantity != "tag" else None
        order = column.values.argsort(axis=1, kind="stable").tolist() if isinstance(column, Column) else []
        return Facts(
            runs=runs,
            geometry=run.geometry,
            images=len(self.gallery(state)),
            quantities=self.quantities(run),
            order=tuple(map(tuple, order)),
        )


def _failed(value: object) -> Failure | None:
    return value if isinstance(value, Failure) else None


def needs(state: State, book: Book) -> list[Item]:
    """What the page of `state` shows, the most urgent first."""
    run = book.run(state)
    if run is None or state.view == "runs":
        return []
    folder = run.folder
    mean = WantMaps(folder, state.query, state.received)
    numbers: list[Item] = [WantNumbers(folder)]
    slow: list[Item] = [WantOffsets(folder), WantTags(folder)]
    if state.view == "distance":
        return [*numbers, mean, *slow, WantAligned(folder, state.layer, state.corrected)]
    if state.view == "overview":
        return [*numbers, mean, *slow, WantAligned(folder, state.layer, state.corrected)]
    if state.view == "image":
        source = mean if state.averaged else WantMaps(folder, state.query, state.received, state.image)
        return [source, WantPicture(folder, state.image), *numbers, *slow]
    return [mean, WantAligned(folder, state.layer, state.corrected), *numbers, *slow]
