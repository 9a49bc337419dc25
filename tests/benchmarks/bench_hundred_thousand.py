"""An extraction of 100,000 small images with a small model, killed in the middle: time, rate, memory, what is redone.

    python -m tests.benchmarks.bench_hundred_thousand [--images 100000] [--side 48] [--model demo-fs] [--folder DIR]
                                                      [--metrics default] [--every 5] [--kill .5]

The images are drawn by the embedded world, each one another scene, into class folders below DIR; what is there already
is not drawn again. The extraction is `vitscope extract` in a process of its own. Every few seconds its committed images
(those of the shard records on the disk) and its memory (the operating system's resident set) are written down. After
the share --kill of all images it is killed (SIGKILL), then started again. Memory and rate are given for each third of
the images, so that both can be seen to be steady; a rate is of images committed while the process could measure. Beside
it stands how long a second of the model's own forward pass took in all, which a machine of changing speed changes less.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.machine import MIB, bytes_below, described, resident
from tests.benchmarks.tables import markdown
from vitscope.data import images
from vitscope.demo.world.compose import portrait
from vitscope.demo.world.kinds import KINDS
from vitscope.demo.world.png import write_png
from vitscope.errors import StoreError
from vitscope.run.extract import shard_size
from vitscope.store.files import read_json
from vitscope.store.layout import RUN, SHARDS

PIECE = 250  # images of a class that a drawing process is handed at once


@dataclass(frozen=True)
class Sample:
    """One look at a running extraction."""

    seconds: float  # since its start
    images: int  # committed, those of earlier starts included
    memory: float  # MiB
    forward: float = 0.0  # seconds of the model's passes over these images


class Third(NamedTuple):
    """A third of the images: images a second, seconds for a second of forward pass, the largest memory in MiB."""

    rate: float
    share: float
    memory: float

    def words(self) -> str:
        """As the table says it."""
        beside = f"{self.share:.2f} s for a second of forward pass"
        return f"{self.rate:.0f} images/s, {beside}, at most {self.memory:.0f} MiB"


def draw(folder: Path, count: int, side: int, processes: int) -> None:
    """`count` scenes of `side` pixels into one folder a class, those that are not there yet."""
    each, more = divmod(count, len(KINDS))
    pieces = [
        (kind, start, min(start + PIECE, each + (kind < more)))
        for kind in range(len(KINDS))
        for start in range(0, each + (kind < more), PIECE)
    ]
    with ProcessPoolExecutor(processes) as pool:
        for _ in pool.map(partial(_draw_piece, folder, side), pieces):
            pass


def _draw_piece(folder: Path, side: int, piece: tuple[int, int, int]) -> None:
    kind, start, stop = KINDS[piece[0]], *piece[1:]
    (inside := folder / kind.wordnet).mkdir(parents=True, exist_ok=True)
    for index in range(start, stop):
        path = inside / f"{index:06}.png"
        if not path.exists():
            write_png(unfinished := inside / f".{index:06}", portrait(kind, "many", index, side=side)[0].image)
            unfinished.rename(path)


def listing(folder: Path) -> tuple[float, float, float]:
    """Of this process: seconds to list the images, seconds for their fingerprint, MiB that it holds after both."""
    before, began = resident(os.getpid()), time.perf_counter()
    found = images.read(folder)
    listed = time.perf_counter()
    fingerprint = found.fingerprint
    assert len(fingerprint) == 64
    return listed - began, time.perf_counter() - listed, resident(os.getpid()) - before


def watched(command: list[str], cache: Path, count: int, every: float, until: float) -> tuple[list[Sample], float]:
    """Look at an extraction every few seconds; kill it as soon as the share `until` is committed. Samples, seconds."""
    began, samples = time.monotonic(), []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            memory = resident(process.pid)
            passes = max(forward(cache), samples[-1].forward if samples else 0.0)  # records go when results are made
            samples.append(Sample(time.monotonic() - began, committed(cache, count), memory, passes))
            if samples[-1].images >= until * count:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
            with suppress(subprocess.TimeoutExpired):
                process.wait(every)
    if process.returncode not in {0, -signal.SIGKILL}:
        raise SystemExit(f"the extraction ended with {process.returncode}")
    return samples, time.monotonic() - began


def committed(cache: Path, count: int) -> int:
    """Images of the shards that have a record; all, once there are only results."""
    runs = [path.parent for path in cache.glob("*/run.json")]
    if not runs:
        return 0
    shards = len(list((runs[0] / SHARDS).glob("*.json")))
    if not shards and read_json(runs[0] / RUN)["finished"]:
        return count
    return min(shards * shard_size(count), count)


def forward(cache: Path) -> float:
    """Seconds of forward pass of the shards that have a record."""
    with suppress(StoreError):  # a record that is gone: results are being made
        return sum(read_json(path)["record"]["stages"]["forward"] for path in cache.glob(f"*/{SHARDS}/*.json"))
    return 0.0


def thirds(samples: list[Sample]) -> list[Third]:
    """The first, second and last third of what was measured."""
    seen = [sample for before, sample in pairwise(samples) if sample.images > before.images or sample is samples[-1]]
    if len(seen) < 4:
        return []
    edges = [seen[0].images + (seen[-1].images - seen[0].images) * third / 3 for third in range(4)]
    found = []
    for low, high in pairwise(edges):
        inside = [sample for sample in seen if low <= sample.images <= high]
        if len(inside) < 2:
            return []
        first, last = inside[0], inside[-1]
        every = [sample.memory for sample in samples if first.seconds <= sample.seconds <= last.seconds]
        seconds, passes = last.seconds - first.seconds, last.forward - first.forward
        found.append(Third((last.images - first.images) / seconds, seconds / passes if passes > 0 else 0.0, max(every)))
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=48)
    parser.add_argument("--model", default="demo-fs")
    parser.add_argument("--metrics", default="default")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--every", type=float, default=5)
    parser.add_argument("--kill", type=float, default=0.5)
    parser.add_argument("--listing", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.listing:
        print(*listing(options.listing))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        report(options, folder / "images", folder / "cache")


def report(options: argparse.Namespace, data: Path, cache: Path) -> None:
    """Draw, list, extract until the kill, extract the rest; one row each."""
    began = time.monotonic()
    draw(data, options.images, options.side, os.cpu_count() or 1)
    rows: list[tuple[str, object]] = [("drawing", f"{time.monotonic() - began:.0f} s")]
    myself = [sys.executable, "-m", "tests.benchmarks.bench_hundred_thousand", "--listing", str(data)]
    listed, fingerprint, memory = map(float, subprocess.check_output(myself, text=True).split())
    rows += [("listing", f"{listed:.2f} s"), ("fingerprint", f"{fingerprint:.2f} s"),
             ("memory of the list", f"{memory:.0f} MiB")]  # fmt: skip
    asked = ["--model", options.model, "--data", data, "--image-size", options.side, "--metrics", options.metrics]
    command = [sys.executable, "-m", "vitscope", "extract", *map(str, [*asked, "--cache", cache, "--quiet"])]
    first, until_kill = watched(command, cache, options.images, options.every, options.kill)
    kept = committed(cache, options.images)
    rows.append(("killed", f"at {kept:,} images, after {until_kill:.0f} s"))
    second, rest = watched(command, cache, options.images, options.every, 2)
    for start, part in (("before the kill", first), ("after it", second)):
        for which, third in zip(("first", "second", "last"), thirds(part), strict=False):
            rows.append((f"{start}, {which} third", third.words()))
    run = next(path.parent for path in cache.glob("*/run.json"))
    facts = read_json(run / RUN)
    rows += [
        ("most memory, of both starts and to the very end", f"{max(one.memory for one in [*first, *second]):.0f} MiB"),
        ("second start: images found committed", f"{kept:,}"),
        ("second start: images measured", f"{options.images - kept:,}"),
        ("measured twice", f"less than {shard_size(options.images):,} images: those of the shard that was open"),
        ("second start", f"{rest:.0f} s, of which after the last shard {rest - _last_shard(second):.0f} s"),
        ("in all", f"{until_kill + rest:.0f} s, {options.images / (until_kill + rest):.0f} images/s"),
        ("images in the result", f"{facts['used']:,}, skipped {len(facts['skipped'])}"),
        ("stages, s", ", ".join(f"{name} {seconds:.0f}" for name, seconds in facts["passes"][-1]["stages"].items())),
        ("cache", f"{bytes_below(run) / MIB:.0f} MiB, {bytes_below(run) / options.images:.0f} bytes an image"),
    ]
    print(described())
    print(f"{options.images:,} images of {options.side} pixels, {options.model}, metrics: {options.metrics}\n")
    markdown(("what", "measured"), rows)


def _last_shard(samples: list[Sample]) -> float:
    """Seconds until the last new shard was seen."""
    grown = [after.seconds for before, after in pairwise(samples) if after.images > before.images]
    return grown[-1] if grown else 0.0


if __name__ == "__main__":
    main()
