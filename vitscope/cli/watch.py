"""What a person sees while a model is measured: a progress bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from vitscope.cli.talk import Talk, clean, console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, Task

EVERY = 30.0  # seconds between two lines of progress where stderr is no terminal


class Lines:
    """Facts and progress as plain lines, for a log file; nothing at all under --quiet."""

    def __init__(self, talk: Talk, label: str, unit: str) -> None:
        self._talk, self._label, self._unit = talk, label, unit
        self._start: tuple[float, int] | None = None
        self._total: int | None = None
        self._spoken = 0.0

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
        now = time.monotonic()
        if self._start is None or total != self._total:  # another total: another stage, with a pace of its own
            self._start, self._total, self._spoken = (now, done), total, now
        elif now - self._spoken >= EVERY:
            self._spoken = now
            self._talk.say(
                f"{self._label}: {pace(done - self._start[1], now - self._start[0], done, total, self._unit)}"
            )


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


def watch(talk: Talk, label: str, unit: str = "images") -> Lines | Bar:
    """A bar if stderr is a terminal that can redraw a line and --quiet was not given, else lines."""
    screen = console(stderr=True)
    redraws = screen.is_terminal and not screen.is_dumb_terminal
    return Bar(talk, label, unit) if redraws and talk.speaks and not talk.quiet else Lines(talk, label, unit)


def pace(fresh: int, seconds: float, done: int, total: int, unit: str = "images") -> str:
    """Progress in words, from the images done since the start and the seconds that they took.

    >>> pace(120, 60.0, 320, 620)
    '320 of 620 images, 2.0 images/s, 2 min 30 s left'
    """
    rate = fresh / seconds if seconds > 0 else 0.0
    text = f"{done} of {total} {unit}, {rate:.1f} {unit}/s"
    return f"{text}, {duration((total - done) / rate)} left" if rate > 0 else text


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(0.34), duration(9.6), duration(61), duration(7322)
    ('0.3 s', '9.6 s', '1 min 1 s', '2 h 2 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


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
    beside = {"decode"} if decoders else set()
    whole = sum(seconds for name, seconds in stages.items() if name not in beside) or 1.0
    processes = "a process" if decoders == 1 else f"{decoders} processes"
    lines = [f"{'stage':8} {'seconds':>10} {'share':>6}"]
    for name, seconds in stages.items():
        share = f" in {processes} beside" if name in beside else f"{100 * seconds / whole:4.0f} %"
        lines.append(f"{name:8} {seconds:10.1f} {share}")
    return lines


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
