"""Evaluation: a task's numbers for every layer of a model, kept in the cache as a run of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from vitscope import catalog
from vitscope.errors import DataError, TaskError, UnknownName
from vitscope.models import build
from vitscope.models.shape import geometry_of
from vitscope.run import device as devices
from vitscope.run.loader import preprocess_of
from vitscope.run.ranks import Turn, turn
from vitscope.run.request import Report, TaskRequest, Watcher
from vitscope.run.shards import now, versions
from vitscope.run.share import Share
from vitscope.run.stages import Stopwatch, summed
from vitscope.run.units import measure, missing
from vitscope.run.vectors import Found, vectors_of
from vitscope.spec import Precision, Resources, Spec
from vitscope.spec import Protocol as ProtocolName
from vitscope.store.writer import Measured, RunWriter
from vitscope.tasks import Asked, Outcome, Task, Units, Vectors

Skipped = list[dict[str, str]]


@dataclass(frozen=True)
class Work:
    """One task of one model: what is measured, and where it goes."""

    request: TaskRequest
    task: Task
    writer: RunWriter
    model: build.Loaded
    target: torch.device

    @property
    def version(self) -> int:
        """The version of the task's numbers."""
        return type(self.task).version

    @property
    def key(self) -> str:
        """What the states of its units are called."""
        return f"{self.request.task}@{self.version}"


def evaluate(request: TaskRequest, resources: Resources, cache: Path, watcher: Watcher) -> Report:
    """The result of a task, measured where the cache does not hold it; what was killed goes on where it stopped.

    The tree of the data set is read and checked before a model is loaded. A task of Units goes on at its first
    unfinished unit; a task of Vectors takes what earlier extractions have left. Raises any VitscopeError: bad data,
    weights, options or device, a run that somebody else is writing, a full disk. What was finished by then is kept.
    """
    with turn(resources, watcher) as taken:
        target = devices.choose(taken.device(resources.device))
        with devices.memory_of(target):
            return _evaluate(request, resources, cache, watcher, target, taken)


def _evaluate(
    request: TaskRequest, resources: Resources, cache: Path, watcher: Watcher, target: torch.device, taken: Turn
) -> Report:
    began = time.monotonic()
    task = _opened(request, target, watcher)
    for note in task.notes:
        watcher.tell(note)
    model = build.load(request.model, request.checkpoint, request.image_size, request.torchscript)
    for note in model.notes:
        watcher.tell(f"{request.model}: {note}")
    spec = _spec(request, task, model)
    facts = _facts(request, task, model, target)

    def prepare() -> dict[str, Any]:
        writer = RunWriter(cache, spec, facts)
        if request.restart:
            writer.restart()
        watcher.tell(f"run: {writer.folder}")
        if writer.lost:
            watcher.warn(writer.lost)
        return {"run": spec.folder, "owed": not writer.finished(request.task, type(task).version)}

    with taken.claimed(cache / spec.folder):
        found = taken.begin(prepare)
        work = Work(request, task, taken.opened(cache, spec, facts, found), model, target)
        measured = _measure(work, resources, cache, watcher, taken) if found["owed"] else Found()
        last: dict[str, Any] = {}
        if not taken.folds and measured.stages:
            last = {"stages": summed(measured.stages), "decoders": measured.decoders}
        if taken.folds:
            if found["owed"]:
                _conclude(work, measured, watcher, began)
                last = work.writer.facts["passes"][-1]
            elif work.writer.facts["finished"] is None:  # an earlier start was killed when its result was written
                work.writer.update(finished=now())
            work.writer.drop_shards()
        seconds = time.monotonic() - began
        return _report(work, last, measured=found["owed"], seconds=seconds, missing=measured.missing)


def _opened(request: TaskRequest, target: torch.device, watcher: Watcher) -> Task:
    """The task over its data set, with all its options; UnknownName, TaskError, DataError."""
    kinds = catalog.find("task", catalog.TASKS, request.task).kinds
    if request.dataset is not None and request.dataset not in kinds:
        raise TaskError(f"--dataset {request.dataset}: {request.task} is evaluated on {' or '.join(kinds)}.")
    kind = cast("type[Task]", catalog.load("task", catalog.TASKS, request.task))
    return kind(
        Asked(
            root=request.data,
            kind=request.dataset,
            protocol=request.protocol,
            limit=request.limit,
            per_class=request.per_class,
            device=str(target),
            progress=watcher.progress,
            options=options_of(request.task, kind, request.options),
        )
    )


def options_of(name: str, kind: type[Task], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a task, as given or by default; UnknownName or TaskError for one it does not understand."""
    for option, value in given.items():
        if option not in kind.options:
            if not kind.options:
                raise TaskError(f"{name} has no options of its own: leave out --{option}.")
            raise UnknownName(f"option of {name}", f"--{option}", [f"--{known}" for known in kind.options])
        choices = kind.options[option].choices
        if choices and value not in choices:
            raise TaskError(f"--{option} of {name} cannot be {value!r}: it is one of {', '.join(choices)}.")
    return {option: given.get(option, known.default) for option, known in kind.options.items()}


def _measure(work: Work, resources: Resources, cache: Path, watcher: Watcher, taken: Turn) -> Found:
    """This process's share of what needs the model: what nobody has measured of the whole, and vectors, if needed."""
    if not hasattr(work.task, "units"):
        return vectors_of(cast("Vectors", work.task), work.request, resources, cache, watcher, opens=taken.folds)
    task, key, asked = cast("Units", work.task), work.key, work.request
    spent: list[dict[str, float]] = []

    def share_of(share: Share) -> None:
        spent.extend(
            measure(
                task, key, work.model, work.writer, resources, work.target, asked.precision, watcher, share, asked.data
            )
        )

    taken.measure(share_of, lambda: missing(task, key, work.writer))
    if taken.folds:
        return Found(stages=spent[-1:])  # what came before is in the records of the units
    return Found(missing=missing(task, key, work.writer), stages=spent)


def _conclude(work: Work, measured: Found, watcher: Watcher, began: float) -> None:
    """The outcome of the task, written into its run."""
    watch = Stopwatch(torch.device("cpu"))  # an outcome is an array of numpy, for which nobody has to wait any more
    with watch.stage("metrics"):
        if hasattr(work.task, "units"):
            outcome, skipped, spent = _of_units(work)
        else:
            outcome = cast("Vectors", work.task).compute(measured.sets, watcher)
            skipped, spent = measured.skipped, []
    writer, seconds = work.writer, time.monotonic() - began
    for note in outcome.notes:
        watcher.tell(note)
    notes = [*work.model.notes, *work.task.notes, *outcome.notes]
    counts = writer.facts["counts"]
    writer.update(used=outcome.count, skipped=skipped, notes=notes, images=counts.get("images", outcome.count))
    arrays = {name: Measured(array.values, array.dims, array.unit) for name, array in outcome.arrays.items()}
    coords = {dim: list(names) for dim, names in outcome.coords.items()}
    with watch.stage("write"):
        writer.put_result(work.request.task, work.version, arrays, outcome.count, coords)
    done = {
        "metrics": [work.request.task],
        "images": outcome.count,
        "seconds": round(seconds, 3),
        "finished": now(),
        "batch_size": writer.facts["batch_size"],
        "stages": summed([*spent, *measured.stages, watch.read(0)]),
        "decoders": measured.decoders,
        "device": devices.describe(work.target),
        "versions": versions(),
    }
    before = writer.facts
    writer.update(
        finished=done["finished"],
        seconds=round(before["seconds"] + seconds, 3),
        passes=[*before["passes"], done],
    )


def _of_units(work: Work) -> tuple[Outcome, Skipped, list[dict[str, float]]]:
    """The outcome of all units, each of which is committed, what was skipped, and the stages of every unit."""
    task, key = cast("Units", work.task), work.key

    def states() -> Iterator[dict[str, Any]]:
        for unit in range(len(task.units)):
            yield work.writer.shard_state(unit, key)

    try:
        outcome = task.compute(states())
    except DataError:
        work.writer.drop_shards()  # what could not be read may be readable next time
        raise
    records = [work.writer.kept_record(unit) for unit in range(len(task.units))]
    work.writer.update(batch_size=min((record["batch_size"] for record in records), default=None))
    files = {(file["file"], file["reason"]): file for record in records for file in record["skipped"]}
    return outcome, list(files.values()), [record.get("stages", {}) for record in records]


def _report(work: Work, last: dict[str, Any], *, measured: bool, seconds: float, missing: list[int]) -> Report:
    facts, name = work.writer.facts, [work.request.task]
    return Report(
        folder=work.writer.folder,
        images=int(facts["images"]),
        used=int(facts["used"]),
        skipped=list(facts["skipped"]),
        seconds=seconds,
        measured=name if measured else [],
        reused=[] if measured else name,
        stages=last.get("stages", {}),
        decoders=last.get("decoders", 0),
        missing=missing,
    )


def _spec(request: TaskRequest, task: Task, model: build.Loaded) -> Spec:
    return Spec(
        model=request.model,
        weights=model.weights,
        dataset=task.dataset,
        images=task.fingerprint,
        image_size=model.image_size,
        preprocess=_preprocess(request, task, model),
        normalization=model.normalization,
        precision=cast("Precision", request.precision),
        protocol=cast("ProtocolName", request.protocol),
        task=request.task,
        settings={name: list(value) if isinstance(value, tuple) else value for name, value in task.settings.items()},
    )


def _preprocess(request: TaskRequest, task: Task, model: build.Loaded) -> str:
    """How images become crops, in words: the way of the extraction, or the task's own, which cannot be changed."""
    if hasattr(task, "units"):
        if request.preprocess != "paper":
            raise TaskError(f"{request.task} makes its own crops: leave out --preprocess {request.preprocess}.")
        return f"of the task {request.task}"
    ways = [preprocess_of(request.preprocess, model, images).words for images in cast("Vectors", task).sets.values()]
    return "; ".join(dict.fromkeys(ways))


def _facts(request: TaskRequest, task: Task, model: build.Loaded, target: torch.device) -> dict[str, Any]:
    """What run.json says besides the spec, at the first start."""
    return {
        "geometry": geometry_of(request.model, model.module, model.image_size).to_json(),
        "classes": [],
        "images": 0,
        "used": 0,
        "skipped": [],
        "counts": _counts(task),
        "best": list(type(task).best),
        "data": str(request.data),
        "checkpoint": model.checkpoint,
        "notes": [*model.notes, *task.notes],
        "versions": versions(),
        "device": devices.describe(target),
        "batch_size": None,
        "started": now(),
        "finished": None,
        "seconds": 0.0,
        "passes": [],
    }


def _counts(task: Task) -> dict[str, int]:
    """How large the data set is: its units, or the images of every set and of all together."""
    if hasattr(task, "units"):
        return {"units": len(cast("Units", task).units)}
    sizes = {name: len(images.records) for name, images in cast("Vectors", task).sets.items()}
    return {**sizes, "images": sum(sizes.values())}
