"""State: where one is and how one looks. Frozen; every key makes a new one (`keys`), every page is drawn from one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from vitscope.derive.query import Query, instead_of_cls
from vitscope.geometry import Geometry
from vitscope.tui.features import START, Candidate, Features
from vitscope.tui.finding import Finding, Spot
from vitscope.tui.opening import Opening
from vitscope.tui.panels import Masks, Panels, Sheet
from vitscope.tui.prompt import Prompt
from vitscope.tui.side import Peer, Side, patch_of

View = Literal[
    "runs", "overview", "layer", "head", "image", "images", "distance", "saliency", "models", "find", "cka", "residual",
    "curves", "results", "info",
]  # fmt: skip
Scale = Literal["head", "layer", "model"]
SCALES: tuple[Scale, ...] = ("head", "layer", "model")
PICTURED: tuple[View, ...] = ("layer", "models")
"""Pages that show the mean over all images, or the attention in the image that was looked at."""


@dataclass(frozen=True)
class Known:
    """A run of the cache, as far as places need it."""

    name: str  # of its folder
    model: str
    geometry: Geometry
    images: int  # in its gallery
    lesser: tuple[bool, bool] = (False, False)  # whether it only holds vectors, whether it is not finished


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a key press may depend on besides the state: how far things go. Layers, heads and so on count from 0."""

    runs: int = 0
    geometry: Geometry | None = None  # of the open run
    images: int = 0  # in its gallery, and opened live
    live: int = 0  # of these were opened live
    unseen: str = ""  # path of the live image on screen, if this model has not seen it
    quantities: tuple[str, ...] = ()  # what `v` goes through
    order: tuple[tuple[int, ...], ...] = ()  # heads of each layer by the value of the chosen number, where it is known
    candidates: tuple[Candidate, ...] = ()  # runs that can be compared with the open one, itself among them
    peers: tuple[Peer, ...] = ()  # models measured on the images of the open run, itself among them
    scores: tuple[str, ...] = ()  # what the page of tasks can show
    tasks: tuple[str, ...] = ()  # the first of them of every task
    longest: int = 0  # layers of the deepest model there
    known: tuple[Known, ...] = ()  # the runs on the page of runs, from the first line on
    sheet: Sheet = Sheet()  # noqa: RUF009 (frozen): the table of results
    masks: tuple[Masks, ...] = ()  # evaluations with masks of the open model
    entries: int = 0  # of the run information
    found: tuple[Spot, ...] = ()  # heads that were searched for, in their order
    searchable: tuple[str, ...] = ()  # numbers that a query may name, where they are known


class Wish(NamedTuple):
    """A coordinate as it was chosen in a model that has it, while the open one shows the nearest that it has.

    Wishes for "layer", "head", "kind" and "patch" come from `opened`, those for a "rank" among heads from `side`.
    """

    name: str
    value: Any
    geometry: Geometry  # of that model


@dataclass(frozen=True, kw_only=True)
class State:
    """A place and a way of looking at it. Changing one coordinate keeps all others."""

    trail: tuple[View, ...] = ("runs",)  # the last is the page on screen; Esc takes it off
    run: str | None = None  # folder name
    cursor: int = 0  # line on the page of runs
    layer: int = 0
    head: int = 0
    image: int = 0
    kind: Literal["cls", "register", "spatial", "patch"] = "cls"  # which query token; the first register
    patch: tuple[int, int] | None = None  # the last patch chosen, kept while CLS or the mean are looked at
    wishes: tuple[Wish, ...] = ()  # coordinates to take up again in a model that has them
    received: bool = False  # attention that the token receives (a column of A) instead of gives (a row)
    averaged: bool = False  # on the image page: the mean over all images instead of this one's attention
    small: bool = False  # on the page of all heads: small maps of all of them, layer by layer, instead of numbers
    pictured: bool = False  # on the pages of a layer and of models: attention in the image instead of the mean
    overlay: bool = True  # on the image page: attention over the photograph
    quantity: str = "distance"
    scale: Scale = "head"
    log: bool = False
    corrected: bool = False  # AAAM divided by how many queries can see each displacement
    side: Side = Side()  # noqa: RUF009 (frozen)
    panels: Panels = Panels()  # noqa: RUF009 (frozen)
    features: Features = START  # where one is on the pages about features
    finding: Finding = Finding()  # noqa: RUF009 (frozen)
    opening: Opening = Opening()  # noqa: RUF009 (frozen)
    light: bool = False
    palette: str = "inferno"
    prompt: Prompt | None = None  # the line that is being typed, in place of the footer
    help: bool = False
    scroll: int = 0  # of the help
    message: str = ""  # shown in the footer until the next key
    commands: tuple[str, ...] = ()  # lines that were typed after ":"
    queries: tuple[tuple[str, str], ...] = ()  # for heads, saved under names
    last: State | None = None  # the page before this one; it has none itself
    asked: tuple[str, str] | None = None  # what the application is to do now, and with what
    leaving: bool = False  # ctrl+c was pressed once
    quit: int | None = None  # exit code

    def __post_init__(self) -> None:
        """On the plot, attention distance stands in for tags, which have no place on an axis."""
        if self.view == "distance" and self.quantity == "tag":
            object.__setattr__(self, "quantity", "distance")

    @property
    def view(self) -> View:
        """The page on screen."""
        return self.trail[-1]

    @property
    def of_image(self) -> bool:
        """Whether the page shows attention in one image, not the mean over all."""
        if self.view in PICTURED:
            return self.pictured
        return self.view == "images" or (self.view == "image" and not self.averaged)

    @property
    def query(self) -> Query:
        """The query token as `derive` names it, or the first register, which stands in for CLS."""
        if self.kind == "patch" and self.patch is not None:
            return self.patch
        return "spatial" if self.kind == "patch" else self.kind


Move = Callable[[State, Facts], State]
"""What a key does."""


def enter(state: State, view: View) -> State:
    """Go to `view`; one that is already on the trail is gone back to. From an image, its attention is taken along."""
    if view in PICTURED and state.view in {"image", "images"}:
        state = replace(state, pictured=state.of_image)
    if view in state.trail:
        return replace(state, trail=state.trail[: state.trail.index(view) + 1])
    return replace(state, trail=(*state.trail, view))


def instead(geometry: Geometry) -> Literal["cls", "register", "spatial"]:
    """CLS, or what stands in for it in a model without one: its first register, else the mean of all patches."""
    name, _ = instead_of_cls(geometry)
    return "cls" if name == "cls" else "spatial" if name == "spatial" else "register"


def jumped(before: State, after: State) -> State:
    """`after` with the way back to `before`, where another page or another run is on screen now."""
    if (before.run, before.trail) == (after.run, after.trail) or after.last is not before.last:
        return after
    return replace(after, last=replace(before, last=None, prompt=None, message="", help=False, asked=None))


def choose(state: State, **coordinates: object) -> State:
    """`state` with coordinates that somebody chose; what was wished for in their place is forgotten."""
    wishes = tuple(wish for wish in state.wishes if wish.name not in coordinates)
    return replace(state, **{**coordinates, "wishes": wishes})


def opened(state: State, run: str, geometry: Geometry, here: Geometry | None = None) -> State:
    """`state` with another run open, at the same layer, head and query token, or the nearest that its model has.

    What was chosen in a model with more of them is wished for, and taken up in the next model that has it, unless
    something else was chosen meanwhile. A patch stays over the same place of the picture; `here` is the geometry of the
    model before, None where the patch is not from another grid.
    """
    meant = {name: (getattr(state, name), here or geometry) for name in _NEAREST}
    meant |= {wish.name: (wish.value, wish.geometry) for wish in state.wishes if wish.name in meant}
    there = {name: _NEAREST[name](value, of, geometry) for name, (value, of) in meant.items()}
    differ = {name for name in meant if there[name] != meant[name][0]}
    if there["patch"] is not None and meant["patch"][1] != geometry:  # where it is in another grid, it may move again
        differ.add("patch")
    wishes = tuple(Wish(name, *meant[name]) for name in meant if name in differ)
    return replace(state, run=run, wishes=wishes, **there)


def _patch(patch: tuple[int, int] | None, of: Geometry, there: Geometry) -> tuple[int, int] | None:
    if patch is None:
        return None
    row, column = patch_of(patch, of, there)
    return min(row, there.rows - 1), min(column, there.columns - 1)


_NEAREST: dict[str, Callable[[Any, Geometry, Geometry], Any]] = {
    "layer": lambda layer, _of, there: min(layer, there.layers - 1),
    "head": lambda head, _of, there: min(head, there.heads - 1),
    "kind": lambda kind, _of, there: instead(there) if kind in {"cls", "register"} else kind,
    "patch": _patch,
}
"""A coordinate of one model in another."""
