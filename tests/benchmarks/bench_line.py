"""How a held key feels on a slow line: how long after its release the screen still changes.

Run: python -m tests.benchmarks.bench_line [--only PAGE] [--line 250kB] [--size 120x40] [--colours 256] [--cache DIR]

A key is pressed 30 times a second for two seconds, over lines of 1 MB/s with a round trip of 50 ms and of 250 kB/s
with 100 ms (`line`). Budget: the screen stands still within 0.3 s of the last press, the round trip included. Where a
key would soon be at an edge, its opposite is pressed there, so that every press changes the page. Without --cache it
is over six ViT-B/16 (`six`).

"On its way" is the longest that anything took from the browser's write to the terminal: the line's own share, which
does not depend on how busy this machine is.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from tests.benchmarks import six
from tests.benchmarks.bench_browser import command
from tests.benchmarks.line import REPEAT, Held, Line
from tests.benchmarks.tables import Printed, show

LINES = {"1MB": (1e6, 0.05), "250kB": (250e3, 0.1)}
BUDGET, SECONDS = 0.3, 2.0
PAGES = {  # keys from the list of runs, then what is held: so many of a key, so many of its opposite
    "overview": (["\r"], [("l", 11), ("h", 11)]),
    "overview, layer": (["\r"], [("j", 11), ("k", 11)]),
    "overview, number": (["\r"], [("v", 1)]),
    "layer": (["\r", "L"], [("J", 11), ("K", 11)]),
    "layer, head": (["\r", "L"], [("l", 11), ("h", 11)]),
    "head": (["\r", "\r"], [(".", 11), (",", 11)]),
    "head, query": (["\r", "\r", " "], [("l", 6), ("h", 13), ("l", 7)]),
    "image": (["\r", "\r", "i"], [(".", 11), (",", 11)]),
    "image, next": (["\r", "\r", "i"], [("i", 1)]),
    "models": (["\r", "="], [("J", 11), ("K", 11)]),
    "models, head": (["\r", "="], [("l", 11), ("h", 11)]),
}


def held(cache: Path, page: str, line: str, size: tuple[int, int], colours: str) -> Held:
    """What a held key does on a page."""
    way, keys = PAGES[page]
    rate, trip = LINES[line]
    round_and_round = itertools.cycle(itertools.chain.from_iterable(key * times for key, times in keys))
    pressed = list(itertools.islice(round_and_round, round(SECONDS * REPEAT)))
    columns, rows = size
    environment = {"VITSCOPE_COLORS": colours}
    with Line(command(cache), rate=rate, trip=trip, columns=columns, rows=rows, environment=environment) as terminal:
        terminal.until("Runs", 60.0)
        terminal.settle(1.0)
        for key in way:
            terminal.send(key.encode())
            terminal.settle(1.0, 60.0)
        return terminal.hold(lambda n: pressed[n], SECONDS)


def row(cache: Path, page: str, line: str, size: tuple[int, int], colours: str) -> list[str]:
    """A row of the table."""
    found = held(cache, page, line, size, colours)
    said = f"{found.after:.2f}{'' if found.after <= BUDGET else ' !'}"
    shape, sent = f"{size[0]}×{size[1]}", f"{found.size / 1e3:,.0f}"
    return [page, shape, colours, line, said, f"{found.way:.2f}", str(found.frames), sent]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    six.arguments(parser)
    parser.add_argument("--only", choices=PAGES, action="append")
    parser.add_argument("--line", choices=LINES, action="append")
    options = parser.parse_args()
    every = itertools.product(options.only or PAGES, options.line or LINES, *six.chosen(options))
    with six.cache(options.cache) as cache:
        rows = [row(cache, *each) for each in every]
    titles = ("held on", "size", "colours", "line", "still changes s", "on its way s", "frames", "kB")
    show(Printed(f"a key held for {SECONDS:.0f} s; budget {BUDGET} s", titles, rows), as_markdown=options.markdown)


if __name__ == "__main__":
    main()
