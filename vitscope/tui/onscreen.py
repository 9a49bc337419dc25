"""Pages as views that `show` does not have: curves of tasks, heads that were found, maps as they are drawn."""

from __future__ import annotations

import numpy as np

from vitscope.derive.aligned import displacements
from vitscope.errors import ViewError
from vitscope.export.data import TAG
from vitscope.spec import slug
from vitscope.store.reader import Run
from vitscope.tui import beside, items, searching
from vitscope.tui.book import Book, shown_score
from vitscope.tui.curves import Score
from vitscope.tui.gallery import number_of
from vitscope.tui.library import Failure, Maps
from vitscope.tui.screens.maps import asked
from vitscope.tui.state import State
from vitscope.views import Column, View
from vitscope.views.aligned import NOTE
from vitscope.views.select import Selection, build, grid_coords

WAIT = "this is still being read: try again in a moment."


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
        images=score.images,
        unit="",
        protocol=score.protocol,
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


def models(state: State, book: Book, run: Run) -> list[View]:
    """The maps of the page of models as they are drawn there, a view for each model; those without maps are left out.

    In multiples of uniform attention, over the patches of each model, its heads in the order of the page; differences
    over the patches of the open one, without the pinned model and the heads that it has none for.
    """
    rows, less = beside.rows(state, book, run), ""
    if state.side.difference:
        pinned = next((row.name for row in rows if row.pinned), None)
        if pinned is None:
            raise ViewError("the pinned model was not measured on these images: p pins another.")
        rows = beside.sized(rows, state, (run.geometry.rows, run.geometry.columns))
        rows, less = [row for row in rows if not row.pinned], f", less {pinned}"
    views, why = [], WAIT
    for row in rows:
        if isinstance(row.maps, Failure):
            why = row.maps.sentence
        elif row.maps is None:
            raise ViewError(WAIT)
        else:
            chosen = Selection(row.run, row.state.layer, None)
            known = [i for i, values in enumerate(row.maps) if np.isfinite(values).all()]
            views.append(
                build(
                    row.run,
                    name="attention",
                    title=f"Attention {asked(row.state)}{_whose(state, book)}, times uniform{less}{chosen}",
                    images=1 if state.of_image else row.run.images,
                    coords={"head": [row.heads[i] + 1 for i in known], **grid_coords(run if less else row.run)},
                    fixed=chosen.fixed(),
                    unit="times uniform",
                    values=row.maps[known],
                )
            )
    if not views:
        raise ViewError(why)
    return views


def _whose(state: State, book: Book) -> str:
    """The image, where the page shows the attention in one."""
    return f" in {book.image(state)}" if state.of_image else ""


def images(state: State, book: Book, run: Run) -> View:
    """The attention over every image of the sheet, (image, row, column); images that were not seen are left out."""
    if not state.overlay:
        raise ViewError("these are photographs: w lays attention over them, and S keeps a picture of the page.")
    names, live = book.gallery(state), len(book.shots.paths)
    every = [book.maps(state, run, image=number_of(place, len(names), live)) for place in range(len(names))]
    if any(maps is None for maps in every):
        raise ViewError(WAIT)
    found = [
        (name, maps.patches[state.layer, state.head])
        for name, maps in zip(names, every, strict=True)
        if isinstance(maps, Maps)
    ]
    if not found:
        raise ViewError("there is no attention on this page: there is nothing to write.")
    chosen = Selection(run, state.layer, state.head)
    return build(
        run,
        name="attention",
        title=f"Attention {asked(state)} in each image{chosen}",
        images=len(found),
        coords={"image": [name for name, _ in found], **grid_coords(run)},
        fixed=chosen.fixed(),
        unit="1",
        values=np.stack([values for _, values in found]).astype(float),
    )


def aligned(state: State, book: Book, run: Run) -> View:
    """The AAAM on the page of a head, (row, column) of displacements, divided by coverage where the page has it so."""
    values = book.aligned(state, run)
    if not isinstance(values, np.ndarray):
        raise ViewError(values.sentence if isinstance(values, Failure) else WAIT)
    chosen, (down, right) = Selection(run, state.layer, state.head), displacements(run.geometry)
    return build(
        run,
        name="aligned",
        title=f"Aligned aggregated attention (AAAM){', corrected' if state.corrected else ''}{chosen}",
        images=run.images,
        coords={"row": down.tolist(), "column": right.tolist()},
        fixed=chosen.fixed(),
        unit="1",
        values=values[state.head].astype(float),
        notes=[] if state.corrected else [NOTE],
    )


def attention(state: State, book: Book, run: Run) -> View:
    """The maps of a page as they are drawn: of an image that was opened live, or of attention received."""
    maps = book.maps(state, run, image=items.pictured(state, run, book))
    if maps is None:
        raise ViewError(WAIT)
    if not isinstance(maps, Maps):
        raise ViewError(maps.sentence)
    chosen = Selection(run, state.layer, None if state.view == "layer" else state.head)
    return build(
        run,
        name="attention",
        title=f"Attention {asked(state)}{chosen}{_whose(state, book)}",
        images=1 if state.of_image else run.images,
        coords={**chosen.coords(), **grid_coords(run)},
        fixed=chosen.fixed(),
        unit="1",
        values=np.asarray(chosen.pick(maps.patches), dtype=float),
    )
