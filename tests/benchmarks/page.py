"""Measures docs/benchmarks.md anew: runs the commands that the page names and puts what they print below them.

    python -m tests.benchmarks.page [WORD …]

Only those whose command holds one of the words, if words are given. The page is written after every command, so that
one that is stopped loses nothing; a command that fails leaves what was there. A quiet machine is needed.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.machine import described

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BLOCK = re.compile(
    r"(?P<open>```sh\n(?P<command>python -m tests\.benchmarks\.bench_[^\n]*)\n```\n)"
    r"(?P<found>.*?)(?P<end><!-- measured -->)",
    re.DOTALL,
)


def measured(page: str, command: str, output: str, machine: str) -> str:
    """The page with what a command printed below it, and on which machine; output without a table is set as it is."""
    text = output.strip() if "\n| " in output else f"```text\n{output.strip()}\n```"
    if machine not in text:
        text = f"{machine}:\n\n{text}"
    return BLOCK.sub(
        lambda block: f"{block['open']}\n{text}\n\n{block['end']}" if block["command"] == command else block[0], page
    )


def main() -> None:
    """Run them, in the order of the page."""
    words = sys.argv[1:]
    for command in [block["command"] for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]:
        if words and not any(word in command for word in words):
            continue
        began = time.monotonic()
        print(command, flush=True)
        run = subprocess.run(
            [sys.executable, *shlex.split(command)[1:]], stdout=subprocess.PIPE, text=True, check=False
        )
        print(f"{run.stdout}({time.monotonic() - began:.0f} s, {run.returncode})", flush=True)
        if run.returncode == 0:
            text = measured(PAGE.read_text(encoding="utf-8"), command, run.stdout, described())
            PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
