"""How long `vitscope --help` takes: at most 0.35 s, of which Python itself, importing nothing, takes a part.

python -m tests.benchmarks.bench_help [--rounds 9]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time


def seconds(*arguments: str, rounds: int) -> list[float]:
    """Wall-clock seconds of a fresh interpreter, sorted; the first start, which writes bytecode, is not counted."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:  # for bytecode, whatever the environment says of it
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = folder
        for _ in range(rounds + 1):
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
            taken.append(time.perf_counter() - began)
    return sorted(taken[1:])


def main() -> None:
    """Print the fastest and the median of both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    bare = seconds("-c", "pass", rounds=rounds)
    full = seconds("-m", "vitscope", "--help", rounds=rounds)
    for name, taken in (("python -c pass", bare), ("vitscope --help", full)):
        print(f"{name:16} {taken[0]:.3f} s fastest, {statistics.median(taken):.3f} s median of {rounds}")


if __name__ == "__main__":
    main()
