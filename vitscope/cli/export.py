"""`vitscope cache export`: every number and figure of a cache in a folder for those who have no vitscope."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitscope.cli.cache import RUN_HELP, opened, resolve
from vitscope.cli.complete import run_names
from vitscope.cli.options import CacheFolder, Quiet, Verbose
from vitscope.cli.record import Json, LogFile, begin, emit, json_asked
from vitscope.cli.talk import Talk, clean
from vitscope.cli.watch import watch
from vitscope.config import at_home
from vitscope.errors import StoreError

if TYPE_CHECKING:
    from vitscope.export.folder import Chapter
    from vitscope.store.reader import Cache, Run

NAMED = 5  # sheets that were left out, by name; --verbose and the page list all


class Form(StrEnum):
    """What is written: tables, arrays, or figures."""

    csv = "csv"
    npz = "npz"
    figures = "figures"


def export(
    context: typer.Context,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that is new or empty.", show_default=False)],
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN", help=f"{RUN_HELP} All, if none is named.", show_default=False, autocompletion=run_names
        ),
    ] = None,
    form: Annotated[
        list[Form] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="csv|npz|figures",
            help="Only this; repeat it for several. All, if it is left out.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which files would be written.")] = False,
    log: LogFile = None,
    lines: Json = False,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write every view of runs, and of models side by side, into a new folder with a page that explains it.

    \b
    csv      one table a view, as `vitscope show VIEW --format csv` prints it
    npz      one arrays.npz a run, for numpy.load; it holds no pickle
    figures  PNG and SVG of every view
    Open index.html first. The cache is only read, and nothing is written over.

    \b
    For example:
      vitscope cache export mae dino --to figures-for-the-paper --format figures
    """
    begin(context, log, lines=lines)
    from vitscope.export.folder import FORMATS, check_free, planned
    from vitscope.export.folder import export as write
    from vitscope.export.sheets import sections

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    store, target = opened(cache), at_home(to)
    forms = [name for name in FORMATS if not form or name in {one.value for one in form}]
    found = sections(_chosen(store, runs or []))
    if not found:
        raise StoreError(
            f"there is nothing to export in {clean(str(store.folder))}: measure something with `vitscope extract`, "
            "or choose another folder with --cache."
        )
    check_free(target)
    if dry_run:
        for name in planned(found, forms):
            typer.echo(target / name)
        talk.say("nothing was written; views that a run lacks are left out")
        return
    with watch(talk, "export", "views") as watcher:
        chapters = write(store, found, target, forms, watcher.progress)
    _left_out(talk, chapters)
    files = 1 + sum("npz" in forms for _ in chapters) + sum(len(page.files) for c in chapters for page in c.pages)
    talk.say(f"{files} files; open {clean(str(target / 'index.html'))} first")
    if json_asked():
        emit("result", run=None, folder=str(target), files=files, formats=forms)
    else:
        typer.echo(target)


def _chosen(store: Cache, names: list[str]) -> list[Run]:
    """The runs that are named, each by its folder or by a model, which stands for all of its runs; else all."""
    every = store.runs()
    if not names:
        return every
    chosen: dict[str, Run] = {}
    for name in names:
        same = [run for run in every if run.model == name]
        if not same:
            from vitscope.store.reader import load_run

            same = [load_run(resolve(store, name))]
        chosen.update((run.name, run) for run in same)
    return list(chosen.values())


def _left_out(talk: Talk, chapters: list[Chapter]) -> None:
    """What runs lack: in short, or every sentence with --verbose."""
    missing = [(c.section.title, page) for c in chapters for page in c.pages if page.left_out]
    if missing and not talk.verbose:
        names = list(dict.fromkeys(page.sheet.name for _, page in missing))
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        talk.say(f"left out where it was not measured: {', '.join(names[:NAMED])}{more}; --verbose says why")
    for title, page in missing:
        talk.detail(f"left out: {page.sheet.name} of {title}: {page.left_out}")
