"""`vitscope cache`: what is in the cache, whether it is sound, and how to free its space."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitscope.amounts import bytes_in_words, duration
from vitscope.cli.complete import run_names
from vitscope.cli.options import CacheFolder, Quiet, Verbose, cache_folder
from vitscope.cli.record import Json, LogFile, begin, emit, json_asked
from vitscope.cli.talk import Talk, clean, result
from vitscope.cli.watch import watch
from vitscope.errors import DamagedError, StoreError

if TYPE_CHECKING:
    from rich.table import Table

    from vitscope.store.arrays import ArrayInfo
    from vitscope.store.reader import Cache, Run

app = typer.Typer(
    help="See what is in the cache, check it, free its space.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
RUN_HELP = "A run: its model, or (the beginning of) its folder's name."
OneRun = Annotated[
    str | None, typer.Argument(metavar="RUN", help=RUN_HELP, show_default=False, autocompletion=run_names)
]


@app.command("list")
def list_(context: typer.Context, cache: CacheFolder = None, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """List the runs in the cache, newest first."""
    from vitscope.store.verify import size

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    store = opened(cache)
    runs, problems = store.inventory()
    broken = _broken_runs(store, problems)
    talk.say(f"cache: {store.folder}")
    if not runs and not broken:
        talk.say("no run yet: make one with `vitscope extract --model mae --data DIR`")
        return
    table = _table("run", "images", "size", "state", right=("images", "size"))
    for run in runs:
        state = "complete" if run.complete else "unfinished"
        table.add_row(run.name, str(run.images), bytes_in_words(size(run)), state)
    for folder in broken:
        table.add_row(clean(folder.name), "–", bytes_in_words(size(folder)), "broken")
    result(table)
    if talk.verbose:
        talk.detail(f"in all: {bytes_in_words(sum(size(place) for place in [*runs, *broken]))}")
    for folder, problem in problems:
        talk.warn(f"{clean(folder.name)}: {problem}")


@app.command("info")
def info(
    context: typer.Context,
    run: OneRun = None,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say where the cache is and how large, or everything that one run records about itself."""
    from vitscope.run.machine import free
    from vitscope.store.verify import size

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    store = opened(cache)
    talk.detail(f"cache: {store.folder}")
    if run is not None:
        for problem in _print_run(store.find(run)):
            talk.warn(problem)
        return
    runs, problems = store.inventory()
    broken = _broken_runs(store, problems)
    table = _facts()
    table.add_row("folder", clean(str(store.folder)))
    table.add_row("runs", f"{len(runs)}" + (f", and {len(broken)} broken" if broken else ""))
    table.add_row("size", bytes_in_words(sum(size(place) for place in [*runs, *broken])))
    table.add_row("free space", bytes_in_words(free(store.folder)))
    result(table)


@app.command("verify")
def verify(
    context: typer.Context,
    run: OneRun = None,
    log: LogFile = None,
    lines: Json = False,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Read every byte of a run, or of all runs, and compare it with its checksum; exit code 1 if anything differs."""
    from vitscope.store.folders import run_folders
    from vitscope.store.verify import verify as check

    begin(context, log, lines=lines)
    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    store = opened(cache)
    folders = [resolve(store, run)] if run is not None else run_folders(store.folder)
    talk.detail(f"cache: {store.folder}")
    problems: dict[Path, list[str]] = {}
    with watch(talk, "verify", unit="runs") as watcher:
        for folder in folders:
            watcher.progress(len(problems), len(folders))
            problems[folder] = check(folder)
        watcher.progress(len(problems), len(folders))
    for folder, found in problems.items():
        if json_asked():
            emit("result", run=clean(folder.name), sound=not found, problems=[clean(problem) for problem in found])
            continue
        result(f"{'damaged' if found else 'ok':8} {clean(folder.name)}", *(f"         {problem}" for problem in found))
    bad = sum(map(bool, problems.values()))
    if bad:
        raise DamagedError(
            f"{bad} of {len(folders)} runs are damaged: copy them again from where they came, "
            "or remove them with `vitscope cache remove RUN` and extract them again."
        )
    talk.say(f"{len(folders)} {'run is' if len(folders) == 1 else 'runs are'} as written")


@app.command("remove")
def remove(
    context: typer.Context,
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN", help=RUN_HELP, show_default=False, autocompletion=run_names)
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Remove runs for good and free their space. Asks first on a terminal; elsewhere it wants --yes."""
    from vitscope.store.verify import remove as remove_run
    from vitscope.store.verify import size

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    store = opened(cache)
    talk.detail(f"cache: {store.folder}")
    folders = list(dict.fromkeys(resolve(store, run) for run in runs))
    total = sum(size(folder) for folder in folders)
    for folder in folders:
        result(f"{bytes_in_words(size(folder)):>9}  {clean(str(folder))}")
    if dry_run:
        talk.say(f"would free {bytes_in_words(total)}; nothing was removed")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise StoreError("nobody is here to be asked before runs are removed: add --yes.")
        if not typer.confirm(f"Remove {'this run' if len(folders) == 1 else 'these runs'} for good?", err=True):
            talk.say("nothing was removed")
            return
    freed = sum(remove_run(folder) for folder in folders)
    talk.say(f"freed {bytes_in_words(freed)}")


def opened(option: Path | None) -> Cache:
    """The cache that is meant; StoreError where `option` names one that is not there; the usual one need not be."""
    from vitscope.store.files import present
    from vitscope.store.reader import Cache

    folder = cache_folder(option)
    if option is not None and not present(folder):
        raise StoreError(f"there is no cache {clean(str(folder))}: name another folder with --cache, or leave it out.")
    return Cache(folder)


def resolve(store: Cache, name: str) -> Path:
    """The folder of the one run called `name`, readable or not; StoreError where it could be several, or none."""
    from vitscope.store.folders import run_folders

    if name in (folders := {folder.name: folder for folder in run_folders(store.folder)}):
        return folders[name]
    same = [run.folder for run in store.runs() if run.model == name] or [
        folder for folder in folders.values() if folder.name.startswith(name)
    ]
    if len(same) > 1:
        names = ", ".join(clean(folder.name) for folder in same)
        raise StoreError(f"{clean(name)!r} could be any of {names}: type the name of one.")
    return same[0] if same else store.find(name).folder


def _broken_runs(store: Cache, problems: Iterable[tuple[Path, str]]) -> list[Path]:
    """Folders of runs that cannot be read; single results that cannot be are left out."""
    return [folder for folder, _ in problems if folder.parent == store.folder]


def _table(*names: str, right: tuple[str, ...] = ()) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in names:
        justify = "right" if name in right else "left"
        table.add_column(name, justify=justify, no_wrap=name == "run", overflow="fold")
    return table


def _facts() -> Table:
    """Two columns without a header: what, and its value."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    return table


def _print_run(run: Run) -> list[str]:
    """Everything that a run records about itself; what of it cannot be read, in sentences."""
    from vitscope.store.verify import size

    g, facts = run.geometry, run.facts
    table = _facts()
    rows = {
        "model": run.model,
        "layers × heads": f"{g.layers} × {g.heads}",
        "tokens": f"{g.tokens}: {', '.join([*g.prefix, f'{g.rows}×{g.columns} patches'])}",
        "data": f"{run.dataset}, {run.images} of {facts.get('images', '?')} images used",
        "classes": ", ".join(run.classes),
        "skipped": _said(facts.get("skipped")),
        "started": run.started,
        "finished": _said(facts.get("finished")) or "not yet",
        "took": duration(seconds) if isinstance(seconds := facts.get("seconds"), int | float) else "",
        "device": _said(facts.get("device")),
        "batch size": _said(facts.get("batch_size")),
        "checkpoint": _said(facts.get("checkpoint")),
        "versions": _said(facts.get("versions")),
        **{f"spec: {name.replace('_', ' ')}": _said(value) for name, value in run.spec.to_json().items()},
        "folder": str(run.folder),
        "size": bytes_in_words(size(run)),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, clean(value))
    measured = _table("metric", "images", "array", "unit", "shape", right=("images",))
    problems: list[str] = []
    for name, item in run.results(problems).items():
        for array, part in _rows_as_one(item.arrays).items():
            shape = " × ".join(f"{dim} {length}" for dim, length in zip(part.dims, part.shape, strict=True))
            measured.add_row(f"{name}@{item.version}", str(item.images), array, part.unit, shape)
    result(table, "", measured)
    return problems


def _rows_as_one(arrays: Mapping[str, ArrayInfo]) -> dict[str, ArrayInfo]:
    """Arrays as they are listed: those of the shards of one, such as rows-00000 and rows-00001, as one of all rows."""
    found: dict[str, ArrayInfo] = {}
    for name, part in arrays.items():
        shard = re.fullmatch(r"(\w+)-\d{5}", name)
        whole = f"{shard[1]}-*" if shard else name
        found[whole] = _longer(found[whole], part) if whole in found and "row" in part.dims else part
    return found


def _longer(before: ArrayInfo, part: ArrayInfo) -> ArrayInfo:
    """What is listed of two arrays that follow each other along their rows."""
    axis = part.dims.index("row")
    rows = before.shape[axis] + part.shape[axis]
    return replace(part, shape=(*part.shape[:axis], rows, *part.shape[axis + 1 :]))


def _said(value: Any) -> str:
    """A fact as text, whatever it is: facts come from a file that somebody else may have written."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(item)}" for name, item in value.items())
    if isinstance(value, list):
        if any(isinstance(item, dict) for item in value):
            parts = (item.values() if isinstance(item, dict) else [item] for item in value)
            return "; ".join(": ".join(map(_said, part)) for part in parts)
        return ", ".join(map(_said, value))
    return str(value)
