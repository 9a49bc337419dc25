"""Extractions for tests: a tiny untrained ViT over tiny pictures, here or in processes that a test can kill.

Processes are forked from a server that has imported torch once, so that a start takes milliseconds.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Set
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from vitscope import catalog
from vitscope.cli import main
from vitscope.run import extract, measure
from vitscope.run.request import Report, Request
from vitscope.spec import Resources
from vitscope.store.reader import Cache, Run
from vitscope.store.verify import verify

UNTRAINED = "random/test_vit"  # timm's own test model: 6 layers, 2 heads, CLS; 17 tokens at 64 px
MODEL = "timm/test_vit"
EDGE = 64
EVERYTHING = tuple(catalog.METRICS)
BY_DEFAULT = tuple(name for name, entry in catalog.METRICS.items() if entry.default)
COUNT = 80  # pictures of the fixture `pictures`: three shards, of 32, 32 and 16
OF_SINGLE_IMAGES = {
    *("gallery/attention", "gallery/crop", "gallery/place"),
    *(f"vectors/{name}" for name in ("places", "rows-00000", "rows-00001", "rows-00002")),
    *(f"{metric}/{name}{end}" for metric, names in (
        ("grams", ("cls", "spatial", "all")),
        ("norm-grams", ("norm1", "norm2")),
        ("residual-grams", ("attention-skip", "attention-branch", "mlp-skip", "mlp-branch")),
    ) for name in (*names, "places") for end in ("", "-range")),
}  # arrays that change when an image is left out  # fmt: skip
OF_TIME = {"started", "finished", "seconds", "passes"}  # facts of a run that differ from one day to the next

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["pytest", "tests.run.jobs"])


class Listener:
    """Keeps what an extraction tells."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.warned: list[str] = []
        self.done: list[tuple[int, int]] = []

    def tell(self, sentence: str) -> None:
        self.told.append(sentence)

    def warn(self, sentence: str) -> None:
        self.warned.append(sentence)

    def progress(self, done: int, total: int) -> None:
        self.done.append((done, total))


def pictures(folder: Path, count: int) -> Path:
    """Fill `folder` with PNGs of 80 × 64 pixels, every one different; names sort in order."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        coarse = np.random.default_rng(index).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((80, 64), Image.Resampling.BICUBIC).save(folder / f"{index:03d}.png")
    return folder


def weights(path: Path) -> Path:
    """A checkpoint for MODEL at EDGE pixels whose heads differ and look at something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = timm.create_model("test_vit", img_size=EDGE, num_classes=0).state_dict()
        for name, tensor in state.items():
            if name.endswith("qkv.weight"):
                torch.nn.init.normal_(tensor, std=0.2)
    save_file(state, path)
    return path


def request(data: Path, **changes: Any) -> Request:
    """Everything that can be measured of UNTRAINED at EDGE pixels over `data`, but for `changes`.

    With a checkpoint, of MODEL.
    """
    model = MODEL if changes.get("checkpoint") else UNTRAINED
    fields = {"model": model, "image_size": (EDGE, EDGE), "metrics": EVERYTHING}
    return Request(data=data, **{**fields, **changes})


def measured(asked: Request, cache: Path, listener: Listener | None = None, **resources: Any) -> tuple[Report, Run]:
    """Extract in this process, on the CPU; the report and the run."""
    options = Resources(device="cpu", **resources)
    report = extract.extract(asked, options, cache, listener or Listener())
    return report, next(run for run in Cache(cache).runs() if run.folder == report.folder)


def only_run(cache: Path) -> Run:
    """The one run in a cache."""
    (run,) = Cache(cache).runs()
    return run


def contents(run: Run) -> dict[str, Any]:
    """Everything in a finished run that must not depend on how it came about: facts, records and bytes of results."""
    facts = {name: fact for name, fact in run.facts.items() if name not in OF_TIME}
    files = sorted(run.folder.glob("*@*/*"))
    return {"facts": facts} | {
        str(f.relative_to(run.folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files
    }


def check_tidy(run: Run) -> None:
    """Assert that a run is finished, as its checksums say, and that nothing else is left in its folder."""
    assert run.complete
    assert verify(run) == []
    names = {path.name for path in run.folder.iterdir()}
    assert names == {"run.json"} | {f"{name}@{result.version}" for name, result in run.results().items()}
    assert not list(run.folder.rglob(".*"))


def committed(cache: Path) -> dict[int, tuple[int, int]]:
    """The shards that have a record, with what changes when a record is written again."""
    records = cache.glob("*/shards/*.json")
    return {int(path.stem): (path.stat().st_ino, path.stat().st_mtime_ns) for path in records}


def exit_code(process: BaseProcess) -> int | None:
    """Wait for a process of `start`; what it ended with, minus the number of the signal that killed it."""
    process.join()
    return process.exitcode


def warm_up() -> None:
    """Let the server import everything, so that the next start takes only as long as its work."""
    start(_nothing).join()


def _nothing() -> None:
    pass


def _settle_in() -> None:
    """In a new process: one thread, and workers that are started as in a program that nobody has started specially."""
    torch.set_num_threads(1)
    multiprocessing.set_start_method(None, force=True)


def start(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Run `work(*arguments)` in a new process."""
    process = SERVER.Process(target=work, args=arguments)
    process.start()
    return process


def extraction(asked: Request, cache: Path, log: Path, die_at: int, durable: bool, workers: int = 0) -> None:
    """For `start`: extract, and note the shard of every forward pass in `log`, the number of changes on disk last.

    `die_at`: kill -9 just before that change, counted from 1. Without `durable` nothing waits for the disk, which
    makes a difference to a power cut but none to a kill.
    """
    _settle_in()
    changes = _Changes(cache, die_at)
    sys.addaudithook(changes)
    if not durable:
        os.fsync = lambda handle: None
    note = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    run = measure.Pass.run

    def noted(self: measure.Pass, loaded: Any) -> None:
        os.write(note, f"{loaded.shard}\n".encode())
        run(self, loaded)

    measure.Pass.run = noted
    extract.extract(asked, Resources(device="cpu", workers=workers), cache, Listener())
    os.write(note, f"changes {changes.count}\n".encode())


def forwarded(log: Path) -> set[int]:
    """The shards that an extraction with this log ran through the model."""
    lines = log.read_text().splitlines() if log.exists() else []
    return {int(line) for line in lines if line.isdigit()}


def changes_of(log: Path) -> int:
    """How often an extraction that came to its end changed something on disk."""
    return int(log.read_text().splitlines()[-1].removeprefix("changes "))


class _Changes:
    """An audit hook: counts what changes a folder, and ends the process before one of these changes."""

    def __init__(self, folder: Path, die_at: int) -> None:
        self.folder, self.die_at, self.count = f"{folder}{os.sep}", die_at, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_change(event, arguments):
            return
        self.count += 1
        if self.count == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_change(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event in {"os.remove", "os.rmdir"} and arguments[-1] != -1:  # inside of shutil.rmtree
            return True
        path = str(arguments[0]) if arguments else ""
        if not path.startswith(self.folder):
            return False
        if event == "open":
            return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if event == "os.remove":
            return os.path.lexists(path)
        return event in {"os.rename", "os.link", "os.mkdir", "os.rmdir", "shutil.rmtree"}


def command(out: Path, *arguments: str) -> None:
    """For `start`: the program `vitscope` with these arguments; `out` gets its stdout, and `out`.err its stderr."""
    _settle_in()
    for descriptor, path in ((1, out), (2, out.with_suffix(".err"))):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, descriptor)
    sys.stdout, sys.stderr = (open(descriptor, "w", closefd=False) for descriptor in (1, 2))  # noqa: SIM115
    sys.argv = ["vitscope", *arguments]
    main()


class Stop(Exception):
    """Ends an extraction in the middle."""


class StopAfter(Listener):
    """Ends an extraction as soon as so many images are done."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images = images

    def progress(self, done: int, total: int) -> None:
        if done >= self.images:
            raise Stop


def files_of(run: Run, *metrics: str) -> dict[str, tuple[int, int, int]]:
    """Identity and time of the files of some metrics."""
    paths = [path for metric in metrics for path in run.folder.glob(f"{metric}@*/*")]
    assert paths
    return {str(path): ((s := path.stat()).st_ino, s.st_mtime_ns, s.st_size) for path in paths}


def arrays(run: Run) -> dict[str, np.ndarray]:
    """Every array of a run."""
    results = run.results().items()
    return {f"{metric}/{name}": result.array(name) for metric, result in results for name in result.arrays}


def assert_close(run: Run, other: Run, tolerance: float, ignored: Set[str] = frozenset()) -> None:
    """Every array equal to within `tolerance`, relative to its largest number; a spread, to that of its mean.

    What is kept in float16 may be rounded to the neighbouring number.
    """
    left, right = arrays(run), arrays(other)
    assert left.keys() - ignored == right.keys() - ignored
    for name in left.keys() - ignored:
        step = 2**-10 if left[name].dtype == np.float16 else 0
        values, others = (each[name].astype(np.float64) for each in (left, right))
        scale = np.nanmax(np.abs(left[name.replace("/std", "/mean")].astype(np.float64)))
        np.testing.assert_allclose(values, others, rtol=step, atol=tolerance * scale, err_msg=name)
