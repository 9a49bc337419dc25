"""Where the time of a run goes, stage by stage, measured without waiting for the device."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

STAGES = ("decode", "copy", "forward", "metrics", "write", "idle")
"""Files to crops; crops to the device; the model; what metrics make of it; the cache; the device waiting for any of it.

What is read of the images' files counts as decoding. In worker processes it happens beside everything else.
"""


class Stopwatch:
    """The seconds of the stages of one shard: timers on a CPU, events on a GPU, which are read when the shard is done.

    A stage inside of another one is taken out of it. On MPS timers say when work was handed over, not when it was done.
    """

    def __init__(self, device: torch.device) -> None:
        self._events: list[tuple[str, Any, Any]] = []
        self._cuda = device.type == "cuda"
        self._seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._inside: list[str] = []
        self._began = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is inside; on a GPU, what the device does because of it."""
        outer = self._inside[-1] if self._inside else None
        self._inside.append(name)
        mark = _event() if self._cuda else time.perf_counter()
        try:
            yield
        finally:
            self._inside.pop()
            if self._cuda:
                end = _event()
                self._events += [(name, mark, end)] if outer is None else [(name, mark, end), (f"-{outer}", mark, end)]
            else:
                passed = time.perf_counter() - mark
                self._seconds[name] += passed
                if outer is not None:
                    self._seconds[outer] -= passed

    def add(self, name: str, seconds: float) -> None:
        """Add seconds that were measured elsewhere."""
        self._seconds[name] += seconds

    def read(self, decoders: int) -> dict[str, float]:
        """The seconds of every stage since the beginning, once the device has done it all.

        `decoders`: processes that decode beside this one; 0: it decodes itself, and does nothing else meanwhile.
        """
        for name, mark, end in self._events:
            end.synchronize()
            sign = -1 if name.startswith("-") else 1
            self._seconds[name.removeprefix("-")] += sign * mark.elapsed_time(end) / 1000
        self._events.clear()
        passed = time.perf_counter() - self._began
        busy = sum(seconds for name, seconds in self._seconds.items() if name != "decode" or not decoders)
        return {**self._seconds, "idle": max(passed - busy, 0.0)}


def _event() -> Any:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def summed(every: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The stages of several shards together, in milliseconds' precision."""
    return {name: round(sum(stages.get(name, 0.0) for stages in every), 3) for name in STAGES}
