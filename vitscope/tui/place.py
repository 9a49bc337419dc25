"""Places as they are typed: MODEL, MODEL/LAYER or MODEL/LAYER/HEAD, counted from 1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vitscope.errors import ViewError
from vitscope.geometry import Geometry
from vitscope.store.reader import Cache
from vitscope.tui.state import State, opened


def parse(place: str) -> tuple[str, list[int]]:
    """The model, and the numbers after it; a model's own name may hold slashes.

    >>> parse("timm/vit_small/7/3")
    ('timm/vit_small', [7, 3])
    """
    parts = place.strip().strip("/").split("/")
    numbers: list[int] = []
    while len(parts) > 1 and len(numbers) < 2 and parts[-1].isdecimal():
        numbers.insert(0, int(parts.pop()))
    return "/".join(parts), numbers


def starting(cache: Path, place: str | None) -> State:
    """Where the browser starts; StoreError without such a run, ViewError without such a layer or head."""
    if place is None:
        return State()
    model, numbers = parse(place)
    found = Cache(cache)
    run = found.find(model)
    names = [other.folder.name for other in found.runs()]
    state = replace(State(trail=("runs", "overview")), cursor=names.index(run.folder.name))
    layer, head = [*numbers, *[1] * (2 - len(numbers))]
    _check(run.geometry, layer, head, model)
    state = replace(state, layer=layer - 1, head=head - 1)
    if len(numbers) == 2:
        state = replace(state, trail=(*state.trail, "head"))
    return opened(state, run.folder.name, run.geometry)


def _check(geometry: Geometry, layer: int, head: int, model: str) -> None:
    if not 1 <= layer <= geometry.layers:
        raise ViewError(f"{model} has no layer {layer}: its layers go from 1 to {geometry.layers}.")
    if not 1 <= head <= geometry.heads:
        raise ViewError(f"{model} has no head {head}: its heads go from 1 to {geometry.heads}.")
