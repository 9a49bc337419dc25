"""`vitscope models`: the catalog, what is in the cache, and whose weights are on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitscope import catalog
from vitscope.cli import complete, listing, weights
from vitscope.cli.options import CacheFolder, Quiet, Verbose, cache_folder
from vitscope.cli.talk import Talk

if TYPE_CHECKING:
    from vitscope.store.reader import Run

OTHERS = (
    "other models: timm/NAME for any plain ViT of timm, with or without a tag; hf-hub:ORG/NAME; random/NAME for an "
    "untrained one; --checkpoint FILE replaces the weights; `vitscope models NAME` says all about one"
)
WEIGHTS = (
    "weights: cached in the Hugging Face cache; from the hub at the first use; by hand with --checkpoint FILE, which "
    "`vitscope models NAME` says how to get"
)
KEYS = ("model", "timm", "method", "supervision", "about", "kind", *listing.SHAPE, "weights", "runs")
"""Of a model in the list; null where it is not known."""

RANDOM = "random"
CHANCE = {"method": "Random", "supervision": None, "about": "chance: ten trials of noise in place of ten layers"}


def models(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Say everything about this one, or list this group.",
            show_default=False,
            autocompletion=complete.models,
        ),
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
    talk.detail(f"cache: {store.folder}; weights: {weights.hub_cache()}")
    facts = _rows(runs, name) if name is None or name in catalog.GROUPS else _all(name, runs.get(name, []))
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
    elif isinstance(facts, dict):
        listing.show_one(facts)
    else:
        listing.show_list(facts)
        if name is None:
            talk.say(WEIGHTS)
            talk.say(OTHERS)


def _rows(runs: dict[str, list[Run]], group: str | None = None) -> list[dict[str, Any]]:
    """The catalog, then what else has been measured, then what else the Hugging Face cache holds; or one group."""
    rows = [_known(name, model, runs.get(name, [])) for name, model in catalog.MODELS.items()]
    rows.append({"model": RANDOM, "timm": None, **CHANCE, "weights": "none", "runs": _runs(runs.get(RANDOM, []))})
    in_hub = dict(weights.others())
    names = [name for name in [*runs, *in_hub] if name not in catalog.MODELS and name != RANDOM]
    rows += [_other(name, runs.get(name, []), cached=name in in_hub) for name in dict.fromkeys(names)]
    return [dict.fromkeys(KEYS) | row for row in rows if group is None or row["model"] in catalog.GROUPS[group]]


def _known(name: str, model: catalog.Model, runs: list[Run]) -> dict[str, Any]:
    return {
        "model": name,
        "timm": None if model.file else model.timm,  # a shipped model has a size of its own
        "method": model.method,
        "supervision": model.supervision,
        "about": model.about,
        "kind": model.kind or None,
        **_shape(model),
        "weights": weights.state(model),
        "runs": _runs(runs),
    }


def _shape(model: catalog.Model) -> dict[str, int]:
    """Layers, heads, width and tokens of a model of the catalog, at its own image size."""
    if (size := model.size) is not None:
        return {"layers": size.layers, "heads": size.heads, "width": size.width, "tokens": size.tokens}
    given = model.arguments
    tokens = (given["img_size"] // given["patch_size"]) ** 2 + 1
    return {"layers": given["depth"], "heads": given["num_heads"], "width": given["embed_dim"], "tokens": tokens}


def _other(name: str, runs: list[Run], *, cached: bool) -> dict[str, Any]:
    """A model that is not in the catalog: what is not known of it is null."""
    timm = name.removeprefix("timm/") if name.startswith("timm/") else None
    on_hub = timm is not None or name.startswith("hf-hub:")
    untrained = name.startswith(f"{RANDOM}/")
    where = "random" if untrained else "cached" if cached else "hub" if on_hub else None
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
