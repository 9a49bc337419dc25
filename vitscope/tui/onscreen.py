"""Pages as views that `show` does not have: curves of tasks, heads that were found, maps as they are drawn."""

from __future__ import annotations

import numpy as np

from vitscope.errors import ViewError
from vitscope.export.data import TAG
from vitscope.spec import slug
from vitscope.store.reader import Run
from vitscope.tui import searching
from vitscope.tui.book import Book, shown_score
from vitscope.tui.curves import Score
from vitscope.tui.library import Maps
from vitscope.tui.screens.maps import asked
from vitscope.tui.side import moved
from vitscope.tui.state import State
from vitscope.views import Column, View
from vitscope.views.select import Selection, build, grid_coords

WAIT = "this is still being read: once more in a moment."


def curves(state: State, book: Book, run: Run) -> View:
    """The number on the page of tasks, a line a model; shorter ones end in NaN."""
    scores = book.scores(run)
    if not isinstance(scores, dict) or not scores:
        raise ViewError("no task has been evaluated in this cache: there is nothing to write.")
    name = shown_score(state, scores)
    score: Score = scores[name]
    deep = max(map(len, score.values), default=0)
    values = np.full((len(score.values), deep), np.nan)
    for row, found in zip(values, score.values, strict=True):
        row[: len(found)] = found
    return View(
        name="curves",
        title=f"{name}, layer by layer",
        model=", ".join(score.models),
        dataset=score.dataset,
        images=run.images,
        unit="",
        protocol=run.spec.protocol,
        dims=("model", "layer"),
        coords={"model": list(score.models), "layer": list(range(1, deep + 1))},
        values=None,
        columns={slug(name): Column(values=values, unit="1")},
        spec={},
        notes=[],
    )


def found(state: State, book: Book, run: Run) -> View:
    """The heads of the list in its order, each by its place, with all numbers and its tags."""
    brought = searching.found(book, state, run)
    if brought is None:
        raise ViewError(WAIT)
    if not brought.spots:
        raise ViewError("no head fits: there is nothing to write.")
    heads, rows = brought.heads, brought.rows
    tags = np.empty(len(rows), dtype=object)
    tags[:] = [list(heads.tags[row]) for row in rows]
    columns = {name: Column(values=values[rows], unit="1") for name, values in heads.numbers.items()}
    models = [str(heads.model[row]) for row in rows]
    places = [f"{heads.model[row]}/{heads.layer[row]}/{heads.head[row]}" for row in rows]
    return View(
        name="found",
        title=f"Heads: {state.finding.good.strip() or ('most alike' if state.finding.like else 'all')}",
        model=", ".join(dict.fromkeys(models)),
        dataset=run.dataset,
        images=run.images,
        unit="",
        protocol=run.spec.protocol,
        dims=("place",),
        coords={"place": places, "model": models},
        values=None,
        columns={**columns, "tags": Column(values=tags, unit=TAG)},
        spec={},
        notes=[],
    )


def attention(state: State, book: Book, run: Run) -> list[View]:
    """The maps of the page as they are drawn: of an image that was opened live, or of attention received."""
    if state.view != "models":
        return [_maps(state, book, run)]
    views = []
    for peer in book.peers(state, run):
        other = book.listing.run(peer.name) if book.listing else None
        if other is not None:
            theirs = state if peer.name == state.run else moved(state, run.geometry, peer)
            views.append(_maps(theirs, book, other))
    return views


def _maps(state: State, book: Book, run: Run) -> View:
    image = state.image if state.view == "images" or (state.view == "image" and not state.averaged) else None
    maps = book.maps(state, run, image=image)
    if maps is None:
        raise ViewError(WAIT)
    if not isinstance(maps, Maps):
        raise ViewError(maps.sentence)
    chosen = Selection(run, state.layer, None if state.view in {"layer", "models"} else state.head)
    name = "" if image is None else f", {book.gallery(state)[image]}"
    return build(
        run,
        name="attention",
        title=f"Attention {asked(state)}{chosen}{name}",
        images=run.images if image is None else 1,
        coords={**chosen.coords(), **grid_coords(run)},
        fixed=chosen.fixed(),
        unit="1",
        values=np.asarray(chosen.pick(maps.patches), dtype=float),
        notes=[],
    )
