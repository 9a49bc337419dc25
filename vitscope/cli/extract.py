"""`vitscope extract`: run models over photographs once and keep every number in the cache."""

from __future__ import annotations

import re
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitscope import catalog
from vitscope.amounts import duration
from vitscope.cli import complete
from vitscope.cli.options import (
    AllowAnyTorchScript,
    AllowTorchScript,
    BatchSize,
    CacheFolder,
    Checkpoint,
    Dataset,
    Device,
    Models,
    Quiet,
    Verbose,
    Workers,
    cache_folder,
    expand,
    torchscript,
)
from vitscope.cli.record import Json, LogFile
from vitscope.cli.record import begin as record
from vitscope.cli.talk import Talk
from vitscope.cli.together import Shard, answer, begin, check_alone, in_turn, part_of, summarise_part
from vitscope.cli.watch import watch, where_time_went
from vitscope.errors import StoreError

if TYPE_CHECKING:
    from vitscope.run.extract import Report
    from vitscope.spec import Resources

UNASKED = ("images", "imagenet")  # the kinds of data that are taken, if set, where nothing is asked for
SKIPPED_SHOWN = 5  # skipped files listed by name; --verbose lists all


class Precision(StrEnum):
    """Number format of the forward pass."""

    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


class Protocol(StrEnum):
    """What is done where the paper's code differs from what it means.

    Of an extraction: EXIF turns, which it ignores, and Gram matrices, of 8 images as they are listed instead of 32
    shuffled, which CKA divides by their range. docs/tasks.md has a table for each task.
    """

    corrected = "corrected"
    paper = "paper"


class Preprocess(StrEnum):
    """How an image becomes a crop: short side to the crop's and its middle, or as the model was evaluated."""

    paper = "paper"
    model = "model"


def image_size(text: str) -> tuple[int, int]:
    """Height and width in pixels out of `224` or `224x448`; BadParameter for anything else.

    >>> image_size("224"), image_size("224x448")
    ((224, 224), (224, 448))
    """
    match = re.fullmatch(r"(\d+)(?:[xX×](\d+))?", text)
    size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(size) < 1:
        raise typer.BadParameter(f"{text!r} is neither a side such as 224 nor HEIGHTxWIDTH such as 224x448")
    return size


def metric_names(text: str) -> tuple[str, ...]:
    """Names out of `default`, `all`, or names joined by commas, in the order of the catalog; UnknownName.

    >>> metric_names("entropy,distance")
    ('distance', 'entropy')
    """
    wanted: set[str] = set()
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name in {"default", "all"}:
            wanted |= {metric for metric, entry in catalog.METRICS.items() if entry.default or name == "all"}
        else:
            catalog.find("metric", catalog.METRICS, name)
            wanted.add(name)
    if not wanted:
        raise typer.BadParameter("name at least one metric, or `default`, or `all`", param_hint="--metrics")
    return tuple(name for name in catalog.METRICS if name in wanted)


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
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photographs, flat or in class folders.", show_default=False),
    ] = None,
    dataset: Dataset = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="At most N images.", show_default=False)] = None,
    per_class: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="At most N images of each class folder.", show_default=False)
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--image-size", metavar="N|HxW", help="Crop in pixels; else the model's own.", show_default=False),
    ] = None,
    gallery: Annotated[int, typer.Option(metavar="N", min=0, help="Keep all attention of N images.")] = 8,
    precision: Annotated[
        Precision | None,
        typer.Option(
            metavar="fp32|bf16|fp16", help="Number format of the forward pass; else fp32.", show_default=False
        ),
    ] = None,
    protocol: Annotated[
        Protocol, typer.Option(metavar="corrected|paper", help="As defined, or as the paper's code.")
    ] = Protocol.corrected,
    preprocess: Annotated[
        Preprocess, typer.Option(metavar="paper|model", help="Crops as in the paper for all, or as each model's own.")
    ] = Preprocess.paper,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="default|all|NAME,…",
            help="What is measured; `default,NAME` adds to the default.",
            autocompletion=complete.metrics,
        ),
    ] = "default",
    restart: Annotated[bool, typer.Option("--restart", help="Forget what this run measured before.")] = False,
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
    if checkpoint is not None and len(models) > 1:
        raise typer.BadParameter("one file holds the weights of one model: give one --model", param_hint="--checkpoint")
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
            summarise_part(talk, name, piece, report)
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
    shown = report.skipped if talk.verbose else report.skipped[:SKIPPED_SHOWN]
    for skipped in shown:
        talk.warn(f"skipped {skipped['file']}: {skipped['reason']}")
    if len(report.skipped) > len(shown):
        talk.warn(f"… and {len(report.skipped) - len(shown)} more; all are in run.json, --verbose lists them")
    talk.say(f"{model}: {_done(report)}")
    talk.detail(f"measured: {', '.join(report.measured) or 'nothing'}; reused: {', '.join(report.reused) or 'nothing'}")
    for line in where_time_went(report.stages, report.decoders):
        talk.detail(line)
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
    return f"{count}, {len(report.measured)} metrics in {duration(report.seconds)}"
