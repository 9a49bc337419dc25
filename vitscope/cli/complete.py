"""What the shell offers when Tab is pressed: names of the catalog, and of the runs in the cache.

These functions read the list of runs and nothing else, and import no torch. A shell has no use for a message: what
cannot be read is not offered.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vitscope import catalog
from vitscope.errors import VitscopeError

if TYPE_CHECKING:
    from vitscope.store.reader import Run

Offer = list[tuple[str, str]]  # names, each with a few words about it


def models(context: typer.Context, incomplete: str) -> Offer:
    """Models that can be measured, groups of them, and those in the cache."""
    offers = {name: f"{len(members)} models" for name, members in catalog.GROUPS.items()}
    offers |= {name: f"{model.method}, {model.supervision}" for name, model in catalog.MODELS.items()}
    offers["random"] = "noise, for the chance level of every number"
    return _beginning(incomplete, (_measured(context) | offers).items())


def measured(context: typer.Context, incomplete: str) -> Offer:
    """Models that are in the cache, and groups of which one is."""
    found = _measured(context)
    groups = {name: "a group" for name, members in catalog.GROUPS.items() if set(members) & set(found)}
    return _beginning(incomplete, (found | groups).items())


def run_names(context: typer.Context, incomplete: str) -> Offer:
    """Models in the cache, and the folders of their runs."""
    runs = {run.folder.name: _about(run) for run in _runs(context)}
    return _beginning(incomplete, (_measured(context) | runs).items())


def views(incomplete: str) -> Offer:
    """What `show` shows."""
    return _beginning(incomplete, _about_all(catalog.VIEWS))


def tasks(incomplete: str) -> Offer:
    """What `evaluate` evaluates."""
    return _beginning(incomplete, _about_all(catalog.TASKS))


def datasets(incomplete: str) -> Offer:
    """Kinds of folders."""
    return _beginning(incomplete, _about_all(catalog.DATASETS))


def metrics(incomplete: str) -> Offer:
    """Metrics, the last one of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    words = {"default": "what is measured unless you say otherwise", "all": "all of them"}
    offers = [*words.items(), *_about_all(catalog.METRICS)]
    chosen = before.split(",")
    return [(f"{before}{comma}{name}", about) for name, about in _beginning(last, offers) if name not in chosen]


def settings(incomplete: str) -> Offer:
    """Keys of the settings."""
    from vitscope import config

    return _beginning(incomplete, ((name, setting.about) for name, setting in config.SETTINGS.items()))


def _about_all(table: dict[str, catalog.Entry] | dict[str, catalog.Shown] | dict[str, catalog.Evaluation]) -> Offer:
    return [(name, entry.about) for name, entry in table.items()]


def _beginning(incomplete: str, offers: Iterable[tuple[str, str]]) -> Offer:
    return [(name, about) for name, about in offers if name.startswith(incomplete)]


def _measured(context: typer.Context) -> dict[str, str]:
    found: dict[str, list[Run]] = {}
    for run in _runs(context):
        found.setdefault(run.model, []).append(run)
    return {model: f"in the cache: {len(runs)} run{'s' * (len(runs) > 1)}" for model, runs in found.items()}


def _about(run: Run) -> str:
    what = f"{run.spec.task} on {run.dataset}" if run.spec.task else run.dataset
    return f"{what}, {run.images} images{'' if run.complete else ', unfinished'}"


def _runs(context: typer.Context) -> list[Run]:
    """The runs in the cache that was named before on the line, else in the usual one."""
    from vitscope.cli.options import cache_folder
    from vitscope.store.reader import Cache

    given = context.params.get("cache")
    try:
        return Cache(cache_folder(Path(given) if given else None)).runs()
    except (VitscopeError, OSError):
        return []
