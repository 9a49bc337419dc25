"""Mean attention maps and attention distance of every layer and head: vitscope beside other ways to them.

    python -m tests.benchmarks.bench_peers [--model random/vit_base_patch16_224] [--images 32] [--batch 16] [--rounds 3]
                                           [--device cpu] [--clock wall|cpu] [--only NAME …]

The same weights, the same pixels and the same numbers, by every contender of tests/benchmarks/peers.py, each in a
process of its own. Time: the median over rounds of (contender) / (bare fused forward of the same batches), measured in
turn in that process. Memory: what the first time through all images adds to the peak after a bare forward (ru_maxrss;
on a GPU, max_memory_allocated). Agreement: the largest difference to what vitscope found. Packages that are not
installed are named: pip install fast-vit-rollout torchlens fancy-einsum einops jaxtyping, and --no-deps vit-prisma,
which pins old packages that it does not need here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from tests.benchmarks.machine import CLOCKS, described, in_turn, peak, spread, wait
from tests.benchmarks.peers import CONTENDERS
from tests.benchmarks.tables import markdown
from vitscope.models import build
from vitscope.run.device import choose

OURS = "vitscope"


def main() -> None:
    """Print a table, a row a contender."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="random/vit_base_patch16_224")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--only", nargs="*", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--alone", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(alone(options, options.alone[0], Path(options.alone[1]))))
        return
    print(described())
    print(f"{options.model}, {options.images} images in batches of {options.batch}, {options.rounds} rounds\n")
    with tempfile.TemporaryDirectory() as folder:
        names = dict.fromkeys([OURS, *options.only])
        header = ("way to the attention", "time / bare forward", "memory, MiB", "difference: maps, distance")
        markdown(header, (_row(name, _apart(name, Path(folder)), Path(folder)) for name in names))


def _apart(name: str, folder: Path) -> dict[str, object] | str:
    """What a contender in a process of its own says; a sentence where it cannot run."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_peers", *sys.argv[1:]]
    found = subprocess.run(
        [*command, "--alone", name, _file(folder, name)], capture_output=True, text=True, check=False
    )
    if found.returncode:
        return found.stderr.strip().splitlines()[-1]
    return json.loads(found.stdout.splitlines()[-1])


def _file(folder: Path, name: str) -> str:
    return str(folder / f"{list(CONTENDERS).index(name)}.npz")


def _row(name: str, found: dict[str, object] | str, folder: Path) -> list[object]:
    if isinstance(found, str):
        return [name, "–", "–", found]
    ours, theirs = (np.load(_file(folder, one)) for one in (OURS, name))
    apart = [f"{float(np.abs(ours[array] - theirs[array]).max()):.1e}" for array in ("maps", "distance")]
    return [name, found["ratio"], f"{found['memory']:.0f}", "–" if name == OURS else ", ".join(apart)]


def alone(options: argparse.Namespace, name: str, file: Path) -> dict[str, object]:
    """One contender: its ratio and memory; what it found goes into `file`."""
    warnings.simplefilter("ignore")  # of packages about themselves
    device = choose(options.device)
    model, fused = (build.load(options.model) for _ in range(2))
    model.module.to(device)
    fused.module.to(device)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(options.images, 3, *model.image_size, generator=generator).to(device)
    batches = list(pixels.split(options.batch))
    if options.images % options.batch:
        raise SystemExit(f"--images {options.images} is no multiple of --batch {options.batch}")

    def bare() -> None:
        with torch.inference_mode():
            for batch in batches:
                fused.module(batch)

    work = CONTENDERS[name](model, batches)
    bare()
    before = _peak(device)
    found = work()
    wait(device)
    memory = _peak(device) - before
    np.savez(file, maps=found.maps.cpu().numpy(), distance=found.distance.cpu().numpy())
    del found
    ratios, _ = in_turn({name: work}, bare, device, options.rounds, CLOCKS[options.clock])[name]
    return {"ratio": spread(ratios), "memory": memory}


def _peak(device: torch.device) -> float:
    """MiB: on a GPU of its own memory, else of this process."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else peak()


if __name__ == "__main__":
    main()
