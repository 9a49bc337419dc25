"""`python -m tests.fuzz READER --seconds N`: look for inputs that a reader does not take. Without READER: lists them.

`all` is every reader, one after another, each in a process of its own. With atheris (`pip install atheris`) the search
is guided by which lines of vitscope are reached; without it, or with `--blind`, seeds are damaged at random. Inputs
that crash a reader are written to `--found`, one a place in the code. Each reader prints a line of JSON: how it was
searched, how many times it was executed, and at which places it crashed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import os
import pkgutil
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

MEMORY = 6 << 30  # bytes of address space besides what the program takes to start; a reader that wants more crashes
PATIENCE = 20  # seconds of a CPU that one execution may take


class Slow(BaseException):
    """An execution that does not end."""


class Search:
    """Executes a reader, counts, and keeps one input for every place at which it crashed."""

    def __init__(self, name: str, found: Path, seconds: float) -> None:
        self.name, self.found = name, found
        self.seconds, self.end = seconds, float("inf")
        self.executions = 0
        self.crashes: dict[str, str] = {}

    def execute(self, content: bytes) -> None:
        """Once."""
        from tests.fuzz import readers

        self.executions += 1
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
        try:
            readers.run(self.name, content)
        except (Exception, Slow) as error:
            self._keep(content, error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _keep(self, content: bytes, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "vitscope" in Path(frame.filename).parts] or frames
        place = f"{type(error).__name__} at {Path(own[-1].filename).name}:{own[-1].lineno}"
        if place in self.crashes:
            return
        self.crashes[place] = str(error)[:200]
        self.found.mkdir(parents=True, exist_ok=True)
        file = self.found / f"{self.name}-{hashlib.sha256(content).hexdigest()[:8]}.seed"
        file.write_bytes(content)
        print(f"{file}: {place}: {error!r:.300}", file=sys.stderr)
        traceback.print_exception(error, limit=-6)

    def start(self) -> None:
        """Begin to count seconds: what has to be imported is."""
        self.end = time.monotonic() + self.seconds

    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.end

    def report(self, mode: str) -> None:
        """The line of this reader."""
        found = {"reader": self.name, "mode": mode, "executions": self.executions, "crashes": self.crashes}
        print(json.dumps(found), flush=True)


def blind(search: Search, seed: int) -> None:
    """Damage seeds at random; what came of one damage is sometimes damaged again."""
    from tests.fuzz import mutate, readers

    search.start()
    chance = Random(seed)
    pool = list(readers.seeds(search.name).values())
    for content in list(pool):
        search.execute(content)
    while not search.over():
        content = mutate.damaged(chance.choice(pool), chance, readers.READERS[search.name].mutate)
        search.execute(content)
        if chance.random() < 0.02:
            pool[chance.randrange(len(pool)) if len(pool) > 200 else len(pool) :] = [content]


def guided(search: Search, seed: int) -> None:
    """Have atheris choose; it never returns."""
    import atheris

    from tests.fuzz import mutate, readers

    def change(content: bytes, most: int, number: int) -> bytes:
        chance = Random(number)
        if chance.random() < 0.15:
            return bytes(atheris.Mutate(content, most))
        return mutate.damaged(content, chance, readers.READERS[search.name].mutate)[:most]

    def once(content: bytes) -> None:
        search.execute(content)
        if search.over():
            search.report("guided")
            readers.clear()
            os._exit(0)  # libFuzzer takes any other end for a crash

    search.start()
    corpus = readers.CORPUS / search.name
    options = [
        f"-seed={seed}",
        f"-max_len={mutate.LONGEST}",
        "-rss_limit_mb=0",
        "-timeout=0",
        "-verbosity=0",
        f"-artifact_prefix={search.found}/",
    ]
    atheris.Setup([sys.argv[0], *options, "-reload=0", "-use_value_profile=1", *_copied(corpus, search.found)], once,
                  custom_mutator=change)  # fmt: skip
    atheris.Fuzz()


def _copied(corpus: Path, found: Path) -> list[str]:
    """A folder for what is new, which atheris writes to, before the corpus, which it only reads."""
    new = found / f"corpus-{corpus.name}"
    new.mkdir(parents=True, exist_ok=True)
    return [str(new), str(corpus)]


def loaded(*, watched: bool) -> None:
    """Import vitscope, also what it only imports when that is used; `watched` by atheris."""
    if watched:
        import atheris

        with atheris.instrument_imports(include=["vitscope"], enable_loader_override=False):
            loaded(watched=False)
        return
    vitscope = importlib.import_module("vitscope")
    for module in pkgutil.walk_packages(vitscope.__path__, "vitscope."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("tests.fuzz.readers")


def _slow(_number: int, _frame: FrameType | None) -> None:
    raise Slow(f"it ran for {PATIENCE} seconds")


def main() -> None:
    """Search for a while."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("reader", nargs="?")
    parser.add_argument("--seconds", type=float, default=60, help="for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blind", action="store_true", help="without atheris")
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"), help="where crashes are written")
    given: Any = parser.parse_args()
    warnings.simplefilter("ignore")
    given.blind = given.blind or importlib.util.find_spec("atheris") is None
    loaded(watched=not given.blind and given.reader is not None)
    from tests.fuzz import readers

    if given.reader is None:
        print("\n".join(readers.READERS))
    elif given.reader == "all":
        for name in readers.READERS:
            _apart(name, given)
    else:
        _search(given.reader, given)


def _search(name: str, given: Any) -> None:
    from tests.fuzz import readers

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, _slow)
    signal.signal(signal.SIGALRM, lambda *_: None)  # else atheris takes it, for a limit that it has not been given
    search = Search(name, given.found.absolute(), given.seconds)
    if not given.blind:
        guided(search, given.seed)
    blind(search, given.seed)
    search.report("blind")
    readers.clear()


def _apart(name: str, given: Any) -> None:
    """Search in a process of its own, which a reader may take down with it."""
    child = os.fork()
    if child == 0:
        try:
            _search(name, given)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        print(json.dumps({"reader": name, "ended": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
