"""Cache, Run and Result: what the browser and the views read. Numpy alone is enough; nothing is ever written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from vitscope import catalog
from vitscope.errors import FormatError, NotMeasured, StoreError
from vitscope.geometry import Geometry
from vitscope.spec import Spec, slug
from vitscope.store.arrays import check_size, open_array, prove
from vitscope.store.files import damaged, is_link, read_json
from vitscope.store.folders import result_folders, run_folders
from vitscope.store.layout import RESULT, RUN, split_key
from vitscope.store.parts import ArrayInfo, geometry_of, parse, result_of, spec_of
from vitscope.store.text import cleaned, printable, shown


@dataclass(frozen=True)
class Result:
    """One metric's numbers in one run, as its result.json describes them."""

    folder: Path
    metric: str
    version: int
    images: int
    arrays: dict[str, ArrayInfo]
    coords: dict[str, list[str]]

    def array(self, name: str = "mean") -> np.ndarray:
        """An array, memory-mapped and read-only; NotMeasured for a name it lacks, DamagedError if any byte differs."""
        if name not in self.arrays:
            raise NotMeasured(f"{self.metric} has no {name!r}, only: {', '.join(self.arrays)}.")
        info = self.arrays[name]
        return open_array(self.folder / info.file, info)

    def check(self) -> None:
        """DamagedError unless every array is there in its size."""
        for info in self.arrays.values():
            check_size(self.folder / info.file, info.size)

    def prove(self) -> None:
        """DamagedError unless every byte of every array is as it was written; reads what this process has not yet."""
        for info in self.arrays.values():
            prove(self.folder / info.file, info)


@dataclass(frozen=True)
class Run:
    """One run of the cache: a model over a data set. Strings are printable."""

    folder: Path
    spec: Spec
    geometry: Geometry
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return printable(self.folder.name)

    @property
    def model(self) -> str:
        """The model as the user named it."""
        return self.spec.model

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.spec.dataset

    @property
    def images(self) -> int:
        """How many images are behind the numbers: those selected less those skipped."""
        used = self.facts.get("used")
        return used if type(used) is int else 0

    @property
    def classes(self) -> list[str]:
        """Names of the classes, empty for a flat folder."""
        names = self.facts.get("classes")
        return [str(name) for name in names] if isinstance(names, list) else []

    @property
    def complete(self) -> bool:
        """Whether the extraction came to its end."""
        return bool(self.facts.get("finished"))

    @property
    def only_vectors(self) -> bool:
        """Whether it is an extraction that a task asked for: it holds the vectors of its images and nothing else."""
        return not self.spec.task and list(self._newest()) == ["vectors"]

    @property
    def started(self) -> str:
        """When the extraction started, ISO 8601, "" if it does not say."""
        return str(self.facts.get("started") or "")

    def results(self, problems: list[str] | None = None) -> dict[str, Result]:
        """The newest version of each metric, by name; why others cannot be read is added to `problems`."""
        found = {}
        for metric, folder in self._newest().items():
            try:
                found[metric] = load_result(folder)
            except StoreError as error:
                (problems if problems is not None else []).append(str(error))
        return found

    def result(self, metric: str) -> Result:
        """The newest version of a metric; NotMeasured with the command that measures it, DamagedError, FormatError."""
        newest = self._newest()
        if metric not in newest:
            what = "evaluation" if self.spec.task else "extraction"
            unfinished = "" if self.complete else f"; its {what} has not finished"
            how = f"evaluate {metric}" if metric == self.spec.task else "extract"
            asked = "" if metric == self.spec.task else f" --metrics {metric}"
            raise NotMeasured(
                f"{self.name} holds no {metric} (it holds: {', '.join(newest) or 'nothing yet'}{unfinished}): measure "
                f"it with `vitscope {how} --model {self.model} --data DIR{asked}`."
            )
        return load_result(newest[metric])

    def array(self, metric: str, name: str = "mean") -> np.ndarray:
        """An array of a metric, memory-mapped and read-only; NotMeasured, DamagedError, FormatError."""
        return self.result(metric).array(name)

    def _newest(self) -> dict[str, Path]:
        """Folder of the newest version of each metric that has a result.json, sorted by name."""
        versions: dict[str, tuple[int, Path]] = {}
        for folder in result_folders(self.folder):
            metric, version = split_key(folder.name) or ("", 0)
            if version > versions.get(metric, (0, folder))[0]:
                versions[metric] = (version, folder)
        return {metric: versions[metric][1] for metric in sorted(versions)}


class Cache:
    """The runs in a folder, looked up afresh at every call; a folder that is missing or empty is an empty cache.

    Raises StoreError for a folder that cannot be read or is a file. Runs of another version are broken runs: they can
    still be listed and removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run_folders(folder)

    def runs(self) -> list[Run]:
        """The runs that can be read, newest first."""
        return _newest_first([run for run, _ in map(_try_run, run_folders(self.folder)) if run])

    def inventory(self) -> tuple[list[Run], list[tuple[Path, str]]]:
        """The runs that can be read, newest first, and what cannot be, each with a sentence.

        That is folders of runs, and of single results in runs that can be. A run is looked at once, and is in one list.
        """
        runs: list[Run] = []
        broken: list[tuple[Path, str]] = []
        for folder in run_folders(self.folder):
            run, error = _try_run(folder)
            if run is None:
                broken.append((folder, str(error)))
                continue
            runs.append(run)
            broken += [(place, str(error)) for place in result_folders(folder) if (error := _try_result(place))]
        return _newest_first(runs), broken

    def broken(self) -> list[tuple[Path, str]]:
        """What cannot be read, as `inventory` says it."""
        return self.inventory()[1]

    def find(self, model: str, task: str | None = "") -> Run:
        """The newest run of a model, by the model's name, the last part of it, or the (beginning of the) run's folder.

        A name of the catalog is never the last part or the beginning of another: `mae` is not random/mae, nor mae-l16.
        `task` is "" for extractions, a name of `catalog.TASKS` for evaluations, None for either.
        Runs that are finished come before those that are not: one that failed or is going on hides no numbers; and
        those that hold nothing but vectors, which evaluations ask for, come last.
        Raises StoreError naming what there is; the error of a run that has that name but cannot be read; FormatError
        if nothing here can be read since another version wrote it.
        """
        asked = printable(model)
        runs = [run for run in self.runs() if task is None or run.spec.task == task]
        by_name = [run for run in runs if run.name == asked], [run for run in runs if run.model == asked]
        by_part = (
            [run for run in runs if slug(run.model) == asked],
            [run for run in runs if asked and run.name.startswith(asked)],
        )
        for same in by_name if asked in catalog.MODELS else by_name + by_part:
            if len({run.model for run in same}) > 1:
                names = ", ".join(run.name for run in [run for run in same if not run.only_vectors] or same)
                raise StoreError(f"{asked!r} could be any of {names} in {shown(self.folder)}: type more of the name.")
            if same:
                return min(same, key=lambda run: (run.only_vectors, not run.complete))
        for folder in run_folders(self.folder):
            error = _try_run(folder)[1]
            named = folder.name == model or folder.name.startswith(f"{slug(model)}-")
            if error and (named or (not runs and isinstance(error, FormatError))):
                raise error
        what, command = (f"{task} ", f"evaluate {task}") if task else ("", "extract")
        known = ", ".join(dict.fromkeys(run.model for run in runs)) or f"no {what}run yet"
        raise StoreError(
            f"no {what}run of {asked!r} in the cache {shown(self.folder)}, which holds {known}: make one with "
            f"`vitscope {command} --model {asked} --data DIR`, or choose another folder with --cache."
        )


def load_run(folder: Path) -> Run:
    """The run in `folder`; DamagedError, FormatError, StoreError."""
    path = folder / RUN
    stored = parse(path, cleaned, read_json(path))
    spec = parse(path, spec_of, stored.pop("spec", None))
    geometry = parse(path, geometry_of, stored.get("geometry"))
    stored.pop("key", None)
    return Run(folder, spec, geometry, stored)


def load_result(folder: Path) -> Result:
    """The result in a metric's folder; DamagedError, FormatError, StoreError."""
    path = folder / RESULT
    if is_link(folder) or is_link(path):
        raise damaged(path, "it is a link, which could lead out of its run")
    parts = parse(path, lambda stored: result_of(cleaned(stored)), read_json(path))
    if split_key(folder.name) != (parts.metric, parts.version):
        raise damaged(path, f"it belongs to {parts.metric}@{parts.version}")
    return Result(folder, parts.metric, parts.version, parts.images, parts.arrays, parts.coords)


def _try_run(folder: Path) -> tuple[Run | None, StoreError | None]:
    try:
        return load_run(folder), None
    except StoreError as error:
        return None, error


def _try_result(folder: Path) -> StoreError | None:
    try:
        load_result(folder).check()
    except StoreError as error:
        return error
    return None


def _newest_first(runs: list[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (_when(run.started), run.name), reverse=True)


def _when(started: str) -> float:
    try:
        return datetime.fromisoformat(started).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
