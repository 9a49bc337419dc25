"""`vitscope models`: the catalog, what is in the cache, and whose weights are on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitscope import catalog
from vitscope.cli import weights
from vitscope.cli.options import CacheFolder, Quiet, Verbose, cache_folder
from vitscope.cli.talk import Talk, clean, result

if TYPE_CHECKING:
    from vitscope.store.reader import Run

OTHERS = (
    "besides: timm/NAME for any plain ViT of timm, with or without a tag; hf-hub:ORG/NAME; random/NAME for an "
    "untrained one; --checkpoint FILE replaces the weights; `vitscope models NAME` says all about one"
)
RANDOM = "random"
CHANCE = {"method": "Random", "supervision": None, "about": "chance: ten trials of noise in place of ten layers"}
SAID = {
    "shipped": "shipped with vitscope",
    "cached": "in the Hugging Face cache",
    "hub": "not here: downloaded at the first use",
    "by hand": "to be supplied by hand with --checkpoint FILE",
    "none": "it has none",
}
"""Where weights are, in words."""


def models(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Say everything about this one.", show_default=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of objects, or one of NAME.", show_default=False)
    ] = False,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the models with a short name: how they were trained, whether measured, whether their weights are here.

    \b
    For example:
      vitscope models
      vitscope models moco-s16
      vitscope models timm/vit_small_patch14_dinov2.lvd142m
    """
    from vitscope.store.reader import Cache

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    store = Cache(cache_folder(cache))
    runs: dict[str, list[Run]] = {}
    for run in store.runs():
        runs.setdefault(run.model, []).append(run)
    if name is not None:
        facts = _all(name, runs.get(name, []))
        if as_json:
            typer.echo(json.dumps(facts, ensure_ascii=False))
        else:
            _say(facts)
        return
    rows = _rows(runs)
    talk.detail(f"cache: {store.folder}; weights: {weights.hub_cache()}")
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    _print(rows)
    talk.say(OTHERS)


def _rows(runs: dict[str, list[Run]]) -> list[dict[str, Any]]:
    """The catalog, then what else has been measured, then what else the Hugging Face cache holds."""
    rows = [_known(name, model, runs.get(name, [])) for name, model in catalog.MODELS.items()]
    rows.append({"model": RANDOM, "timm": None, **CHANCE, "weights": "none", "runs": _runs(runs.get(RANDOM, []))})
    in_hub = dict(weights.others())
    names = [name for name in [*runs, *in_hub] if name not in catalog.MODELS and name != RANDOM]
    return rows + [_other(name, runs.get(name, []), cached=name in in_hub) for name in dict.fromkeys(names)]


def _known(name: str, model: catalog.Model, runs: list[Run]) -> dict[str, Any]:
    return {
        "model": name,
        "timm": None if model.file else model.timm,  # a shipped model has a size of its own
        "method": model.method,
        "supervision": model.supervision,
        "about": model.about,
        "weights": weights.state(model),
        "runs": _runs(runs),
    }


def _other(name: str, runs: list[Run], *, cached: bool) -> dict[str, Any]:
    """A model that is not in the catalog: what is not known of it is null."""
    timm = name.removeprefix("timm/") if name.startswith("timm/") else None
    on_hub = timm is not None or name.startswith("hf-hub:")
    where = "cached" if cached else "hub" if on_hub else None
    return {
        "model": name,
        "timm": timm,
        **dict.fromkeys(("method", "supervision", "about")),
        "weights": where,
        "runs": _runs(runs),
    }


def _runs(runs: list[Run]) -> list[dict[str, Any]]:
    """Newest first."""
    return [
        {
            "folder": run.name,
            "dataset": run.dataset,
            "task": run.spec.task or None,
            "images": run.images,
            "complete": run.complete,
            "weights": run.spec.weights,
        }
        for run in runs
    ]


def _all(name: str, runs: list[Run]) -> dict[str, Any]:
    """Everything about one model; UnknownName for a name that stands for none."""
    model = catalog.MODELS.get(name)
    if model is not None and model.size is not None:  # a model of the paper: known without starting PyTorch
        facts = _known(name, model, runs) | _of_the_paper(model)
    else:
        from vitscope.run.describe import describe

        found = describe(name)
        in_hub = dict(weights.others())
        first = (
            _known(name, model, runs) | {"licence": model.licence, "repository": None}
            if model is not None
            else {"model": name, "timm": None, **CHANCE, "weights": "none", "runs": _runs(runs)}
            if name == RANDOM
            else _other(name, runs, cached=name in in_hub)
        )
        facts = found | first | ({"timm": found["timm"]} if name != RANDOM else {})
        if facts["weights"] in {"cached", "hub"}:
            facts |= _on_the_hub(facts.get("repository") or in_hub.get(name, ""))
    return facts


def _of_the_paper(model: catalog.Model) -> dict[str, Any]:
    """Size, licence, normalisation, and the file that the authors published."""
    size, original, norm = model.size, model.original, model.normalisation
    assert size is not None
    assert original is not None
    assert norm is not None
    tag = model.timm.partition(".")[2]
    return {
        "tag": tag or None,
        "image_size": [224, 224],
        "layers": size.layers,
        "width": size.width,
        "heads": size.heads,
        "tokens": size.tokens,
        "millions": size.millions,
        "arguments": dict(model.arguments),
        "licence": model.licence,
        "mean": list(norm[0]),
        "std": list(norm[1]),
        "original": {"file": original.file, "where": original.where, "digest": original.digest or None},
        "caution": model.caution or None,
        **(_on_the_hub(weights.repository(model.timm)) if tag else {}),
    }


def _on_the_hub(repository: str) -> dict[str, Any]:
    """The repository, and the file of it in the cache with its digest."""
    file = weights.cached(repository)
    sha256 = weights.digest(file) if file else ""
    return {
        "repository": repository or None,
        "weights": "cached" if file else "hub",
        "cached": {"file": str(file), "digest": f"sha256:{sha256}" if sha256 else None} if file else None,
    }


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
        table.add_row(
            Text.assemble((name, "bold"), (timm, "dim")),
            Text.assemble(row["method"] or "", (supervision, "dim")),
            row["weights"] or "",
            clean(_measured(row["runs"])),
        )
    result(table)


def _measured(runs: list[dict[str, Any]]) -> str:
    if not runs:
        return "–"
    newest = next((run for run in runs if run["task"] is None), runs[0])
    images = f"{newest['images']} images" if newest["complete"] else "unfinished"
    return images if len(runs) == 1 else f"{images}, {len(runs)} runs"


def _say(facts: dict[str, Any]) -> None:
    """All facts about one model, one a line; what is not known is left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, words in _words(facts):
        table.add_row(Text(key, "dim"), Text(clean(words)))
    result(table)


def _words(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts in words, each with its name."""
    known = {key: value for key, value in facts.items() if value not in (None, "", [], {})}
    lines = [(key, str(known[key])) for key in ("model", "method", "supervision", "about") if key in known]
    arguments = ", ".join(f"{key} {value}" for key, value in known.get("arguments", {}).items())
    if "timm" in known:
        lines.append(("architecture", f"timm/{known['timm']}{f', {arguments}' if arguments else ''}"))
    if "layers" in known:
        prefix = f" ({', '.join(known['prefix'])}, then patches)" if "prefix" in known else ""
        size = "×".join(map(str, known["image_size"]))
        lines.append(("shape", f"{known['layers']} layers × {known['heads']} heads, width {known['width']}"))
        lines.append(("tokens", f"{known['tokens']} at {size} pixels{prefix}"))
    if "millions" in known and known["weights"] != "none":
        lines.append(("parameters", f"{known['millions']:.2f} million, without a classifier"))
    if "mean" in known:
        lines.append(("normalisation", f"mean {tuple(known['mean'])}, std {tuple(known['std'])}"))
    lines += [("licence", str(known[key])) for key in ("licence",) if key in known]
    lines += _weights_in_words(known)
    for run in known.get("runs", ()):
        what = f"{run['task']} on {run['dataset']}" if run["task"] else run["dataset"]
        done = f"{run['images']} images" if run["complete"] else "unfinished"
        lines.append(("measured", f"{run['folder']}: {what}, {done}, weights {run['weights'][:19]}"))
    return lines


def _weights_in_words(known: dict[str, Any]) -> list[tuple[str, str]]:
    """Where the weights are, and how the original file is to be had."""
    lines = [("weights", SAID[known["weights"]])] if "weights" in known else []
    if "repository" in known:
        lines.append(("repository", f"https://huggingface.co/{known['repository']}"))
    if cached := known.get("cached"):
        lines.append(("file", cached["file"]))
        lines += [("digest", cached["digest"])] if cached["digest"] else []
    if original := known.get("original"):
        lines.append(("original", f"{original['file']} from {original['where']}"))
        digest = original["digest"] or ""
        part = "" if len(digest.partition(":")[2]) in {0, 32, 64} else " … (no more of it was published)"
        lines += [("its digest", f"{digest}{part}")] if digest else []
        archive = " --allow-torchscript" if original["file"].endswith(".pt") else ""
        given = f"--checkpoint {original['file']}{archive}"
        lines.append(("use it", f"vitscope extract --model {known['model']} {given}"))
    if "caution" in known:
        lines.append(("caution", known["caution"]))
    return lines
