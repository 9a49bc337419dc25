"""What channels-last memory and torch.compile would save of the bare forward pass, and what they change.

    python -m tests.benchmarks.bench_kernels [--compile] [--batch 8] [--rounds 7]

Rows: the median over rounds of CPU seconds (of one thread with OMP_NUM_THREADS=1) over those of the plain model, each
pair measured back to back, and the largest difference of the output. torch.compile takes minutes at first.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch

from vitscope.models import build


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds that `work` takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    model = build.load("random/vit_small_patch16_224").module
    pixels = torch.randn(options.batch, 3, 224, 224)
    last = torch.channels_last
    turned, beside = copy.deepcopy(model).to(memory_format=last), pixels.to(memory_format=last)
    ways: dict[str, Callable[[], torch.Tensor]] = {"channels-last": lambda: turned(beside)}
    if options.compile:
        compiled = torch.compile(model)
        ways["torch.compile"] = lambda: compiled(pixels)
    with torch.inference_mode():
        plain = model(pixels)
        for name, way in ways.items():
            began = time.perf_counter()
            apart = (way() - plain).abs().max().item()
            first = time.perf_counter() - began
            ratios = sorted(seconds(way) / seconds(lambda: model(pixels)) for _ in range(options.rounds))
            spread = f"{ratios[0]:.2f} … {ratios[-1]:.2f}"
            print(f"{name:14} {statistics.median(ratios):.2f} ({spread}), output {apart:.1e}, first pass {first:.0f} s")


if __name__ == "__main__":
    main()
