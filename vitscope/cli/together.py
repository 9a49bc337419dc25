"""Several processes on one run, as a command sees it: `--shard`, and the ranks of torchrun, of which one speaks."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitscope.amounts import duration
from vitscope.cli.options import HOW
from vitscope.cli.record import emit, heard, json_asked
from vitscope.cli.talk import Talk, clean, fail
from vitscope.cli.watch import say_where_time_went
from vitscope.errors import DataError, RankError, VitscopeError
from vitscope.run import supervisor
from vitscope.store.lock import let_go

if TYPE_CHECKING:
    from vitscope.run.request import Report

Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Only one part of N; the same command without it makes the results.",
        show_default=False,
        rich_help_panel=HOW,
    ),
]
NAMED = 20  # missing shards listed by number
SKIPPED_SHOWN = 5  # skipped files listed by name; --verbose lists all


def part_of(text: str | None, *, restart: bool) -> tuple[int, int] | None:
    """(I, N) out of `I/N`; BadParameter for anything else, and where every part would forget what the others did.

    >>> part_of("2/4", restart=False)
    (2, 4)
    """
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise typer.BadParameter(f"{text!r} is not a part such as 1/4, from 1/4 to 4/4", param_hint="--shard")
    if restart:
        raise typer.BadParameter("a part cannot restart the whole run: leave out --restart", param_hint="--shard")
    return int(match[1]), int(match[2])


def begin() -> None:
    """What comes first in a command that measures: a process beside each rank, and an orderly end on SIGTERM.

    Slurm sends that signal before it kills. What was finished is kept; the locks are released, since the next start may
    be on another host.
    """
    supervisor.watched()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: object) -> None:
    heard(logging.ERROR, "told to end by SIGTERM; what was finished is kept")
    let_go()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def check_one_model(checkpoint: Path | None, models: list[str]) -> None:
    """BadParameter for one file of weights and several models."""
    if checkpoint is not None and len(models) > 1:
        raise typer.BadParameter("one file holds the weights of one model: give one --model", param_hint="--checkpoint")


def check_alone(shard: tuple[int, int] | None) -> None:
    """BadParameter where several processes would draw the embedded world into one cache at once."""
    if shard is not None or supervisor.launched():
        raise typer.BadParameter("several processes need a folder that is there: name it", param_hint="--data")


def in_turn(models: list[str], one: Callable[[str], None]) -> None:
    """Call `one` with every model; one that fails stops no other, and the last error names all that failed.

    What is wrong with the images is wrong for every model: DataError stops at once.
    """
    if len(models) == 1:
        one(models[0])
        return
    failed, said = [], True
    for name in models:
        try:
            one(name)
        except DataError:
            raise
        except VitscopeError as error:
            said = bool(str(error))  # else another rank says it
            fail(f"{name}: {error}" if said else "")
            if said:
                emit("error", run=name, message=clean(str(error)), exit_code=error.exit_code)
            failed.append(name)
    if failed:
        names = ", ".join(failed)
        raise VitscopeError(f"{len(failed)} of {len(models)} models failed: {names}.") if said else RankError("")


def summarise_part(talk: Talk, name: str, shard: tuple[int, int], report: Report, options: Collection[str]) -> None:
    """What a part has done, and what is left, on stderr; the run's folder on stdout.

    `options` of the command are those that change what limits it.
    """
    missing = ", ".join(str(number + 1) for number in report.missing[:NAMED])
    more = " …" if len(report.missing) > NAMED else ""
    left = (
        f"still missing: shard {missing}{more}"
        if report.missing
        else "nothing is missing: the same command without --shard makes the results"
    )
    talk.say(f"{name}: part {shard[0]}/{shard[1]} is measured ({duration(report.seconds)}); {left}")
    say_where_time_went(talk, name, report, options)
    answer(name, report)


def say_skipped(talk: Talk, report: Report) -> None:
    """Warn of files that could not be read, of the first few unless --verbose asks for all."""
    named = report.skipped if talk.verbose else report.skipped[:SKIPPED_SHOWN]
    for skipped in named:
        talk.warn(f"skipped {skipped['file']}: {skipped['reason']}")
    if len(report.skipped) > len(named):
        talk.warn(f"… and {len(report.skipped) - len(named)} more; all are in run.json, --verbose lists them")


def answer(name: str, report: Report) -> None:
    """The result on stdout: the run's folder, or with --json all that is known of the run."""
    heard(logging.INFO, f"result: {report.folder}")
    if not json_asked():
        folder = str(report.folder)
        typer.echo(clean(folder) if sys.stdout.isatty() else folder)  # a script needs the name as it is
        return
    emit(
        "result",
        run=name,
        folder=str(report.folder),
        images=report.images,
        used=report.used,
        skipped=report.skipped,
        seconds=round(report.seconds, 3),
        measured=report.measured,
        reused=report.reused,
        missing=[shard + 1 for shard in report.missing],
        stages=report.stages,
    )
