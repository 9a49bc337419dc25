"""`vitscope models`: the catalog, what is in the cache, and whose weights are on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitscope import catalog
from vitscope.cli.options import CacheFolder, Quiet, Verbose, cache_folder
from vitscope.cli.talk import Talk, clean, result

if TYPE_CHECKING:
    from vitscope.store.reader import Run

WEIGHT_FILES = {".safetensors", ".bin"}
OTHERS = (
    "besides: timm/NAME for any plain ViT of timm, with or without a tag; random or random/NAME for an untrained one; "
    "--checkpoint FILE replaces the weights"
)


def models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.", show_default=False)] = False,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the models with a short name: how they were trained, whether measured, whether their weights are here."""
    from vitscope.store.reader import Cache

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    store = Cache(cache_folder(cache))
    runs: dict[str, list[Run]] = {}
    for run in store.runs():
        runs.setdefault(run.model, []).append(run)
    known = [_known(name, model, runs.get(name, [])) for name, model in catalog.MODELS.items()]
    others = [_other(name, found) for name, found in runs.items() if name not in catalog.MODELS]
    talk.detail(f"cache: {store.folder}; weights: {hub_cache()}")
    if as_json:
        typer.echo(json.dumps([*known, *others], ensure_ascii=False))
        return
    _print([*known, *others])
    talk.say(OTHERS)


def _known(name: str, model: catalog.Model, runs: list[Run]) -> dict[str, Any]:
    return {
        "model": name,
        "timm": None if model.file else model.timm,  # a shipped model has a size of its own
        "method": model.method,
        "supervision": model.supervision,
        "about": model.about,
        "weights": True if model.file else has_weights(model.timm),
        "runs": _runs(runs),
    }


def _other(name: str, runs: list[Run]) -> dict[str, Any]:
    """A model that is in the cache but not in the catalog: what is not known of it is null."""
    timm = name.removeprefix("timm/") if name.startswith("timm/") else None
    weights = has_weights(timm) if timm else None
    unknown = dict.fromkeys(("method", "supervision", "about"))
    return {"model": name, "timm": timm, **unknown, "weights": weights, "runs": _runs(runs)}


def _runs(runs: list[Run]) -> list[dict[str, Any]]:
    """Newest first."""
    return [
        {"folder": run.name, "dataset": run.dataset, "images": run.images, "complete": run.complete} for run in runs
    ]


def hub_cache() -> Path:
    """Where the Hugging Face hub keeps what it has downloaded."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def has_weights(timm: str) -> bool:
    """Whether weights of a timm model are in the hub's local cache; looks at files only.

    timm keeps the weights of its quickgelu variants with the model that has the plain GELU.
    """
    repository = f"models--timm--{timm.replace('_quickgelu_', '_')}"
    files = (hub_cache() / repository / "snapshots").glob("*/*")
    return any(file.suffix in WEIGHT_FILES and file.is_file() for file in files)


def _print(rows: list[dict[str, Any]]) -> None:
    """A table that fits 80 columns: the timm name stands below the short one, the supervision below the method."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("model", "method", "weights", "measured"):
        table.add_column(name, no_wrap=name != "measured")
    for row in rows:
        name = clean(row["model"])
        timm = f"\n{clean(row['timm'])}" if row["timm"] and not name.startswith("timm/") else ""
        supervision = f"\n{row['supervision']}" if row["supervision"] else ""
        weights = {True: "local", False: "hub", None: ""}[row["weights"]]
        table.add_row(
            Text.assemble((name, "bold"), (timm, "dim")),
            Text.assemble(row["method"] or "", (supervision, "dim")),
            weights,
            clean(_measured(row["runs"])),
        )
    result(table)


def _measured(runs: list[dict[str, Any]]) -> str:
    if not runs:
        return "–"
    newest = runs[0]
    images = f"{newest['images']} images" if newest["complete"] else "unfinished"
    return images if len(runs) == 1 else f"{images}, {len(runs)} runs"
