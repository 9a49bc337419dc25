"""`vitscope extract`: run models over photographs once and keep every number in the cache."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vitscope import catalog
from vitscope.amounts import counted, duration
from vitscope.cli.options import (
    AllowAnyTorchScript,
    AllowTorchScript,
    BatchSize,
    CacheFolder,
    Checkpoint,
    Dataset,
    Device,
    Gallery,
    ImageSize,
    Limit,
    Metrics,
    Models,
    NumberFormat,
    PerClass,
    Photographs,
    Precision,
    Preprocess,
    PreprocessOf,
    Protocol,
    ProtocolOf,
    Quiet,
    Restart,
    Verbose,
    Workers,
    cache_folder,
    expand,
    image_size,
    metric_names,
    torchscript,
)
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
from vitscope.errors import StoreError

if TYPE_CHECKING:
    from vitscope.run.extract import Report
    from vitscope.spec import Resources

UNASKED = ("images", "imagenet")  # the kinds of data that are taken, if set, where nothing is asked for
OPTIONS = ("--workers", "--metrics")  # that change what limits a run


def chosen_data(talk: Talk, data: Path | None, dataset: str | None) -> tuple[Path, str] | None:
    """The folder of images and its kind: --data, else a setting, which is then said; None where neither says one."""
    if dataset is not None:
        catalog.find("kind of data", catalog.DATASETS, dataset)
    if data is not None:
        from vitscope.data.recognise import kind_of

        return data, dataset or kind_of(data)

    from vitscope import config

    for kind in (dataset,) if dataset else UNASKED:
        if setting := config.get(f"data.{kind}"):
            talk.say(f"no --data: taking {setting}, as the setting data.{kind} says")
            return Path(setting), kind
    return None


def embedded(talk: Talk, cache: Path, shard: tuple[int, int] | None) -> tuple[Path, str]:
    """The embedded world's images, drawn into the cache if they are not there yet, and their kind."""
    from vitscope.demo import tour

    check_alone(shard)
    settings = " or ".join(f"data.{kind}" for kind in UNASKED)
    talk.say(f"no --data and no setting {settings}: taking the images of the embedded world")
    with watch(talk, "the world") as watcher:
        return tour.draw(cache, watcher.progress), "images"


def extract(
    context: typer.Context,
    model: Models,
    checkpoint: Checkpoint = None,
    allow_torchscript: AllowTorchScript = False,
    allow_any_torchscript: AllowAnyTorchScript = False,
    data: Photographs = None,
    dataset: Dataset = None,
    limit: Limit = None,
    per_class: PerClass = None,
    size: ImageSize = None,
    gallery: Gallery = 8,
    precision: NumberFormat = None,
    protocol: ProtocolOf = Protocol.corrected,
    preprocess: PreprocessOf = Preprocess.paper,
    metrics: Metrics = "default",
    restart: Restart = False,
    device: Device = None,
    batch_size: BatchSize = None,
    workers: Workers = None,
    shard: Shard = None,
    log: LogFile = None,
    lines: Json = False,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run models over a folder of photographs once and keep every number in the cache.

    Prints the folder of every finished run. A run that was interrupted goes on where it stopped.

    \b
    For example:
      vitscope extract --model mae --data PHOTOS
    """
    begin()
    record(context, log, lines=lines)
    talk, models = Talk.of(context, quiet=quiet, verbose=verbose), expand(model)
    check_one_model(checkpoint, models)
    crop, piece = image_size(size) if size else None, part_of(shard, restart=restart)
    names, store = metric_names(metrics), cache_folder(cache)
    folder, kind = chosen_data(talk, data, dataset) or embedded(talk, store, piece)
    resources, number_format = resources_of(device, batch_size, workers, precision, piece)

    def one(name: str) -> None:
        with watch(talk, name) as watcher:
            from vitscope.run.extract import Request
            from vitscope.run.extract import extract as run

            request = Request(
                model=name,
                checkpoint=checkpoint,
                torchscript=torchscript(allow_torchscript, allow_any_torchscript),
                data=folder,
                dataset=kind,
                limit=limit,
                per_class=per_class,
                image_size=crop,
                gallery=gallery,
                precision=number_format,
                protocol=protocol.value,
                preprocess=preprocess.value,
                metrics=names,
                restart=restart,
            )
            report = run(request, resources, store, watcher)
        if piece is not None and talk.speaks:
            summarise_part(talk, name, piece, report, OPTIONS)
        elif talk.speaks:
            summarise(talk, name, report, cache)

    in_turn(models, one)


def resources_of(
    device: str | None,
    batch_size: int | None,
    workers: int | None,
    precision: Precision | None,
    shard: tuple[int, int] | None,
) -> tuple[Resources, str]:
    """How to run, and the number format: options first, then settings, then what fits any machine."""
    from vitscope import config
    from vitscope.spec import Resources

    settings = config.all()
    resources = Resources(
        device=device or settings["device"] or "auto",
        batch_size=batch_size or settings["batch_size"],
        workers=workers if workers is not None else settings["workers"],
        shard=shard,
    )
    return resources, precision.value if precision else settings["precision"] or "fp32"


def summarise(talk: Talk, model: str, report: Report, cache: Path | None) -> None:
    """What was done and what to type next on stderr, the run's folder on stdout."""
    say_skipped(talk, report)
    talk.say(f"{model}: {_done(report)}")
    talk.detail(f"measured: {', '.join(report.measured) or 'nothing'}; reused: {', '.join(report.reused) or 'nothing'}")
    say_where_time_went(talk, model, report, OPTIONS)
    answer(model, report)
    where, name = ["--cache", str(cache)] if cache else [], _name(model, report.folder)
    talk.say("next:")
    for words in (["show", "heads", "--model", name], ["browse", name]):
        talk.say(f"  {shlex.join(['vitscope', *words, *where])}")


def _name(model: str, folder: Path) -> str:
    """What `show` and `browse` call the run in `folder`: the model, or the folder where another run has that name.

    The folder, too, where the cache cannot be read any more: what was measured is measured.
    """
    from vitscope.store.reader import Cache

    try:
        store = Cache(folder.parent)
        others = any(run.model == model and run.folder != folder and not run.spec.task for run in store.runs())
        return folder.name if others and store.find(model).folder != folder else model
    except StoreError:
        return folder.name


def _done(report: Report) -> str:
    """One line: how many images, how long, what is in the run."""
    count = f"{report.used} images" if not report.skipped else f"{report.used} of {report.images} images"
    if not report.measured:
        return f"{count}, all measured before: nothing to do (--restart measures again)"
    return f"{count}, {counted(len(report.measured), 'metric')} in {duration(report.seconds)}"
