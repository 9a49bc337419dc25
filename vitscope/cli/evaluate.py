"""`vitscope evaluate`: a task's numbers for every layer of some models, kept in the cache."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitscope import catalog
from vitscope.amounts import duration
from vitscope.cli import complete
from vitscope.cli import task_options as own
from vitscope.cli.extract import resources_of
from vitscope.cli.options import (
    AllowAnyTorchScript,
    AllowTorchScript,
    BatchSize,
    CacheFolder,
    Checkpoint,
    Dataset,
    Device,
    ImageSize,
    Models,
    NumberFormat,
    PerClass,
    Preprocess,
    PreprocessOf,
    Protocol,
    ProtocolOf,
    Quiet,
    Restart,
    Verbose,
    cache_folder,
    expand,
    image_size,
    torchscript,
)
from vitscope.cli.paths import to_path
from vitscope.cli.record import Json, LogFile
from vitscope.cli.record import begin as record
from vitscope.cli.talk import Talk
from vitscope.cli.together import (
    Shard,
    answer,
    begin,
    check_alone,
    check_one_model,
    in_turn,
    part_of,
    say_skipped,
    summarise_part,
)
from vitscope.cli.watch import say_where_time_went, watch
from vitscope.errors import TaskError

if TYPE_CHECKING:
    from vitscope.run.request import Report

OPTIONS = ("--workers",)  # that change what limits a run, where images are decoded beside it
TASK_HELP = "One of: " + ", ".join(catalog.TASKS) + "."


def evaluate(
    context: typer.Context,
    task: Annotated[
        str, typer.Argument(metavar="TASK", help=TASK_HELP, show_default=False, autocompletion=complete.tasks)
    ],
    model: Models,
    checkpoint: Checkpoint = None,
    allow_torchscript: AllowTorchScript = False,
    allow_any_torchscript: AllowAnyTorchScript = False,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=to_path,
            help="The data set; else the setting data.KIND.",
            show_default=False,
        ),
    ] = None,
    dataset: Dataset = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="At most N images, pairs or videos.", show_default=False)
    ] = None,
    per_class: PerClass = None,
    size: ImageSize = None,
    precision: NumberFormat = None,
    protocol: ProtocolOf = Protocol.corrected,
    preprocess: PreprocessOf = Preprocess.paper,
    restart: Restart = False,
    tokens: own.TokensOf = None,
    k: own.Neighbours = None,
    temperature: own.Temperature = None,
    crop_query: own.CropQuery = None,
    native: own.Native = None,
    clusters: own.Clusters = None,
    dense: own.Dense = None,
    mass: own.Mass = None,
    threshold: own.Threshold = None,
    sequences: own.Sequences = None,
    masks: own.Masks = None,
    pairs: own.Pairs = None,
    split: own.Split = None,
    device: Device = None,
    batch_size: BatchSize = None,
    workers: own.Workers = None,
    shard: Shard = None,
    log: LogFile = None,
    lines: Json = False,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Evaluate models on a task with labels, masks, videos or keypoints: every layer from one pass, kept in the cache.

    Prints the folder of every finished run. What was interrupted goes on where it stopped; what is there is reused.

    \b
    For example:
      vitscope evaluate knn --model mae --data IMAGENET
      vitscope show summary --model mae
    """
    begin()
    record(context, log, lines=lines)
    talk, models = Talk.of(context, quiet=quiet, verbose=verbose), expand(model)
    vectors = catalog.find("task", catalog.TASKS, task).vectors
    if workers is not None and not vectors:
        raise TaskError(f"{task} decodes its images by itself: leave out --workers.")
    check_one_model(checkpoint, models)
    options = own.given(
        tokens=tokens, k=k, temperature=temperature, crop_query=crop_query, native=native, clusters=clusters,
        dense=dense, mass=mass, threshold=threshold, sequences=sequences, masks=masks, pairs=pairs, split=split,
    )  # fmt: skip
    crop, store, piece = image_size(size) if size else None, cache_folder(cache), part_of(shard, restart=restart)
    resources, number_format = resources_of(device, batch_size, workers, precision, piece)
    folder = data or _configured(task, dataset) or _embedded(talk, task, store, piece)

    def one(name: str) -> None:
        with watch(talk, name, "steps") as watcher:
            from vitscope.run.evaluate import evaluate as run
            from vitscope.run.request import TaskRequest

            request = TaskRequest(
                task=task,
                model=name,
                checkpoint=checkpoint,
                torchscript=torchscript(allow_torchscript, allow_any_torchscript),
                data=folder,
                dataset=dataset,
                limit=limit,
                per_class=per_class,
                image_size=crop,
                precision=number_format,
                preprocess=preprocess.value,
                protocol=protocol.value,
                options=options,
                restart=restart,
            )
            report = run(request, resources, store, watcher)
        if piece is not None and talk.speaks:
            summarise_part(talk, name, piece, report, OPTIONS if vectors else ())
        elif talk.speaks:
            _summarise(talk, task, name, report, OPTIONS if vectors else ())
        if masks is not None and report.reused:
            talk.warn(f"{name} was evaluated before, so no masks were written: --restart writes them")

    in_turn(models, one)
    if piece is None:
        _next(talk, task, models, cache)


def _configured(task: str, dataset: str | None) -> Path | None:
    """The folder that a setting names for the data of this task, or for the kind asked for; None if none does."""
    from vitscope import config

    settings = config.all()
    kinds = (dataset,) if dataset else catalog.TASKS[task].kinds
    named = [settings[f"data.{kind}"] for kind in kinds if settings.get(f"data.{kind}")]
    return Path(named[0]) if named else None


def _embedded(talk: Talk, task: str, cache: Path, shard: tuple[int, int] | None) -> Path:
    """The embedded world's data for this task, drawn into the cache if they are not there yet."""
    from vitscope.demo import tour

    check_alone(shard)
    kinds = catalog.TASKS[task].kinds
    settings = " or ".join(f"data.{kind}" for kind in kinds)
    talk.say(f"no --data and no setting {settings}: taking the {kinds[0]} of the embedded world")
    with watch(talk, "the world") as watcher:
        return tour.data_for(task, cache, watcher.progress)


def _summarise(talk: Talk, task: str, model: str, report: Report, options: Collection[str]) -> None:
    """The best layer and what limited the run on stderr, the run's folder on stdout."""
    from vitscope.store.reader import load_run
    from vitscope.views.summary import in_words

    say_skipped(talk, report)
    how = f"in {duration(report.seconds)}" if report.measured else "evaluated before (--restart does it again)"
    talk.say(f"{model}: {task}: {in_words(load_run(report.folder))}; {how}")
    say_where_time_went(talk, model, report, options)
    answer(model, report)


def _next(talk: Talk, task: str, models: list[str], cache: Path | None) -> None:
    """What to type to see more."""
    where = ["--cache", str(cache)] if cache else []
    which = [word for name in models for word in ("--model", name)]
    talk.say("next:")
    for view in (task, "summary"):
        talk.say(f"  {shlex.join(['vitscope', 'show', view, *which, *where])}")
