"""One run by 1, 2 and 4 processes of torchrun, in three kinds of parts, and after 20 kills: the same bits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from torch.distributed import TCPStore

from tests.run import crew, jobs
from vitscope.store.reader import Run

PICTURES = 200  # seven shards, in two class folders
KILLS = 20
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}  # as the processes of `jobs`
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def words(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """An extraction of every metric there is, but for its cache."""
    data = tmp_path_factory.mktemp("classes")
    for place, image in enumerate(sorted(jobs.pictures(tmp_path_factory.mktemp("many"), PICTURES).iterdir())):
        (data / f"class{place % 2}").mkdir(exist_ok=True)
        image.rename(data / f"class{place % 2}" / image.name)
    (data / "class0" / "040.png").write_bytes(b"no picture")
    given = ["--model", jobs.MODEL, "--checkpoint", str(checkpoint), "--data", str(data)]
    return ["extract", *given, "--image-size", "64", "--device", "cpu", "--metrics", "all"]


@pytest.fixture(scope="module")
def whole(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What one process makes of it."""
    folder = tmp_path_factory.mktemp("whole")
    jobs.warm_up()
    assert crew.alone(folder / "out", *words, "--cache", folder / "cache").code == 0
    run = jobs.only_run(folder / "cache")
    assert {name.partition("/")[0] for name in jobs.arrays(run)} == set(jobs.EVERYTHING)
    return run


def check_same(cache: Path, whole: Run) -> None:
    run = jobs.only_run(cache)
    assert jobs.contents(run) == jobs.contents(whole)
    jobs.check_tidy(run)


def torchrun(size: int, *command: str) -> list[str]:
    """The command that starts `size` ranks."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(size)]
    return [*launcher, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "vitscope", *command]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_torchrun(words: list[str], whole: Run, tmp_path: Path, size: int) -> None:
    command = torchrun(size, *words, "--cache", str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{jobs.only_run(tmp_path).folder}\n"
    check_same(tmp_path, whole)


def test_torchrun_loses_a_rank_in_the_middle(words: list[str], whole: Run, tmp_path: Path) -> None:
    """The rank that works is killed, not the process that watches over it; torchrun ends with an error."""
    command = torchrun(2, *words, "--cache", str(tmp_path / "cache"), "--batch-size", "32")
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ONE_THREAD)
    while len(jobs.committed(tmp_path / "cache")) < 1:
        assert program.poll() is None
        time.sleep(0.01)
    second = next(pid for pid in children(program.pid) if b"\0RANK=1\0" in Path(f"/proc/{pid}/environ").read_bytes())
    (worker,) = children(second)
    os.kill(worker, signal.SIGKILL)
    out, said = program.communicate()
    assert (program.returncode, out) == (1, "")
    assert "missing, since rank 1 was killed by signal 9: run the same command again" in said
    assert {0, 2, 4, 6} <= set(jobs.committed(tmp_path / "cache")) < set(range(7))
    assert crew.alone(tmp_path / "out", *words, "--cache", tmp_path / "cache").code == 0
    check_same(tmp_path / "cache", whole)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_parts(words: list[str], whole: Run, tmp_path: Path, count: int) -> None:
    started = [
        jobs.start(jobs.command, tmp_path / f"{number}", *words, "--cache", str(tmp_path / "cache"), *part)
        for number, part in enumerate(parts(count))
    ]
    assert [jobs.exit_code(each) for each in started] == [0] * count
    assert crew.alone(tmp_path / "out", *words, "--cache", tmp_path / "cache").code == 0
    check_same(tmp_path / "cache", whole)


def test_killed_at_random_moments(words: list[str], whole: Run, tmp_path: Path) -> None:
    """Ranks, what watches over them, parts and single processes; each start is of another kind than the one before."""
    began = time.monotonic()
    assert crew.alone(tmp_path / "out", *words, "--cache", tmp_path / "timed").code == 0
    seconds = time.monotonic() - began
    chance, kills, caches = random.Random(8), 0, 0
    while kills < KILLS:
        cache, caches, complete = tmp_path / f"cache-{caches}", caches + 1, False
        while not complete:
            before = jobs.committed(cache)
            killed, codes = start_and_kill(chance, tmp_path, [*words, "--cache", str(cache)], seconds)
            kills += killed
            complete = codes == {0} and bool(jobs.only_run(cache).complete)
            after = jobs.committed(cache)
            assert not after or {shard: after[shard] for shard in before} == before  # nothing is measured twice
        assert crew.alone(tmp_path / "out", *words, "--cache", cache).code == 0  # sweeps the locks of parts that died
        check_same(cache, whole)


def start_and_kill(
    chance: random.Random, folder: Path, command: list[str], seconds: float
) -> tuple[bool, set[int | None]]:
    """One start of some kind; one process is killed within `seconds`. Was it still there, and all exit codes."""
    kind, count = chance.choice(["alone", "ranks", "ranks", "parts"]), chance.choice([2, 3, 4])
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    words = parts(count) if kind == "parts" else [[]] * (count if kind == "ranks" else 1)
    ranks, port = (count, store.port) if kind == "ranks" else (1, 0)
    started = [
        jobs.start(crew.as_rank, number, ranks, port, (), folder / f"{number}", *command, *more)
        for number, more in enumerate(words)
    ]
    time.sleep(chance.uniform(0, seconds))
    victim = chance.choice(started)
    killed = end(victim, inner=chance.random() < 0.7)
    for process in started if kind == "parts" else [victim]:
        process.join(120)
    if kind == "ranks" and killed and victim.exitcode == -signal.SIGKILL:  # torchrun then ends the others
        for process in started:
            process.terminate()
    return killed, {jobs.exit_code(process) for process in started}


def end(process: BaseProcess, *, inner: bool) -> bool:
    """Kill -9 for a process, or for the rank that it watches over; False if it has ended."""
    assert process.pid
    with suppress(ProcessLookupError, IndexError):
        os.kill(children(process.pid)[0] if inner and children(process.pid) else process.pid, signal.SIGKILL)
        return True
    return False


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def parts(count: int) -> list[list[str]]:
    return [["--shard", f"{number}/{count}"] for number in range(1, count + 1)]
