"""Places in words: MODEL[/LAYER[/HEAD]][@VIEW[:IMAGE]][?NAME=VALUE&…], everything counted from 1.

A place is what `browse` takes and what is copied, saved and gone to. Its model may be the name of a run's folder. What
a place leaves out has its usual value, so that a place means the same wherever one comes from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args
from urllib.parse import quote_plus, unquote_plus

from vitscope.errors import UnknownName, ViewError
from vitscope.geometry import Geometry
from vitscope.spec import slug
from vitscope.store.reader import Cache, Run
from vitscope.store.text import printable
from vitscope.tui import finding
from vitscope.tui.features import BRANCHES, TOKENS
from vitscope.tui.state import SCALES, Known, State, View, opened

VIEWS: tuple[View, ...] = get_args(View)
NAMED = 6  # runs of a name that means several
_VIEW = re.compile(r"(?P<rest>.*)@(?P<view>[a-z-]+)(?::(?P<image>\d{1,9}))?")


@dataclass(frozen=True)
class Place:
    """The parts of a place as they were typed; None or empty where they were left out."""

    model: str
    numbers: tuple[int, ...] = ()  # layer, head
    view: View | None = None
    image: int | None = None
    query: tuple[tuple[str, str], ...] = ()


def parse(text: str) -> Place:
    """The parts of a place; a model's own name may hold slashes. UnknownName, ViewError.

    >>> parse("timm/vit_small/7/3@image:2?q=5,9")
    Place(model='timm/vit_small', numbers=(7, 3), view='image', image=2, query=(('q', '5,9'),))
    """
    rest, _, asked = printable(text.strip()).partition("?")
    view, image = None, None
    if found := _VIEW.fullmatch(rest):
        rest, name, number = found["rest"], found["view"], found["image"]
        if name not in VIEWS:
            raise UnknownName("view", name, VIEWS)
        view, image = cast(View, name), int(number) if number else None
    parts = rest.strip("/").split("/")
    numbers: list[int] = []
    while len(parts) > 1 and len(numbers) < 2 and re.fullmatch(r"\d{1,9}", parts[-1]):
        numbers.insert(0, int(parts.pop()))
    pairs = [part.partition("=")[::2] for part in asked.split("&") if part]
    query = tuple((name, printable(unquote_plus(value))) for name, value in pairs)
    return Place("/".join(parts), tuple(numbers), view, image, query)


def spelled(state: State, known: Sequence[Known]) -> str:
    """The place of a state: what `resolved` makes the same page of.

    >>> run = Known("mae-1234abcd", "mae", Geometry(8, 6, ("cls",), 4, 4, (8, 8)), 3)
    >>> spelled(State(trail=("runs", "overview", "head"), run=run.name, layer=6, head=2), [run])
    'mae/7/3@head'
    """
    run = next((run for run in known if run.name == state.run), None)
    if run is None or state.view == "runs":
        return "@runs"
    asked = [(name, aspect.get(state)) for name, aspect in ASPECTS.items()]
    asked.append(("with", _named(state.features.other, known) if state.features.other else ""))
    query = "&".join(f"{name}={quote_plus(value, safe=',/:.')}" for name, value in asked if value)
    kept = 0 <= state.image < run.images  # one that was opened live is gone with the browser
    there = {"image": kept, "images": run.images > 0}.get(state.view, True)
    view = state.view if there else "head"
    image = f":{state.image + 1}" if kept and (state.image or view == "image") else ""
    place = f"{_named(run.name, known)}/{state.layer + 1}/{state.head + 1}@{view}{image}"
    return f"{place}?{query}" if query else place


def resolved(text: str, known: Sequence[Known], look: State) -> State:
    """The state of a place, with theme and palette of `look`; UnknownName, ViewError for what is not there."""
    place = parse(text)
    state = State(light=look.light, palette=look.palette, side=look.side, cursor=look.cursor)
    state = replace(state, commands=look.commands, queries=look.queries)
    if not place.model:
        if place.view in {None, "runs"}:
            return state
        raise ViewError(f"{printable(text)} names no model: a place is MODEL/LAYER/HEAD@VIEW.")
    run = known_as(place.model, known)
    layer, head = [*place.numbers, *[1] * (2 - len(place.numbers))]
    _inside(run.geometry.layers, layer, "layer", run)
    _inside(run.geometry.heads, head, "head", run)
    view: View = place.view or ("head" if len(place.numbers) == 2 else "overview")
    image = 1 if place.image is None else place.image
    if view in {"image", "images"} or place.image is not None:
        if not run.images:
            raise ViewError(f"{run.model} kept no images: measure them with --metrics gallery.")
        _inside(run.images, image, "image", run)
    state = replace(state, trail=trail(view), layer=layer - 1, head=head - 1, image=image - 1)
    state = opened(replace(state, cursor=list(known).index(run)), run.name, run.geometry)
    for name, value in place.query:
        state = _asked(state, name, value, run.geometry, known)
    return state


def trail(view: View) -> tuple[View, ...]:
    """The pages that Esc leads back through from a view."""
    above: dict[View, tuple[View, ...]] = {
        "runs": (),
        "overview": ("runs",),
        "image": ("runs", "overview", "head"),
    }
    return (*above.get(view, ("runs", "overview")), view)


def known_as(name: str, known: Sequence[Known]) -> Known:
    """The run of a name, as `Cache.find` has it; UnknownName."""
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


def starting(cache: Path, place: str | None) -> State:
    """Where the browser starts; StoreError without such a run, ViewError or UnknownName without such a place in it."""
    if place is None:
        return State()
    found = Cache(cache)
    model = parse(place).model
    run = found.find(model) if model else None  # which says best what there is instead
    runs = [each for each in found.runs() if not each.spec.task]
    known = [Known(each.folder.name, each.model, each.geometry, 0, _lesser(each)) for each in runs]
    if run is not None:
        from vitscope.tui.readers import image_names  # noqa: PLC0415 (which needs more than places do)

        images = len(image_names(run))
        known = [replace(each, images=images) if each.name == run.folder.name else each for each in known]
    return resolved(place, known, State())


def _lesser(run: Run) -> tuple[bool, bool]:
    return run.only_vectors, not run.complete


def _named(name: str, known: Sequence[Known]) -> str:
    """The shortest name that means the run in the folder `name`."""
    model = next((run.model for run in known if run.name == name), name)
    same = [run for run in known if run.model == model]
    first = bool(same) and min(same, key=lambda run: run.lesser).name == name
    return model if first and "?" not in model else name  # what follows a "?" is no part of a name


def _inside(count: int, number: int, noun: str, run: Known) -> None:
    if not 1 <= number <= count:
        raise ViewError(f"{run.model} has no {noun} {number}: its {noun}s go from 1 to {count}.")


@dataclass(frozen=True)
class Aspect:
    """A NAME of the part after "?": its value in a state ("": the usual one), and the state with another value.

    `put` gives None for a value that makes no sense; `takes` says which do.
    """

    get: Callable[[State], str]
    put: Callable[[State, str, Geometry], State | None]
    takes: str


def _query(state: State) -> str:
    if state.kind == "patch" and state.patch is not None:
        return f"{state.patch[0] + 1},{state.patch[1] + 1}"
    return "mean" if state.kind == "spatial" else ""


def _put_query(state: State, value: str, geometry: Geometry) -> State | None:
    if value == "mean" or (value == "cls" and "cls" in geometry.prefix):
        return replace(state, kind="cls" if value == "cls" else "spatial")
    found = re.fullmatch(r"(\d{1,4}),(\d{1,4})", value)
    if not found or not (0 < int(found[1]) <= geometry.rows and 0 < int(found[2]) <= geometry.columns):
        return None
    return replace(state, kind="patch", patch=(int(found[1]) - 1, int(found[2]) - 1))


def _flag(part: str, name: str) -> Aspect:
    def put(state: State, value: str, _geometry: Geometry) -> State | None:
        return _set(state, part, name, value == "yes") if value in {"yes", "no"} else None

    return Aspect(lambda state: "yes" if getattr(_part(state, part), name) else "", put, "yes or no")


def _choice(part: str, name: str, choices: Sequence[str]) -> Aspect:
    """One of several words; the first is the usual one."""

    def get(state: State) -> str:
        value = getattr(_part(state, part), name)
        return "" if choices and value == choices[0] else str(value)

    def put(state: State, value: str, _geometry: Geometry) -> State | None:
        if choices and value not in choices:
            return None
        return _set(state, part, name, value)

    return Aspect(get, put, " or ".join(choices) or "a name")


def _part(state: State, part: str) -> object:
    """The state itself for "", else its field of that name."""
    return getattr(state, part) if part else state


def _set(state: State, part: str, name: str, value: object) -> State:
    return replace(state, **{part: replace(getattr(state, part), **{name: value})} if part else {name: value})


def _column(state: State, value: str, _geometry: Geometry) -> State | None:
    found = re.fullmatch(r"[1-9]\d{0,3}", value)
    return _set(state, "features", "column", int(value) - 1) if found else None


def _search(state: State, value: str, _geometry: Geometry) -> State:
    return finding.changed(state, query=value, good=value)


NUMBERS = ("distance", "entropy", "offset", "prefix-mass", "position-deviation", "iou", "tag")

ASPECTS: dict[str, Aspect] = {
    "q": Aspect(_query, _put_query, "cls, mean or a patch ROW,COLUMN of this model"),
    "number": _choice("", "quantity", NUMBERS),
    "received": _flag("", "received"),
    "small-maps": _flag("", "small"),
    "all-images": _flag("", "averaged"),
    "scale": _choice("", "scale", SCALES),
    "log": _flag("", "log"),
    "corrected": _flag("", "corrected"),
    "across": _flag("features", "across"),
    "column": Aspect(lambda s: str(s.features.column + 1) if s.features.column else "", _column, "a number from 1"),
    "tokens": _choice("features", "tokens", TOKENS),
    "branch": _choice("features", "branch", BRANCHES),
    "score": _choice("features", "score", ()),
    "alone": _flag("features", "alone"),
    "find": Aspect(lambda state: state.finding.query, _search, "a query for heads"),
}
"""What can follow "?"; besides these, `with` names the model that CKA compares with."""


def _asked(state: State, name: str, value: str, geometry: Geometry, known: Sequence[Known]) -> State:
    """The state with one NAME=VALUE; ViewError, UnknownName."""
    if name == "with":
        return _set(state, "features", "other", known_as(value, known).name)
    if name not in ASPECTS:
        raise UnknownName("part of a place", name, (*ASPECTS, "with"))
    after = ASPECTS[name].put(state, value, geometry)
    if after is None:
        raise ViewError(f"{name}={printable(value)}: {name} takes {ASPECTS[name].takes}.")
    return after
