"""The program under faults: commands over a small cache, and what must be true of each when it has come to an end.

A command is run in this process, so that a fault can be put anywhere; what it leaves behind is looked at without fault.
"""

from __future__ import annotations

import functools
import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.faults.disk import Disk, Fault
from tests.faults.table import Outcome
from tests.run import fakes, jobs
from tests.run.program import sentence_of
from vitscope import catalog
from vitscope.cli import app
from vitscope.models import build
from vitscope.run import measure, order
from vitscope.store import lock as locking
from vitscope.store.reader import Cache, Run
from vitscope.store.verify import verify

IMAGE = f"{order.places(order.SHUFFLED, 36)[0]:03d}.png"  # the first of the gallery of the 36 pictures of `few`
METRICS = "attention,distance,vectors,grams,gallery"
WHAT = ("--model", jobs.UNTRAINED, "--image-size", "64", "--quiet")


@dataclass(frozen=True)
class Command:
    """Words of the program; `begun`: commands that come before it, without fault; `reads`: it changes nothing."""

    words: tuple[str, ...]
    begun: tuple[tuple[str, ...], ...] = ()
    reads: bool = False
    data: bool = False  # takes --data


EXTRACT = ("extract", *WHAT, "--metrics", METRICS, "--gallery", "2")
FIRST = ("extract", *WHAT, "--metrics", "attention,gallery", "--gallery", "1")
COMMANDS = {
    "extract": Command(EXTRACT, data=True),
    "extract more": Command(EXTRACT, (FIRST,), data=True),
    "extract again": Command(EXTRACT, (EXTRACT,), data=True),
    "restart": Command((*EXTRACT, "--restart"), (EXTRACT,), data=True),
    "fold": Command(EXTRACT, ((*EXTRACT, "--shard", "1/2"), (*EXTRACT, "--shard", "2/2")), data=True),
    "evaluate units": Command(("evaluate", "width", *WHAT), data=True),
    "evaluate vectors": Command(("evaluate", "apart", *WHAT), data=True),
    "remove": Command(("cache", "remove", "--yes", "--quiet", "test_vit"), (EXTRACT,)),
    "list": Command(("cache", "list"), (EXTRACT,), reads=True),
    "info": Command(("cache", "info", "test_vit"), (EXTRACT,), reads=True),
    "verify": Command(("cache", "verify"), (EXTRACT,), reads=True),
    "show": Command(("show", "distance", "--model", "test_vit", "--format", "csv"), (EXTRACT,), reads=True),
    "show map": Command(
        ("show", "attention", "--model", "test_vit", "--layer", "2", "--image", IMAGE, "--format", "csv"),
        (EXTRACT,),
        reads=True,
    ),
    "show cka": Command(("show", "cka", "--model", "test_vit", "--format", "csv"), (EXTRACT,), reads=True),
}


@functools.cache
def _built() -> Any:
    """The program with all its options, which takes longer to put together than many a command to run."""
    return typer.main.get_command(app)


def program(*words: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the program; a traceback fails the test."""
    out, said = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code = 0
    with redirect_stdout(out), redirect_stderr(said):
        try:
            _built()([str(word) for word in words], prog_name="vitscope")
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, *(stream.buffer.getvalue().decode() for stream in (out, said))


@dataclass
class Stage:
    """Commands over the pictures in `data`, their caches in `folder`."""

    folder: Path
    data: Path
    begun: dict[str, Path] = field(default_factory=dict)
    right: dict[str, Any] = field(default_factory=dict)

    def run(self, name: str, cache: Path, words: tuple[str, ...] | None = None) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command of COMMANDS, or of other words."""
        command = COMMANDS[name]
        data = ("--data", self.data) if command.data else ()
        return program(*(words or command.words), *data, "--cache", cache)

    def prepared(self, name: str, cache: Path) -> Path:
        """A cache in which the command can be run: what comes before it has been done."""
        if name not in self.begun:
            self.begun[name] = self.folder / f"begun {name}"
            self.begun[name].mkdir()
            for words in COMMANDS[name].begun:
                data = () if COMMANDS[name].data else ("--data", self.data)
                code, _, said = self.run(name, self.begun[name], (*words, *map(str, data)))
                assert code == 0, said
        shutil.rmtree(cache, ignore_errors=True)  # of a case that failed
        shutil.copytree(self.begun[name], cache)
        return cache

    def whole(self, name: str) -> Any:
        """What the command leaves, and says, where nothing fails."""
        if name not in self.right:
            cache = self.prepared(name, self.folder / "cache")
            code, out, said = self.run(name, cache)
            assert code == 0, said
            self.right[name] = out if COMMANDS[name].reads else left(cache)
            shutil.rmtree(cache)
        return self.right[name]

    def calls(self, name: str, fault: Fault, under: str) -> list[str]:
        """The calls of the system that a fault can hit, in order, where none fails."""
        cache = self.prepared(name, self.folder / "cache")
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(cache if under == "cache" else self.data, fault)
            disk.spoil(patch)
            code, _, said = self.run(name, cache)
            assert code == 0, said
        shutil.rmtree(cache)
        return disk.made

    def spoiled(self, name: str, fault: Fault, at: int, under: str = "cache") -> Outcome:
        """Run a command whose call number `at` fails: it ends well or with a sentence, and goes on when told to."""
        whole, cache = self.whole(name), self.prepared(name, self.folder / "cache")
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(cache if under == "cache" else self.data, fault, at)
            disk.spoil(patch)
            code, out, said = self.run(name, cache)
        if COMMANDS[name].reads:
            end = self._read(name, whole, code, out, said)
        else:
            end = self._changed(name, whole, cache, under, code, out, said)
        shutil.rmtree(cache)
        return end

    def _read(self, name: str, whole: str, code: int, out: str, said: str) -> Outcome:
        """What was said is the truth, or a sentence in its place."""
        if code == 0 and without_sizes(out) == without_sizes(whole):
            return "right"
        told = [line for line in f"{out}\n{said}".splitlines() if "cannot read" in line or "damaged" in line]
        assert told or code == 1, (out, said)  # a list or check that names what it could not read
        assert "Traceback" not in said
        if name not in {"list", "verify", "info"}:
            sentence_of(code, out, said)
        return "refused"

    def _changed(self, name: str, whole: Any, cache: Path, under: str, code: int, out: str, said: str) -> Outcome:
        """What the cache holds is right or unfinished, what was committed stays, and the next start ends it."""
        end: Outcome = "right"
        if code == 0 and under == "data":
            skipped = [run for run in Cache(cache).runs() if run.facts["skipped"]]
            if skipped:
                assert all(run.images == 36 - len(run.facts["skipped"]) for run in skipped)
                return "right"
        if code == 0:
            assert settled(left(cache, tidy=False)) == settled(whole)
        else:
            sentence_of(code, "" if name == "remove" else out, said)  # which first says what it would remove
            end = "refused"
        finished = jobs.committed(cache)
        forwarded: set[int] = set()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(locking, "gone", lambda _owner: True)  # the process that failed has ended
            real = measure.Pass.run

            def noted(self: measure.Pass, loaded: Any) -> None:
                forwarded.add(loaded.shard)
                real(self, loaded)

            patch.setattr(measure.Pass, "run", noted)
            if name == "remove" and not (Cache(cache).runs() or Cache(cache).broken()):
                return end
            code, _, said = self.run(name, cache, removal(cache) if name == "remove" else None)
            assert code == 0, said
            if name == "evaluate vectors" and left(cache) != whole:  # the runs that it was made of are not opened again
                assert settled(left(cache)) == settled(whole)
                code, _, said = self.run(name, cache, (*COMMANDS[name].words, "--restart"))
                assert code == 0, said
        assert left(cache) == whole
        forgetful = {"restart", "evaluate vectors"}  # the second has two runs, whose shards have the same numbers
        assert name in forgetful or not finished.keys() & forwarded, (finished, forwarded)
        return end


def without_sizes(text: str) -> list[str]:
    """The words of a page but for sizes of runs, to which a file that cannot be looked at adds nothing."""
    return re.sub(r"[0-9.]+ k?B", "", text).split()


def removal(cache: Path) -> tuple[str, ...]:
    """The words that remove what is left of a run, by the name of its folder."""
    (folder,) = cache.iterdir()
    return ("cache", "remove", "--yes", "--quiet", folder.name)


def left(cache: Path, *, tidy: bool = True) -> dict[str, Any]:
    """Everything in a cache that must not depend on how it came about; nothing in it may be damaged or left over."""
    runs = {run.folder.name: run for run in Cache(cache).runs()}
    for folder in cache.iterdir() if cache.is_dir() and tidy else ():
        assert folder.name in runs, f"{folder} is left"
    return {name: _of_run(run) for name, run in sorted(runs.items())}


def _of_run(run: Run) -> dict[str, Any]:
    assert verify(run) == []
    return jobs.contents(run) | {"complete": run.complete, "names": sorted(path.name for path in run.folder.iterdir())}


def settled(cache: dict[str, Any]) -> dict[str, Any]:
    """The same without what the system would not remove, a lock or a temporary file, which the next writer sweeps."""
    return {
        name: {**run, "names": [file for file in run["names"] if not file.startswith((".vitscope-", "lock"))]}
        for name, run in cache.items()
    }


@contextmanager
def quick() -> Iterator[None]:
    """Inside, models are built once, the small tasks are there, and nothing waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        kept_models(patch)
        tasks(patch)
        patch.setattr(os, "fsync", lambda _handle: None)  # makes a difference to a power cut alone
        yield


def kept_models(patch: pytest.MonkeyPatch) -> None:
    """Build every model once, since a fault of the disk does not change what its weights are."""
    built: dict[str, build.Loaded] = {}
    load = build.load

    def once(*asked: Any) -> build.Loaded:
        return built.setdefault(repr(asked), load(*asked))

    patch.setattr(build, "load", once)


def tasks(patch: pytest.MonkeyPatch) -> None:
    """Put the small tasks of the tests into the catalog."""
    for name, task in fakes.TASKS.items():
        patch.setitem(catalog.TASKS, name, task)
