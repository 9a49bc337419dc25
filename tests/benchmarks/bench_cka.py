"""How long CKA between two models takes, from their Gram blocks on disk to the page of the browser.

Run: python -m tests.benchmarks.bench_cka

Budget: under 200 ms for two models of 12 layers over 5,000 images (157 blocks of 32), key press to matrix. The blocks
are invented; their size is what counts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests import synthetic
from tests.benchmarks.bench_browser import command
from tests.benchmarks.six import IMAGES, MODELS, SIZE, put_grams
from tests.benchmarks.tables import markdown
from tests.benchmarks.terminal import Terminal
from vitscope.derive.cka import Blocks, cka
from vitscope.store.reader import Cache
from vitscope.tui.similarity import across, similarity

BUDGET = 200  # ms
Times = tuple[list[float], list[float] | None]


def write(cache: Path, model: str, layers: int, seed: int) -> None:
    """A run with Gram blocks of the budget's size in place of its own."""
    put_grams(synthetic.write(cache, layers=layers, heads=12, images=4, gallery=0, model=model, seed=seed), seed)


def timed(work: Callable[[], object], rounds: int) -> Times:
    """Milliseconds of each of `rounds` calls, and of the processor: on a busy machine only those can be trusted."""
    clock, processor = [], []
    for _ in range(rounds):
        start = time.perf_counter(), time.process_time()
        work()
        clock.append(1e3 * (time.perf_counter() - start[0]))
        processor.append(1e3 * (time.process_time() - start[1]))
    return clock, processor


def in_memory(layers: int, rounds: int) -> Times:
    """CKA of blocks that are in memory already."""
    rng = np.random.default_rng(0)
    shape = (2, layers, -(-IMAGES // SIZE), SIZE, SIZE)
    grams = rng.normal(size=shape).astype(np.float32)
    places = np.arange(shape[2] * SIZE).reshape(-1, SIZE)
    return timed(lambda: cka(Blocks(grams[0], places), Blocks(grams[1], places)), rounds)


def in_browser(cache: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds from pressing m, the next model, until its matrix is on the terminal; each pair is new.

    And those of a step of the cursor, which computes nothing: what the machine needs for any frame at all.
    """
    with Terminal(command(cache), columns=120, rows=40, environment={"VITSCOPE_COLORS": "256"}) as terminal:
        terminal.until("Runs")
        terminal.settle()
        for key in ("\r", "C"):
            terminal.press(key, 0.8)
        terminal.settle(1.0)
        models = [terminal.press("m", 0.8).milliseconds for _ in range(min(rounds, len(MODELS) - 1))]
        return models, [terminal.press(key, 0.3).milliseconds for key in "ljhklj"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        for seed, model in enumerate(MODELS):
            write(cache, model, options.layers, seed)
        runs = [Cache(cache).find(model) for model in MODELS]
        folders = [run.folder for run in runs]
        models, steps = in_browser(cache, options.rounds)
        found: dict[str, Times] = {
            "two models, blocks in memory": in_memory(options.layers, options.rounds),
            "two models, from disk": timed(lambda: similarity(runs[0], folders[1], "all"), options.rounds),
            "one model, from disk": timed(lambda: similarity(runs[0], runs[0].folder, "all"), options.rounds),
            "last layers of six models, from disk": timed(lambda: across(folders, "all"), options.rounds),
            "browser, another model: key press to frame": (models, None),
            "browser, a step of the cursor": (steps, None),
        }
    rows = []
    for name, (times, processor) in found.items():
        cost = "" if processor is None else f"{statistics.median(processor):.0f}"
        rows.append((name, f"{statistics.median(times):.0f}", f"{max(times):.0f}", cost))
    print(f"{options.layers} × {options.layers} layers, {IMAGES:,} images; budget {BUDGET} ms:\n")
    markdown(("what", "median ms", "worst ms", "processor ms"), rows)


if __name__ == "__main__":
    main()
