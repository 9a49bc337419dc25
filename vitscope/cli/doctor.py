"""`vitscope doctor`: is everything here that vitscope needs, and what will a long run take?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from vitscope.cli import complete
from vitscope.cli.extract import chosen_data, resources_of
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
    NumberFormat,
    PerClass,
    Photographs,
    Preprocess,
    PreprocessOf,
    Protocol,
    ProtocolOf,
    Quiet,
    Verbose,
    Workers,
    cache_folder,
    image_size,
    metric_names,
    torchscript,
)
from vitscope.cli.talk import Talk, clean, console, depth, result
from vitscope.errors import VitscopeError

if TYPE_CHECKING:
    from vitscope.run.check import Check

STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}


def doctor(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="Try this model on a few images: weights, memory, space, time.",
            show_default=False,
            autocompletion=complete.models,
        ),
    ] = None,
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
    device: Device = None,
    batch_size: BatchSize = None,
    workers: Workers = None,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Look at the device, memory, hub, terminal, cache and settings; say what to do where something is missing.

    With --model, also measure a few images as `vitscope extract` with the same options; nothing is kept or downloaded.
    Exit code 1 if there is a problem; notes are no problems.

    \b
    For example:
      vitscope doctor --model mae --data PHOTOS
    """
    from vitscope.run.doctor import examine

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    if model is None and (given := _of_a_run(context)):
        raise typer.BadParameter(f"name the model that would run with {', '.join(given)}", param_hint="--model")
    talk.detail("starting PyTorch")
    problems = _shown(talk, examine(lambda: cache_folder(cache), depth(console())))
    if model is not None:
        found = chosen_data(talk, data, dataset)
        if found is None:
            raise typer.BadParameter("name the folder of images that it would run over", param_hint="--data")
        from vitscope.run.preview import preview
        from vitscope.run.request import Request

        resources, number_format = resources_of(device, batch_size, workers, precision, None)
        request = Request(
            model=model,
            checkpoint=checkpoint,
            torchscript=torchscript(allow_torchscript, allow_any_torchscript),
            data=found[0],
            dataset=found[1],
            limit=limit,
            per_class=per_class,
            image_size=image_size(size) if size else None,
            gallery=gallery,
            precision=number_format,
            protocol=protocol.value,
            preprocess=preprocess.value,
            metrics=metric_names(metrics),
        )
        problems += _shown(talk, preview(request, resources, cache_folder(cache)))
    if problems:
        raise VitscopeError(f"{problems} {'problem' if problems == 1 else 'problems'} found; see above for what to do.")


def _of_a_run(context: typer.Context) -> list[str]:
    """The options that were given and say how a model would run."""
    every = {parameter.name or "": parameter.opts[0] for parameter in context.command.params}
    typed = [name for name in every if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    return [every[name] for name in typed if name not in {"cache", "quiet", "verbose"}]


def _shown(talk: Talk, checks: Iterator[Check]) -> int:
    """Print a table of checks; how many of them are problems."""
    from rich.table import Table
    from rich.text import Text

    problems = 0
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        if check.state == "ok" and talk.quiet:
            continue
        problems += check.state == "problem"
        said = Text(clean(check.found))
        if check.todo:
            said.append(f"\n{clean(check.todo)}", "dim")
        table.add_row(Text(check.state, STYLES[check.state]), check.name, said)
    result(table)
    return problems
