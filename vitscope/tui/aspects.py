"""What a place says after "?": ways of looking as NAME=VALUE, each from a state and back into one. Pure.

Names and values come from outside as well: what makes no sense is a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vitscope.errors import UnknownName, ViewError
from vitscope.geometry import Geometry
from vitscope.spec import slug
from vitscope.store.text import printable
from vitscope.tui import comparing, finding
from vitscope.tui.features import BRANCHES, TOKENS
from vitscope.tui.finding import Spot
from vitscope.tui.panels import EVERY
from vitscope.tui.state import SCALES, Known, State, choose

NAMED = 6  # runs of a name that means several
NUMBERS = ("distance", "entropy", "offset", "prefix-mass", "position-deviation", "iou", "tag")
MODES = ("cls", "spatial", "centre")
YES = ("yes", "no")


@dataclass(frozen=True)
class Aspect:
    """A NAME: its value in a state ("": the usual one), and the state with another value.

    `put` gives None for a value that makes no sense, and raises UnknownName or ViewError where there is more to say.
    `takes` says which values do, `about` what for.
    """

    get: Callable[[State, Sequence[Known]], str]
    put: Callable[[State, str, Sequence[Known]], State | None]
    takes: str
    about: str


def known_as(name: str, known: Sequence[Known]) -> Known:
    """The run of a name, as `Cache.find` has it; UnknownName, ViewError."""
    for same in (
        [run for run in known if run.name == name],
        [run for run in known if run.model == name],
        [run for run in known if slug(run.model) == name],
        [run for run in known if name and run.name.startswith(name)],
    ):
        if len({run.model for run in same}) > 1:
            some = ", ".join(run.name for run in same[:NAMED]) + (" …" if len(same) > NAMED else "")
            raise ViewError(f"{printable(name)!r} could be any of {len(same)}: {some}: type more.")
        if same:
            return min(same, key=lambda run: run.lesser)
    raise UnknownName("model", name, dict.fromkeys(run.model for run in known))


def named(name: str | None, known: Sequence[Known]) -> str:
    """The shortest name that means the run in the folder `name`; "" where there is none."""
    model = next((run.model for run in known if run.name == name), None)
    if model is None or name is None:
        return ""
    first = min((run for run in known if run.model == model), key=lambda run: run.lesser).name == name
    return model if first and not {*model} & {"?", ","} else name  # which end a name, in a place and in a pair


def inside(count: int, number: int, noun: str, run: Known) -> None:
    """ViewError where a run has no such layer, head or image, counted from 1."""
    if not 1 <= number <= count:
        raise ViewError(f"{run.model} has no {noun} {number}: its {noun}s go from 1 to {count}.")


def applied(state: State, name: str, value: str, known: Sequence[Known]) -> State:
    """The state with one NAME=VALUE; ViewError, UnknownName."""
    if name not in ASPECTS:
        raise UnknownName("part of a place", name, ASPECTS)
    after = ASPECTS[name].put(state, value, known)
    if after is None:
        raise ViewError(f"{name}={printable(value)}: {name} takes {ASPECTS[name].takes}.")
    return after


def _grid(state: State, known: Sequence[Known]) -> Geometry:
    return next(run.geometry for run in known if run.name == state.run)


def _query(state: State, _known: Sequence[Known]) -> str:
    if state.kind == "patch" and state.patch is not None:
        return _counted(state.patch)
    stands_in = any(wish.name == "kind" for wish in state.wishes)  # for CLS, which this model lacks
    return "mean" if state.kind == "spatial" and not stands_in else ""


def _put_query(state: State, value: str, known: Sequence[Known]) -> State | None:
    if value == "mean" or (value == "cls" and "cls" in _grid(state, known).prefix):
        return choose(state, kind="cls" if value == "cls" else "spatial")
    patch = _patch(value, _grid(state, known))
    return None if patch is None else choose(state, kind="patch", patch=patch)


def _kept(state: State, _known: Sequence[Known]) -> str:
    """The patch that is not the query now."""
    return "" if state.kind == "patch" or state.patch is None else _counted(state.patch)


def _put_kept(state: State, value: str, known: Sequence[Known]) -> State | None:
    patch = _patch(value, _grid(state, known))
    return None if patch is None else choose(state, patch=patch)


def _counted(patch: tuple[int, int]) -> str:
    return f"{patch[0] + 1},{patch[1] + 1}"


def _patch(text: str, grid: Geometry) -> tuple[int, int] | None:
    found = re.fullmatch(r"(\d{1,4}),(\d{1,4})", text, re.ASCII)
    if not found or not (0 < int(found[1]) <= grid.rows and 0 < int(found[2]) <= grid.columns):
        return None
    return int(found[1]) - 1, int(found[2]) - 1


def _like(state: State, known: Sequence[Known]) -> str:
    spot = state.finding.like
    model = named(spot.run, known) if spot else ""
    return f"{model}/{spot.layer + 1}/{spot.head + 1}" if spot and model else ""


def _put_like(state: State, value: str, known: Sequence[Known]) -> State | None:
    found = re.fullmatch(r"(.+)/(\d{1,9})/(\d{1,9})", value, re.ASCII)
    if not found:
        return None
    run, layer, head = known_as(found[1], known), int(found[2]), int(found[3])
    inside(run.geometry.layers, layer, "layer", run)
    inside(run.geometry.heads, head, "head", run)
    return finding.changed(state, like=Spot(run.name, layer - 1, head - 1))


def _pair(state: State, known: Sequence[Known]) -> str:
    row, column = (named(name, known) for name in state.features.pair)
    return f"{row},{column}" if row and column and "," not in row else ""


def _put_pair(state: State, value: str, known: Sequence[Known]) -> State | None:
    row, comma, column = value.partition(",")
    pair = (known_as(row, known).name, known_as(column, known).name) if comma else None
    return comparing.changed(state, pair=pair) if pair else None


def _put_difference(state: State, value: str, _known: Sequence[Known]) -> State | None:
    """As the key does it: where no model is pinned, this one is."""
    pin = state.side.pin or (state.run if value == YES[0] else None)
    return replace(state, side=replace(state.side, difference=value == YES[0], pin=pin)) if value in YES else None


def _put_search(state: State, value: str, _known: Sequence[Known]) -> State:
    return finding.changed(state, query=value, good=value)


def _flag(part: str, name: str, about: str, *, usual: bool = False) -> Aspect:
    def get(state: State, _known: Sequence[Known]) -> str:
        value = getattr(_part(state, part), name)
        return "" if value == usual else YES[0] if value else YES[1]

    def put(state: State, value: str, _known: Sequence[Known]) -> State | None:
        return _set(state, part, name, value == YES[0]) if value in YES else None

    return Aspect(get, put, " or ".join(YES), about)


def _choice(part: str, name: str, choices: Sequence[str], about: str) -> Aspect:
    """One of several words; the first is the usual one, which may be ""."""
    words = [word for word in choices if word]

    def get(state: State, _known: Sequence[Known]) -> str:
        value = getattr(_part(state, part), name)
        return "" if value == choices[0] else str(value)

    def put(state: State, value: str, _known: Sequence[Known]) -> State | None:
        return _set(state, part, name, value) if value in words else None

    return Aspect(get, put, f"{', '.join(words[:-1])} or {words[-1]}", about)


def _name(part: str, name: str, takes: str, about: str) -> Aspect:
    """A name of something that the page may not have; then it shows the first of what it has."""

    def get(state: State, _known: Sequence[Known]) -> str:
        return str(getattr(_part(state, part), name))

    def put(state: State, value: str, _known: Sequence[Known]) -> State | None:
        return _set(state, part, name, value)

    return Aspect(get, put, takes, about)


def _run(part: str, name: str, about: str) -> Aspect:
    """A run of the cache, which a state has by the name of its folder."""

    def get(state: State, known: Sequence[Known]) -> str:
        return named(getattr(_part(state, part), name), known)

    def put(state: State, value: str, known: Sequence[Known]) -> State | None:
        return _set(state, part, name, known_as(value, known).name)

    return Aspect(get, put, "MODEL", about)


def _number(part: str, name: str, about: str) -> Aspect:
    """A place in what the page shows, counted from 1; past its end it is the last."""

    def get(state: State, _known: Sequence[Known]) -> str:
        value = getattr(_part(state, part), name)
        return str(value + 1) if value else ""

    def put(state: State, value: str, _known: Sequence[Known]) -> State | None:
        found = re.fullmatch(r"[1-9]\d{0,5}", value, re.ASCII)
        return _set(state, part, name, int(value) - 1) if found else None

    return Aspect(get, put, "a number from 1", about)


def _part(state: State, part: str) -> object:
    """The state itself for "", else its field of that name."""
    return getattr(state, part) if part else state


def _set(state: State, part: str, name: str, value: object) -> State:
    return replace(state, **{part: replace(getattr(state, part), **{name: value})} if part else {name: value})


ASPECTS: dict[str, Aspect] = {
    "q": Aspect(_query, _put_query, "cls, mean or a patch ROW,COLUMN of this model", "the query token"),
    "patch": Aspect(_kept, _put_kept, "a patch ROW,COLUMN of this model", "the last patch, where the query is another"),
    "number": _choice("", "quantity", NUMBERS, "the number that colours and orders heads"),
    "scale": _choice("", "scale", SCALES, "where the scale of colours ends"),
    "log": _flag("", "log", "whether it is logarithmic"),
    "received": _flag("", "received", "attention that the token receives instead of gives"),
    "small-maps": _flag("", "small", "overview: small maps of all heads"),
    "corrected": _flag("", "corrected", "head: the AAAM divided by coverage"),
    "overlay": _flag("", "overlay", "image, images: attention over the photograph", usual=True),
    "all-images": _flag("", "averaged", "image: the mean over all images"),
    "one-image": replace(
        _flag("", "pictured", "layer, models: attention in the image instead of the mean"),
        get=lambda state, _known: "yes" if state.pictured and state.image >= 0 else "",
    ),
    "models": _choice("panels", "every", EVERY, "distance: this model, a plot for each model, a line for each"),
    "mode": _choice("panels", "mode", ("", *MODES), "saliency: whose attention"),
    "masks": _name("panels", "masks", "the folder of an evaluation", "saliency: which masks"),
    "pin": _run("side", "pin", "models: the model that the others are compared with"),
    "difference": replace(
        _flag("side", "difference", "models: what the others have more or less than it"), put=_put_difference
    ),
    "ordered": _flag("side", "ordered", "models: heads in the order of the number"),
    "find": Aspect(lambda state, _known: state.finding.query, _put_search, "a query", "which heads are searched for"),
    "like": Aspect(_like, _put_like, "MODEL/LAYER/HEAD", "find: the head that all others are compared with"),
    "everywhere": _flag("finding", "everywhere", "find: the heads of all models"),
    "line": _number("finding", "at", "find: the line under the cursor"),
    "with": _run("features", "other", "cka: the model of the columns"),
    "across": _flag("features", "across", "cka: last layers of all models"),
    "pair": Aspect(_pair, _put_pair, "MODEL,MODEL", "cka: the two models under the cursor there"),
    "tokens": _choice("features", "tokens", TOKENS, "cka: of which tokens"),
    "branch": _choice("features", "branch", BRANCHES, "residual: what a block adds, or norms of tokens"),
    "column": _number("features", "column", "cka, residual: the layer of the column; curves: the layer that is read"),
    "score": _name("features", "score", "a name", "curves: the number that is shown"),
    "alone": _flag("features", "alone", "curves: this number alone"),
    "row": _name("panels", "model", "a name", "results: the model under the cursor"),
    "task": _name("panels", "column", "a name", "results: the task under the cursor"),
    "sort": _name("panels", "sort", "a name", "results: the task by which models are ordered"),
    "entry": _number("panels", "scroll", "info: the first entry on the page"),
}
