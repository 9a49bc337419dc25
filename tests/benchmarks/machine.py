"""What the benchmarks share: the machine in words, memory of processes, times taken in turn."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""On a machine that does something else beside, `cpu` counts the seconds that this process computes, all threads."""
MIB = 1 << 20


def described() -> str:
    """The machine and the versions that a figure depends on, in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "timm", "numpy", "pillow"))
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB{gpu}, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}, {torch.get_num_threads()} threads"
    )


def _processor() -> str:
    """The processor's name and clock, where the system says them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return f"{facts.get('model name', platform.machine())}, {facts.get('cpu MHz', '?')} MHz"


def peak() -> float:
    """The largest memory of this process so far, MiB, as the operating system counts it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else MIB)


def resident(process: int) -> float:
    """What a process holds in memory now, MiB; 0 if it is gone."""
    found = subprocess.run(["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True, check=False)
    return int(found.stdout.strip() or 0) / 1024


def wait(device: torch.device) -> None:
    """Until the device has done all that it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(work: Callable[[], object], device: torch.device, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that `work` takes, with the device's queue empty before and after."""
    wait(device)
    start = clock()
    work()
    wait(device)
    return clock() - start


def in_turn(
    works: Mapping[str, Callable[[], object]],
    bare: Callable[[], object],
    device: torch.device,
    rounds: int,
    clock: Callable[[], float],
) -> dict[str, tuple[list[float], list[float]]]:
    """Of every work its ratios to `bare`, each measured right after it, sorted, and its seconds; all once a round."""
    bare()
    for work in works.values():
        work()
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            beside, taken = timed(bare, device, clock), timed(work, device, clock)
            found[name][0].append(taken / beside)
            found[name][1].append(taken)
    return {name: (sorted(ratios), taken) for name, (ratios, taken) in found.items()}


def spread(ratios: Sequence[float]) -> str:
    """The median of sorted ratios, with the least and the most."""
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} … {ratios[-1]:.2f})"


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """b of the power law cost = a · size^b that fits best by least squares of the logarithms.

    >>> exponent([1, 2, 4], [3, 12, 48])
    2.0
    """
    return statistics.linear_regression(
        [math.log(size) for size in sizes], [math.log(max(cost, 1e-9)) for cost in costs]
    ).slope


def bytes_below(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
