"""All benchmarks one after another, small enough for a laptop, each with its table and the command that gave it.

    python -m tests.benchmarks [--list] [NAME …]

Whole measurements, as docs/benchmarks.md has them, take larger settings: that page names them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

TINY, SMALL = "random/vit_tiny_patch16_224", "random/vit_small_patch16_224"
WHOLE = ("all of attention but the gallery", "all of features", "default without the gallery", "all default metrics")
SETTINGS: dict[str, list[list[str]]] = {
    "extraction": [
        ["--batches", "1", "--rounds", "3", "--only", *WHOLE],
        ["--model", SMALL, "--batches", "1", "--rounds", "3"],
    ],
    "peers": [["--images", "16", "--batch", "8"]],
    "paper": [["--per-class", "2"]],
    "growth": [["--rounds", "2"]],
    "hundred_thousand": [["--images", "4000", "--every", "1"]],
    "memory": [["--few", "128", "--many", "512"]],
    "knn": [["--queries", "256"]],
}
"""Settings that are smaller than a benchmark's own; those that are not here are small already."""


def main() -> None:
    """Run those that are named, else all; fails if one of them does."""
    there = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(there))
    parser.add_argument("--list", action="store_true", help="print the commands")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(there)):
        parser.error(f"no benchmark is called {unknown[0]}: there are {', '.join(there)}")
    failed = []
    for name in options.names or there:
        for settings in SETTINGS.get(name, [[]]):
            words = ["-m", f"tests.benchmarks.bench_{name}", *settings]
            shown = " ".join(f'"{word}"' if " " in word else word for word in words)
            print(f"\n## {name}\n\n    python {shown}\n", flush=True)
            if options.list:
                continue
            began = time.monotonic()
            if subprocess.run([sys.executable, *words], check=False).returncode:
                failed.append(name)
            print(f"\n({time.monotonic() - began:.0f} s)", flush=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
