"""Places in words: MODEL[/LAYER[/HEAD]][@VIEW[:IMAGE]][?NAME=VALUE&…], everything counted from 1.

A place is what `browse` takes and what is copied, saved and gone to. Its model may be the name of a run's folder. What
a place leaves out has its usual value, so that a place means the same wherever one comes from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args
from urllib.parse import quote_plus, unquote_plus

from vitscope.errors import UnknownName, ViewError
from vitscope.store.reader import Cache, Run
from vitscope.store.text import printable
from vitscope.tui.aspects import ASPECTS, applied, inside, known_as, named
from vitscope.tui.state import Known, State, View, opened

VIEWS: tuple[View, ...] = get_args(View)
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
    """The place of a state: what `resolved` makes the same page of. What the cache does not hold any more is left out.

    >>> from vitscope.geometry import Geometry
    >>> run = Known("mae-1234abcd", "mae", Geometry(8, 6, ("cls",), 4, 4, (8, 8)), 3)
    >>> spelled(State(trail=("runs", "overview", "head"), run=run.name, layer=6, head=2), [run])
    'mae/7/3@head'
    """
    run = next((run for run in known if run.name == state.run), None)
    if run is None or state.view == "runs":
        return "@runs"
    values = [(name, aspect.get(state, known)) for name, aspect in ASPECTS.items()]
    query = "&".join(f"{name}={quote_plus(value, safe=',/:.')}" for name, value in values if value)
    kept = 0 <= state.image < run.images  # one that was opened live is gone with the browser
    there = {"image": kept, "images": run.images > 0}.get(state.view, True)
    view = state.view if there else "head"
    image = f":{state.image + 1}" if kept and (state.image or view == "image") else ""
    place = f"{named(run.name, known)}/{state.layer + 1}/{state.head + 1}@{view}{image}"
    return f"{place}?{query}" if query else place


def resolved(text: str, known: Sequence[Known], look: State) -> State:
    """The state of a place, with what is of no place, such as the theme, as in `look`.

    Raises UnknownName and ViewError for what is not there.
    """
    place = parse(text)
    state = State(light=look.light, palette=look.palette, cursor=look.cursor)
    state = replace(state, commands=look.commands, queries=look.queries, opening=look.opening, last=look.last)
    if not place.model:
        if place.view in {None, "runs"}:
            return state
        raise ViewError(f"{printable(text)} names no model: a place is MODEL/LAYER/HEAD@VIEW.")
    run = known_as(place.model, known)
    layer, head = [*place.numbers, *[1] * (2 - len(place.numbers))]
    inside(run.geometry.layers, layer, "layer", run)
    inside(run.geometry.heads, head, "head", run)
    view: View = place.view or ("head" if len(place.numbers) == 2 else "overview")
    image = 1 if place.image is None else place.image
    if view in {"image", "images"} or place.image is not None:
        if not run.images:
            raise ViewError(f"{run.model} kept no images: measure them with --metrics gallery.")
        inside(run.images, image, "image", run)
    state = replace(state, trail=trail(view), layer=layer - 1, head=head - 1, image=image - 1)
    state = opened(replace(state, cursor=list(known).index(run)), run.name, run.geometry)
    for name, value in place.query:
        state = applied(state, name, value, known)
    return state


def trail(view: View) -> tuple[View, ...]:
    """The pages that Esc leads back through from a view."""
    above: dict[View, tuple[View, ...]] = {
        "runs": (),
        "overview": ("runs",),
        "image": ("runs", "overview", "head"),
    }
    return (*above.get(view, ("runs", "overview")), view)


def starting(cache: Path, place: str | None) -> State:
    """Where the browser starts; StoreError without such a run, ViewError or UnknownName without such a place in it."""
    if place is None:
        return State()
    found = Cache(cache)
    model = parse(place).model
    run = found.find(model) if model else None  # which says best what there is instead
    if run is not None and run.only_vectors:
        raise ViewError(
            f"{run.name} holds nothing but vectors that an evaluation asked for, no heads to look at: "
            f"`vitscope extract --model {run.model} --data DIR` measures them."
        )
    runs = [each for each in found.runs() if not each.spec.task and not each.only_vectors]
    known = [Known(each.folder.name, each.model, each.geometry, 0, _lesser(each)) for each in runs]
    if run is not None:
        from vitscope.tui.readers import image_names  # noqa: PLC0415 (which needs more than places do)

        images = len(image_names(run))
        known = [replace(each, images=images) if each.name == run.folder.name else each for each in known]
    return resolved(place, known, State())


def _lesser(run: Run) -> tuple[bool, bool]:
    return run.only_vectors, not run.complete
