"""`vitscope demo`: the whole of vitscope on an embedded world and six small models, offline."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitscope import catalog
from vitscope.cli.options import CacheFolder, Quiet, Verbose, cache_folder
from vitscope.cli.paths import to_path
from vitscope.cli.talk import Talk, result
from vitscope.cli.watch import Recorded, watch

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from vitscope.store.reader import Cache, Run


def demo(
    context: typer.Context,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", parser=to_path, help="Only draw the world into DIR, in all its formats.", show_default=False
        ),
    ] = None,
    browse: Annotated[bool, typer.Option("--browse/--no-browse", help="Open the browser at the end.")] = True,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw a small world, measure and evaluate six small ViTs that were trained on it. Needs no network."""
    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    if write is not None:
        _write(talk, write)
        return
    folder = cache_folder(cache)
    talk.say(f"cache: {folder}")

    folders = _measure(talk, folder)
    _judge(talk, folder)

    from vitscope.store.reader import Cache

    store = Cache(folder)
    result(_summary([store.find(place.name) for place in folders]))  # the models may have runs over other images
    result("", _table_1(store))
    where = f" --cache {shlex.quote(str(cache))}" if cache else ""
    talk.say("next:")
    for words in ("browse", "show heads --model demo-mae", "show knn --model demo"):
        talk.say(f"  vitscope {words}{where}")
    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if browse and terminal and os.environ.get("TERM", "dumb") != "dumb":
        from vitscope.tui.start import browse as start

        start(folder, None)


def _measure(talk: Talk, folder: Path) -> list[Path]:
    """The world, and the folders of the six runs over it."""
    from vitscope.demo import tour

    with watch(talk, "the world") as watcher:
        images = tour.draw(folder, watcher.progress)
    folders = []
    for name in catalog.GROUPS["demo"]:
        with watch(talk, name) as watcher:
            folders.append(tour.measure(name, images, folder, _Brief(talk, watcher)).folder)
    return folders


def _judge(talk: Talk, folder: Path) -> None:
    """Every task on a part of the world that is small enough for a tour."""
    from vitscope.demo import tour

    for task in tour.SUBSETS:
        with watch(talk, f"the world for {task}") as watcher:
            tour.data_for(task, folder, watcher.progress)
    said = ", ".join(f"{task} ({words})" for task, (words, _) in tour.SUBSETS.items())
    talk.say(f"tasks on parts of the world: {said}; `vitscope evaluate` takes all of it")
    for name in catalog.GROUPS["demo"]:
        with watch(talk, f"{name}, tasks", "steps") as watcher:
            for task in tour.SUBSETS:
                tour.judge(name, task, folder, _Brief(talk, watcher))


def _table_1(store: Cache) -> RenderableType:
    """The best layer of every model in every task."""
    from vitscope.cli.talk import console, depth
    from vitscope.export.table import render
    from vitscope.views import Options
    from vitscope.views.summary import view

    screen = console()
    return render(view(store, list(catalog.GROUPS["demo"]), Options()), screen.width, depth(screen))


class _Brief:
    """Passes on progress and warnings; facts about each of six runs are for --verbose."""

    def __init__(self, talk: Talk, watcher: Recorded) -> None:
        self.tell, self.warn, self.progress = talk.detail, watcher.warn, watcher.progress


def _write(talk: Talk, folder: Path) -> None:
    """The whole tree, for anyone to inspect."""
    from vitscope.demo import world
    from vitscope.store.files import unwritable

    try:
        with watch(talk, "the world") as watcher:
            trees = world.write(folder, progress=watcher.progress)
    except OSError as error:
        raise unwritable(folder, error) from error
    for name, path in trees.items():
        talk.say(f"{name}: {path}")
    typer.echo(folder)


def _summary(runs: list[Run]) -> Table:
    """One line a model: how far and how evenly it looks in its first, middle and last layer, and what its heads do."""
    from rich.table import Table

    from vitscope.derive.heads import profile, tags

    layers = runs[0].geometry.layers
    picked = (1, (layers + 1) // 2, layers)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("model", "supervision"):
        table.add_column(name, no_wrap=True)
    for what in ("distance", "entropy"):
        table.add_column(f"{what}\nlayer {', '.join(map(str, picked))}", no_wrap=True)
    table.add_column("heads: local · offset · global", no_wrap=True)
    for run in runs:
        found = tags(profile(run.array("attention"), run.array("spatial-attention"), run.geometry))
        names = [{tag.name for tag in head} for layer in found for head in layer]
        local = sum(bool({"strict-local", "soft-local", "axial"} & head) for head in names)
        counts = [local, *(sum(name in head for head in names) for name in ("offset-local", "global"))]
        distance, entropy = (run.array(metric).mean(axis=1) for metric in ("distance", "entropy"))
        table.add_row(
            run.model,
            catalog.MODELS[run.model].supervision,
            "  ".join(f"{distance[layer - 1]:.2f}" for layer in picked),
            "  ".join(f"{entropy[layer - 1]:.2f}" for layer in picked),
            " · ".join(map(str, counts)),
        )
    return table
