"""How fast the browser is on a terminal: first frame, key press to frame, bytes per key, idle bytes, memory.

Run: python -m tests.benchmarks.bench_browser [--only PART] [--cache DIR] [--size 80x24] [--colours 256] [--all]

Budgets (ratios are taken in one run): first frame at most twice an empty Textual app; key press to frame p95 at most
50 ms at 120×40; at most 6 KB per head step at 120×40 in 256 colours; nothing is sent while nobody presses a key. What
has been read is kept up to `book.KEPT` bytes: memory grows by that much and then no more. Without --cache it is over
six synthetic ViT-B/16 (`six`); --markdown prints tables for the documentation.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

from tests.benchmarks import six
from tests.benchmarks.tables import Printed, show
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
BACK = "\x7f"
STEPS = {  # what is measured: keys to get there from the page of all heads, then the keys that are timed
    "cursor, all heads": ([], ["l", "j", "l", "j", "h", "k"] * 5),
    "number, all heads": ([], ["v"] * 12),
    "layer step, layer page": (["L"], ["J", "J", "K", "J", "J", "K", "K"] * 3),
    "head step, head page": (["\r"], [".", ".", ",", ".", ".", ",", ","] * 4),
    "layer step, head page": (["\r"], ["J", "J", "K", "J", "J", "K", "K"] * 4),
    "query step, head page": (["\r", " "], ["l", "j", "h", "k", "l", "l", "j", "j"] * 3),
    "head step, image page": (["\r", "i"], [".", ".", ",", ".", ".", ",", ","] * 4),
    "query step, image page": (["\r", "i", " "], ["l", "j", "h", "k", "l", "l", "j", "j"] * 3),
    "next image": (["\r", "i"], ["i"] * 16),
    "view change": (["\r"], ["D", BACK, "i", BACK, "L", BACK] * 4),
    "model change, head page": (["\r"], ["m"] * 12),
    "dot step, all models": (["D", "A"], ["l", "j", "l", "k", "h"] * 5),
    "head step, models side by side": (["="], ["l", "l", "h", "l", "l", "h", "h"] * 3),
    "layer step, models side by side": (["="], ["J", "J", "K", "J", "J", "K", "K"] * 3),
    "line, find": (["/", *"layer:>=2", "\r"], ["j", "j", "k", "j", "j", "k"] * 4),
    "cursor, CKA": (["C"], ["l", "j", "h", "k", "l", "j"] * 4),
    "model, CKA": (["C"], ["m"] * 5),
}
WALK = [*"hjkl.,JK" * 3, *"mMiILDCBTRXUO=vVuacr", " ", "\r", "\r", BACK, "$", "G", "0", "g"]
KEYS = (50, 1000, 2000)  # of the walk, after which memory is looked at
IDLE = 5.0  # seconds


def command(cache: Path) -> list[str]:
    """The browser's command line."""
    return [sys.executable, "-m", "vitscope", "browse", "--cache", str(cache)]


def opened(cache: Path, size: tuple[int, int], colours: str) -> Terminal:
    """The browser on the page of all heads."""
    columns, rows = size
    terminal = Terminal(command(cache), columns=columns, rows=rows, environment={"VITSCOPE_COLORS": colours})
    terminal.until("Runs", 60.0)
    terminal.settle()
    terminal.press("\r", 0.6)
    return terminal


def first_frames(cache: Path, rounds: int) -> Printed:
    """Milliseconds from the start of the process to the first text, taken in turns, and as ratios to the empty app."""
    programs = {
        "empty Textual app": ([sys.executable, "-c", EMPTY], "an empty app"),
        "browse(), without the command line": ([sys.executable, "-c", BROWSE, str(cache)], "Runs"),
        "vitscope browse": (command(cache), "Runs"),
    }
    found: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder:  # all start from compiled modules, as installed programs do
        compiled = {"PYTHONDONTWRITEBYTECODE": None, "PYTHONPYCACHEPREFIX": folder}
        for _ in range(rounds + 1):
            for name, (start, shows) in programs.items():
                with Terminal(start, columns=120, rows=40, environment=compiled) as terminal:
                    found[name].append(1e3 * terminal.until(shows, 60.0))
    rows = []
    empty = found["empty Textual app"][1:]
    for name, times in found.items():
        usual, best = statistics.median(times[1:]), min(times[1:])  # the first start compiles
        ratios = usual / statistics.median(empty), best / min(empty)
        rows.append([name, f"{usual:.0f}", f"{ratios[0]:.2f}", f"{best:.0f}", f"{ratios[1]:.2f}"])
    return Printed("first frame", ("program", "median ms", "ratio", "fastest ms", "ratio"), rows)


def frames(cache: Path, size: tuple[int, int], colours: str) -> Iterator[tuple[str, list[Frame]]]:
    """The frames of every kind of step."""
    with opened(cache, size, colours) as terminal:
        for name, (way, keys) in STEPS.items():
            for key in ["O", "0", "g", *way]:
                terminal.press(key, 0.05 if len(way) > 4 else 0.2)
            terminal.settle(0.8)
            yield name, [terminal.press(key) for key in keys]


def steps(cache: Path, shapes: Iterable[tuple[tuple[int, int], str]]) -> Iterator[Printed]:
    """Times and bytes of every kind of step, a table for each size and depth."""
    titles = ("step", "p50 ms", "p95 ms", "median bytes", "p95 bytes", "most bytes")
    for size, colours in shapes:
        rows = []
        for name, found in frames(cache, size, colours):
            times, sizes = [frame.milliseconds for frame in found], [frame.size for frame in found]
            shares = [f"{percentile(times, share):.1f}" for share in (0.5, 0.95)]
            rows.append([name, *shares, *(f"{percentile(sizes, share):,.0f}" for share in (0.5, 0.95, 1.0))])
        yield Printed(f"{size[0]}×{size[1]}, {colours} colours", titles, rows)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def idle(cache: Path, shapes: Iterable[tuple[tuple[int, int], str]]) -> Printed:
    """What comes, and how long the processor works, while nobody presses a key."""
    rows = []
    for size, colours in shapes:
        with opened(cache, size, colours) as terminal:
            for name, keys in {"all heads": "", "image": "\ri", "models": "O=", "CKA": "C"}.items():
                for key in keys:
                    terminal.press(key, 0.5)
                terminal.settle(1.0)
                before = processor(terminal.pid)
                sent = terminal.settle(IDLE, IDLE)
                spent = 1e3 * (processor(terminal.pid) - before) / IDLE
                rows.append([name, f"{size[0]}×{size[1]}", colours, str(sent), f"{spent:.0f}"])
    return Printed(f"idle for {IDLE:.0f} s", ("page", "size", "colours", "bytes", "processor ms a second"), rows)


def processor(pid: int) -> float:
    """Seconds that a process has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory(cache: Path, shapes: Iterable[tuple[tuple[int, int], str]]) -> Printed:
    """Memory in MiB after each number of KEYS of a walk over all pages: resident, and of it what is no mapped file."""
    rows = []
    for size, colours in shapes:
        keys = random.Random(0).choices(WALK, k=KEYS[-1])
        found: list[tuple[float, float]] = []
        with opened(cache, size, colours) as terminal:
            for number, key in enumerate(keys, 1):
                terminal.press(key, 0.02)
                if number in KEYS:
                    terminal.settle(1.0)
                    found.append(resident(terminal.pid))
        ratios = [f"{found[1][part] / found[0][part]:.2f}" for part in (0, 1)]
        mapped, own = ([f"{each[part]:.0f}" for each in found] for part in (0, 1))
        rows.append([f"{size[0]}×{size[1]}", colours, *mapped, ratios[0], *own, ratios[1]])
    after = [f"{number:,}" for number in KEYS]
    titles = ("size", "colours", *after, "ratio", *(f"own {number}" for number in after), "ratio")
    return Printed("MiB after so many keys (own: without mapped files), and 1,000 as a ratio to 50", titles, rows)


def resident(pid: int) -> tuple[float, float]:
    """Resident memory of a process in MiB, and what of it is no mapped file."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024, int(lines["RssAnon"].split()[0]) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    six.arguments(parser)
    parser.add_argument("--only", choices=["first", "steps", "idle", "memory"], action="append")
    parser.add_argument("--rounds", type=int, default=5, help="how often the first frame is timed")
    options = parser.parse_args()
    shapes = list(product(*six.chosen(options)))
    with six.cache(options.cache) as cache:
        parts: dict[str, Callable[[], Iterable[Printed]]] = {
            "first": lambda: [first_frames(cache, options.rounds)],
            "steps": lambda: steps(cache, shapes),
            "idle": lambda: [idle(cache, shapes)],
            "memory": lambda: [memory(cache, shapes)],
        }
        for name in options.only or parts:
            for table in parts[name]():
                show(table, as_markdown=options.markdown)


if __name__ == "__main__":
    main()
