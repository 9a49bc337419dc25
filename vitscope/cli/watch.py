"""What a person sees while a model is measured: a progress bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vitscope.amounts import duration
from vitscope.cli.record import emit, heard, json_asked, logged
from vitscope.cli.talk import Talk, clean, console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, Task

    from vitscope.run.request import Report

EVERY = 30.0  # seconds between two lines of progress where stderr is no terminal
SECOND = 1.0  # between two lines of JSON
SHORT = 5.0  # seconds of a run below which nobody asks what limited it
LIMITS = {
    "decode": "decoding limits",
    "copy": "copying to the device limits",
    "forward": "the model itself limits",
    "metrics": "the metrics limit",
    "write": "writing into the cache limits",
    "idle": "the device waits",
}
LITTLE = 0.5  # percent, below which a share is not told
REMEDIES = {
    "decode": ("--workers", "try more --workers"),
    "metrics": ("--metrics", "try fewer --metrics"),
    "idle": ("--workers", "most often for decoding: try more --workers"),
}  # of a stage, for a command that has this option


class Pace:
    """Progress at most every so many seconds, with the rate since the stage began; another total is another stage."""

    def __init__(self, every: float, told: Callable[[int, float, int, int], None]) -> None:
        self._every, self._told = every, told
        self._start: tuple[float, int] | None = None
        self._total: int | None = None
        self._spoken = 0.0

    def __call__(self, done: int, total: int, *, ends: bool = False) -> None:
        """Tell `told` how many are done since the stage began, in how many seconds, how many in all, of how many.

        With `ends` the first and the last of a stage are told whatever the time.
        """
        now = time.monotonic()
        begins = self._start is None or total != self._total
        if self._start is None or begins:
            self._start, self._total, self._spoken = (now, done), total, now
        if (ends and (begins or done >= total)) or (not begins and now - self._spoken >= self._every):
            self._spoken = now
            self._told(done - self._start[1], now - self._start[0], done, total)


class Lines:
    """Facts and progress as plain lines, for a log file; nothing at all under --quiet."""

    def __init__(self, talk: Talk, label: str, unit: str) -> None:
        self._talk, self._label, self._unit = talk, label, unit
        self._pace = Pace(EVERY, self._say)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, sentence: str) -> None:
        """A fact, on its own line."""
        self._talk.say(sentence)

    def warn(self, sentence: str) -> None:
        """A warning, on its own line."""
        self._talk.warn(sentence)

    def progress(self, done: int, total: int) -> None:
        """A line at most every EVERY seconds."""
        self._pace(done, total)

    def _say(self, fresh: int, seconds: float, done: int, total: int) -> None:
        self._talk.say(f"{self._label}: {pace(fresh, seconds, done, total, self._unit)}")


class Bar:
    """Facts above a progress bar with images per second and the time left; it moves before the first image, too."""

    def __init__(self, talk: Talk, label: str, unit: str) -> None:
        self._talk = talk
        self._screen = console(stderr=True)
        self._bar = _bar(self._screen, unit)
        self._task = self._bar.add_task(clean(label), total=None)
        self._moved = False
        self._total: int | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.live.transient = not self._moved  # nothing was counted: leave no trace
        self._bar.stop()

    def tell(self, sentence: str) -> None:
        """A fact, above the bar."""
        self._talk.say(sentence, self._screen)

    def warn(self, sentence: str) -> None:
        """A warning, above the bar."""
        self._talk.warn(sentence, self._screen)

    def progress(self, done: int, total: int) -> None:
        """Move the bar; the first call of a total says where that stage starts, which counts for no speed."""
        if self._moved and total == self._total:
            self._bar.update(self._task, completed=done)
        else:
            self._bar.reset(self._task, total=total, completed=done)
            self._moved, self._total = True, total


class Recorded:
    """What a watcher is told, kept in the log and written as lines of JSON as well, where these are asked for."""

    def __init__(self, watcher: Lines | Bar, label: str, unit: str) -> None:
        self._watcher, self._label, self._unit = watcher, label, unit
        self._log, self._json = Pace(EVERY, self._keep), Pace(SECOND, self._emit)

    def __enter__(self) -> Self:
        self._watcher.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.__exit__(kind, error, trace)

    def tell(self, sentence: str) -> None:
        """A fact, which is kept as it is said."""
        self._watcher.tell(sentence)

    def warn(self, sentence: str) -> None:
        """A warning, which is kept as it is said."""
        self._watcher.warn(sentence)

    def progress(self, done: int, total: int) -> None:
        """A line every EVERY seconds in the log, every SECOND as JSON, and the first and last of every stage."""
        self._watcher.progress(done, total)
        if logged() and isinstance(self._watcher, Bar):  # lines are kept as they are said
            self._log(done, total)
        if json_asked():
            self._json(done, total, ends=True)

    def _keep(self, fresh: int, seconds: float, done: int, total: int) -> None:
        heard(logging.INFO, f"{self._label}: {pace(fresh, seconds, done, total, self._unit)}")

    def _emit(self, fresh: int, seconds: float, done: int, total: int) -> None:
        rate = fresh / seconds if fresh and seconds > 0 else None
        emit(
            "progress",
            run=self._label,
            unit=self._unit,
            done=done,
            total=total,
            rate=rate and round(rate, 3),
            seconds_left=rate and round((total - done) / rate, 1),
        )


def watch(talk: Talk, label: str, unit: str = "images") -> Recorded:
    """A bar if stderr is a terminal that can redraw a line and --quiet was not given, else lines."""
    screen = console(stderr=True)
    redraws = screen.is_terminal and not screen.is_dumb_terminal
    bar = redraws and talk.speaks and not talk.quiet
    return Recorded(Bar(talk, label, unit) if bar else Lines(talk, label, unit), label, unit)


def pace(fresh: int, seconds: float, done: int, total: int, unit: str = "images") -> str:
    """Progress in words, from the images done since the start and the seconds that they took.

    >>> pace(120, 60.0, 320, 620)
    '320 of 620 images, 2.0 images/s, 2 min 30 s left'
    """
    rate = fresh / seconds if seconds > 0 else 0.0
    text = f"{done} of {total} {unit}, {rate:.1f} {unit}/s"
    return f"{text}, {duration((total - done) / rate)} left" if rate > 0 else text


def where_time_went(stages: Mapping[str, float], decoders: int) -> list[str]:
    """A table of stages: seconds, and their share of all of them; decoding beside the others has none.

    >>> print(*where_time_went({"decode": 6.0, "forward": 3.0, "idle": 1.0}, 2), sep="\\n")
    stage       seconds  share
    decode          6.0  in 2 processes beside
    forward         3.0   75 %
    idle            1.0   25 %
    """
    if not stages:
        return []
    shares = _shares(stages, decoders)
    processes = "a process" if decoders == 1 else f"{decoders} processes"
    lines = [f"{'stage':8} {'seconds':>10} {'share':>6}"]
    for name, seconds in stages.items():
        share = f"{shares[name]:4.0f} %" if name in shares else f" in {processes} beside"
        lines.append(f"{name:8} {seconds:10.1f} {share}")
    return lines


def what_limits(stages: Mapping[str, float], decoders: int, options: Collection[str] = ()) -> str:
    """The largest shares in one line, and what could be done about the first with the `options` of the command.

    >>> what_limits({"decode": 6.1, "forward": 3.0, "metrics": 0.9, "write": 0.0}, 0, ["--workers"])
    'decode 61 % · forward 30 % · metrics 9 %: decoding limits, try more --workers'
    """
    shares = sorted(_shares(stages, decoders).items(), key=lambda item: -item[1])
    if not shares or not shares[0][1]:
        return ""
    first = shares[0][0]
    option, remedy = REMEDIES.get(first, ("", ""))
    helps = option in options and (first != "idle" or decoders > 0)
    told = " · ".join(f"{name} {share:.0f} %" for name, share in shares if share >= LITTLE)
    return f"{told}: {LIMITS[first]}{f', {remedy}' if helps else ''}"


def say_where_time_went(talk: Talk, model: str, report: Report, options: Collection[str]) -> None:
    """After a run that took a while, what limited it; the table is for --verbose and the log."""
    if report.seconds >= SHORT and (line := what_limits(report.stages, report.decoders, options)):
        talk.say(f"{model}: {line}")
    for line in where_time_went(report.stages, report.decoders):
        talk.detail(line)


def _shares(stages: Mapping[str, float], decoders: int) -> dict[str, float]:
    """The share of every stage in percent, but of decoding where it was done beside the others."""
    counted = {name: seconds for name, seconds in stages.items() if name != "decode" or not decoders}
    whole = sum(counted.values()) or 1.0
    return {name: 100 * seconds / whole for name, seconds in counted.items()}


def _bar(screen: Console, unit: str) -> Progress:
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.text import Text

    class Count(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("starting" if task.total is None else _count(task, unit))

    name = TextColumn("{task.description}", markup=False)
    return Progress(name, BarColumn(bar_width=20), Count(), console=screen)


def _count(task: Task, unit: str) -> str:
    """So many of so many, how fast, how long still."""
    speed, left = task.finished_speed or task.speed, task.time_remaining
    text = f"{task.completed:.0f} of {task.total:.0f}"
    rate = f", {speed:.1f} {unit}/s" if speed else ""
    return f"{text}{rate}, {duration(left)} left" if left else f"{text}{rate}"
