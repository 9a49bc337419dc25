"""What of a cache is exported: a sheet for every view of every run, and of models side by side, in sections.

A view that is in no table here is exported once, as `vitscope show VIEW` prints it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from vitscope import catalog
from vitscope.errors import NotMeasured
from vitscope.spec import slug
from vitscope.store.reader import Cache, Run
from vitscope.views import Options, View

VARIANTS: dict[str, dict[str, Options]] = {
    "attention": {"attention-spatial": Options(query="spatial"), "attention-cls": Options(query="cls")},
    "cka": {
        "cka-all": Options(tokens="all"),
        "cka-cls": Options(tokens="cls"),
        "cka-spatial": Options(tokens="spatial"),
        "cka-norms": Options(taps="norm"),
    },
    "residual": {
        "residual": Options(),
        "residual-attention": Options(taps="attention"),
        "residual-mlp": Options(taps="mlp"),
    },
}
SIDE_BY_SIDE = ("cka-all", "cka-cls", "cka-spatial")  # of several models over the same images
SEPARATE = ("distance",)  # views of one run that are drawn below each other for several models
TASKS = "tasks"  # folder of the section of all evaluations


@dataclass(frozen=True)
class Sheet:
    """One view with its options: one table and one figure. `name` is that of its files."""

    name: str
    view: str
    runs: tuple[Run, ...]
    options: Options = field(default_factory=Options)

    def views(self, cache: Cache) -> list[View]:
        """The numbers: one View, or one for each run where the view shows one only. StoreError, ViewError."""
        shown, make = catalog.VIEWS[self.view], catalog.load("view", catalog.VIEWS, self.view)
        if shown.several:
            return [make(cache, self.names, self.options)]
        return [make(run, self.options) for run in self.runs]

    @property
    def names(self) -> list[str]:
        """What the runs are called on the command line; the summary goes through all runs of a model by itself."""
        return list(dict.fromkeys(run.model if self.view == "summary" else run.folder.name for run in self.runs))

    @property
    def command(self) -> str:
        """What prints the same numbers."""
        words = ["vitscope", "show", self.view, *(word for name in self.names for word in ("--model", name))]
        for option in fields(self.options):
            if (value := getattr(self.options, option.name)) is not None:
                words += [f"--{option.name}", str(value)]
        return shlex.join(words)


@dataclass(frozen=True)
class Section:
    """Sheets that belong together, in a folder of their own; `runs` are those that they are of."""

    folder: str
    title: str
    runs: tuple[Run, ...]
    sheets: tuple[Sheet, ...]


def sections(runs: Sequence[Run]) -> list[Section]:
    """All that can be exported of `runs`: models side by side, tasks, then every extraction by itself.

    Evaluations are compared where data and settings are the same, extractions where the images are. Runs that hold
    nothing but vectors, and those that nothing has been measured of yet, have no views.
    """
    extractions = [run for run in runs if not run.spec.task and run.results() and not run.only_vectors]
    evaluations = sorted((run for run in runs if run.spec.task and run.results()), key=_rank)
    found = [_compared(group) for group in _groups(extractions) if len({run.model for run in group}) > 1]
    if evaluations:
        found.append(Section(TASKS, "Tasks", tuple(evaluations), tuple(_of_tasks(evaluations))))
    found += [_alone(run) for run in sorted(extractions, key=_rank)]
    return _named_apart(found)


def _rank(run: Run) -> tuple[int, str, str]:
    return catalog.rank(run.model), run.model, run.name


def _groups(runs: Iterable[Run]) -> list[tuple[Run, ...]]:
    """Runs of the same images, and of a task with the same settings, in the catalog's order of models."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        spec = run.spec
        key = json.dumps([spec.task, spec.images, spec.protocol, dict(spec.settings)], sort_keys=True)
        groups.setdefault(key, []).append(run)
    return [tuple(sorted(group, key=_rank)) for group in groups.values()]


def _compared(runs: tuple[Run, ...]) -> Section:
    """Models over the same images."""
    several = tuple(Sheet(name, "cka", runs, VARIANTS["cka"][name]) for name in SIDE_BY_SIDE)
    below = tuple(Sheet(name, name, runs) for name in SEPARATE)
    folder = f"models-{slug(runs[0].dataset)}"
    return Section(folder, f"Models side by side over {runs[0].dataset}", runs, (*several, *below))


def _of_tasks(runs: Sequence[Run]) -> Iterable[Sheet]:
    """The summary, and every task over every data set."""
    yield Sheet("summary", "summary", tuple(runs))
    taken: set[str] = set()
    for task in catalog.TASKS:
        for group in _groups(run for run in runs if run.spec.task == task):
            name = _free(task if task not in taken else f"{task}-{slug(group[0].dataset)}", taken)
            yield Sheet(name, task, group)


def _alone(run: Run) -> Section:
    """Every view of one extraction, and every image of its gallery."""
    sheets = []
    for name, shown in catalog.VIEWS.items():
        if not shown.task and name != "summary":
            variants = VARIANTS.get(name, {name: Options()})
            sheets += [Sheet(variant, name, (run,), options) for variant, options in variants.items()]
    query = "cls" if run.geometry.prefix else "spatial"
    for number, image in enumerate(_gallery(run), start=1):
        sheets.append(Sheet(f"image-{number}", "attention", (run,), Options(query=query, image=image)))
    return Section(slug(run.folder.name), f"{run.model} over {run.dataset}", (run,), tuple(sheets))


def _gallery(run: Run) -> list[str]:
    try:
        return run.result("gallery").coords.get("image", [])
    except NotMeasured:
        return []


def _named_apart(found: list[Section]) -> list[Section]:
    """The same with folders of different names."""
    taken: set[str] = set()
    return [Section(_free(one.folder, taken), one.title, one.runs, one.sheets) for one in found]


def _free(name: str, taken: set[str]) -> str:
    """`name`, or with a number behind it; it is taken from now on.

    >>> taken = set()
    >>> _free("a", taken), _free("a", taken), _free("A", taken)
    ('a', 'a-2', 'A-3')
    """
    number, free = 1, name
    while free.lower() in taken:  # some file systems do not tell capitals
        number += 1
        free = f"{name}-{number}"
    taken.add(free.lower())
    return free
