"""How fast the browser is: first frame, key press to frame, bytes per key.

Run: python -m tests.benchmarks.bench_browser

Budgets (ratios are taken in one run): first frame at most twice an empty Textual app; key press to frame p95 at most
50 ms at 120×40; at most 6 KB per head step at 120×40 in 256 colours. The cache is synthetic: 12 × 12 heads, 197 tokens.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests import synthetic
from tests.benchmarks.terminal import Frame, Terminal

EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("an empty app")
Empty().run(mouse=False)
"""
BROWSE = "import sys; from pathlib import Path; from vitscope.tui.start import browse; browse(Path(sys.argv[1]))"
STEPS = {  # what is measured: keys to get there from the page of runs, then the keys that are timed
    "cursor over all heads": (["\r"], ["l", "j", "l", "j", "h", "k"] * 5),
    "head step, head page": (["\r", "\r"], [".", ".", ",", ".", ".", ",", ","] * 4),
    "layer step, head page": (["\r", "\r"], ["J", "J", "K", "J", "J", "K", "K"] * 4),
    "query step, head page": (["\r", "\r", " "], ["l", "j", "h", "k", "l", "l", "j", "j"] * 3),
    "head step, image page": (["\r", "\r", "i"], [".", ".", ",", ".", ".", ",", ","] * 4),
    "query step, image page": (["\r", "\r", "i", " "], ["l", "j", "h", "k", "l", "l", "j", "j"] * 3),
    "dot step": (["\r", "D"], ["l", "j", "l", "k", "h"] * 5),
    "page change": (["\r", "\r"], ["D", "\x7f", "i", "\x7f"] * 5),
}


def first_frames(cache: Path, text: str, rounds: int) -> dict[str, list[float]]:
    """Seconds from the start of the process to the first text, taken in turns."""
    programs = {
        "empty Textual app": ([sys.executable, "-c", EMPTY], "an empty app"),
        "browse(), without the command line": ([sys.executable, "-c", BROWSE, str(cache)], text),
        "vitscope browse": (command(cache), text),
    }
    found: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder:  # all start from compiled modules, as installed programs do
        compiled = {"PYTHONDONTWRITEBYTECODE": None, "PYTHONPYCACHEPREFIX": folder}
        for _ in range(rounds + 1):
            for name, (start, shows) in programs.items():
                with Terminal(start, columns=120, rows=40, environment=compiled) as terminal:
                    found[name].append(terminal.until(shows))
    return {name: times[1:] for name, times in found.items()}


def show_first_frames(console: Console, found: dict[str, list[float]]) -> None:
    """Print them as ratios to the first one."""
    table = Table(title="first frame; budget: twice the empty app")
    for title in ("program", "median ms", "ratio", "fastest ms", "ratio"):
        table.add_column(title, justify="left" if title == "program" else "right")
    empty = next(iter(found.values()))
    for name, times in found.items():
        usual, best = statistics.median(times), min(times)
        ratios = usual / statistics.median(empty), best / min(empty)
        table.add_row(name, f"{usual * 1e3:.0f}", f"{ratios[0]:.2f}", f"{best * 1e3:.0f}", f"{ratios[1]:.2f}")
    console.print(table)


def command(cache: Path) -> list[str]:
    """The browser's command line."""
    return [sys.executable, "-m", "vitscope", "browse", "--cache", str(cache)]


def frames(cache: Path, name: str, columns: int, rows: int, colours: str) -> list[Frame]:
    """The frames of one kind of step."""
    way, keys = STEPS[name]
    with Terminal(command(cache), columns=columns, rows=rows, environment={"VITSCOPE_COLORS": colours}) as terminal:
        terminal.until("vitscope")
        terminal.settle()
        for key in way:
            terminal.press(key, 0.4)
        terminal.settle(0.6)
        return [terminal.press(key) for key in keys]


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="measure on this cache instead of a synthetic one")
    parser.add_argument("--rounds", type=int, default=5, help="how often the first frame is timed")
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--colours", default="256", choices=["truecolor", "256", "16", "mono"])
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        if options.cache is None:
            synthetic.write(cache, layers=12, heads=12, grid=(14, 14), images=4, gallery=2)
        console = Console()
        show_first_frames(console, first_frames(cache, "Runs", options.rounds))
        table = Table(title=f"{options.size}, {options.colours} colours")
        for title in ("step", "p50 ms", "p95 ms", "median bytes", "p95 bytes", "most bytes"):
            table.add_column(title, justify="left" if title == "step" else "right")
        for name in STEPS:
            found = frames(cache, name, columns, rows, options.colours)
            times, sizes = [frame.milliseconds for frame in found], [frame.size for frame in found]
            table.add_row(
                name,
                f"{percentile(times, 0.5):.1f}",
                f"{percentile(times, 0.95):.1f}",
                f"{percentile(sizes, 0.5):,.0f}",
                f"{percentile(sizes, 0.95):,.0f}",
                f"{max(sizes):,.0f}",
            )
        console.print(table)


if __name__ == "__main__":
    main()
