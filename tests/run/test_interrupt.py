"""An extraction that a person stops, and one that finds another at work: through the program itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.run import jobs
from vitscope.models.interrupt import deferred
from vitscope.models.tap import Piece, tap
from vitscope.run import loader

PICTURES = 128
INTERRUPTED = "vitscope: interrupted; what was finished is kept: run the same command again to go on\n"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough for several shards."""
    return jobs.pictures(tmp_path_factory.mktemp("pictures"), PICTURES)


@pytest.fixture
def command(pictures: Path, tmp_path: Path) -> list[str]:
    """An extraction in small steps: without Gram matrices, for which batches are larger."""
    where = ["--data", str(pictures), "--cache", str(tmp_path / "cache"), "--quiet"]
    how = ["--image-size", "64", "--batch-size", "1", "--metrics", "attention,distance,vectors,residual-norms"]
    return ["extract", "--model", jobs.UNTRAINED, *how, *where]


def until(condition: Callable[[], object], alive: Callable[[], bool]) -> None:
    """Wait for something that a process does."""
    while not condition():
        assert alive(), "it ended too early"
        time.sleep(0.001)


def ended(out: Path, child: BaseProcess) -> tuple[int | None, str, str]:
    """Exit code, stdout and stderr of a command that `jobs.start` has started."""
    return jobs.exit_code(child), out.read_text(), out.with_suffix(".err").read_text()


def test_ctrl_c_keeps_what_was_finished(command: list[str], tmp_path: Path) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out"
    child = jobs.start(jobs.command, out, *command)
    until(lambda: jobs.committed(cache), child.is_alive)
    os.kill(child.pid, signal.SIGINT)
    assert ended(out, child) == (130, "", INTERRUPTED)
    finished = jobs.committed(cache)
    assert finished
    assert not jobs.only_run(cache).complete
    code, folder, said = ended(out, jobs.start(jobs.command, out, *command))
    assert (code, said) == (0, "")
    run = jobs.only_run(cache)
    assert folder == f"{run.folder}\n"
    jobs.check_tidy(run)
    whole = [argument if argument != str(cache) else str(tmp_path / "whole") for argument in command]
    assert ended(out, jobs.start(jobs.command, out, *whole))[0] == 0
    assert jobs.contents(run) == jobs.contents(jobs.only_run(tmp_path / "whole"))


def test_told_to_end_it_leaves_no_lock_for_other_hosts(command: list[str], tmp_path: Path) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out"
    child = jobs.start(jobs.command, out, *command)
    until(lambda: jobs.committed(cache), child.is_alive)
    assert list(cache.glob("*/lock"))
    child.terminate()
    assert ended(out, child) == (-signal.SIGTERM, "", "")
    assert not list(cache.glob("*/lock*"))
    assert jobs.committed(cache)
    assert ended(out, jobs.start(jobs.command, out, *command))[0] == 0
    jobs.check_tidy(jobs.only_run(cache))


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_with_workers(command: list[str], tmp_path: Path) -> None:
    """There the signal reaches every process of the group at once, and nothing but the sentence is said."""
    program = [sys.executable, "-m", "vitscope", *command, "--workers", "2"]
    child = subprocess.Popen(program, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: jobs.committed(tmp_path / "cache"), lambda: child.poll() is None)
    os.killpg(child.pid, signal.SIGINT)
    assert child.communicate() == ("", INTERRUPTED)
    assert child.returncode == 130
    assert not list((tmp_path / "cache").glob("*/lock"))


def test_a_second_extraction_of_the_same_run_says_so_and_stops(command: list[str], tmp_path: Path) -> None:
    cache, out, other = tmp_path / "cache", tmp_path / "first", tmp_path / "second"
    first = jobs.start(jobs.command, out, *command)
    until(lambda: jobs.committed(cache), first.is_alive)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        code, said, problem = ended(other, jobs.start(jobs.command, other, *command))
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert (code, said) == (1, "")
    (folder,) = (path for path in cache.iterdir())
    assert problem.startswith(f"vitscope: {folder} is being written by process {first.pid} on this host ")
    assert problem.endswith(f"if it certainly runs no more, delete {folder / 'lock'}.\n")
    assert ended(out, first)[0] == 0
    jobs.check_tidy(jobs.only_run(cache))


def test_a_worker_that_the_system_ends(command: list[str], tmp_path: Path) -> None:
    """As it does when memory is short."""
    out = tmp_path / "out"
    child = jobs.start(dying_worker, out, *command, "--workers", "2")
    code, said, problem = ended(out, child)
    assert (code, said) == (1, "")
    assert problem.startswith("vitscope: a process that decodes images was ended by the system")
    assert len(problem.splitlines()) == 1
    assert ended(out, jobs.start(jobs.command, out, *command))[0] == 0
    jobs.check_tidy(jobs.only_run(tmp_path / "cache"))


def dying_worker(out: Path, *arguments: str) -> None:
    """The program, with a worker that is killed over the 40th picture."""
    decode = loader.decode

    def fatal(path: Path, *, orient: bool) -> Image.Image:
        if path.name == "040.png":
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(path, orient=orient)

    loader.decode = fatal
    jobs.command(out, *arguments)


def interrupted() -> None:
    """Ctrl-C, now."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0)  # Python answers between two instructions


def test_ctrl_c_waits_for_the_next_piece_of_attention(tiny: torch.nn.Module) -> None:
    """Anywhere else in a forward pass it would leave torch's stack of modes in disorder."""
    seen: list[int] = []

    def on_attention(piece: Piece) -> None:
        interrupted()
        seen.append(piece.layer)

    with pytest.raises(KeyboardInterrupt), tap(tiny, on_attention):
        tiny(torch.zeros(1, 3, 32, 32))
    assert seen == [0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert torch.equal(tiny(torch.zeros(1, 3, 32, 32)), tiny(torch.zeros(1, 3, 32, 32)))


def test_ctrl_c_is_never_lost() -> None:
    passed: list[str] = []
    with pytest.raises(KeyboardInterrupt), deferred():
        with deferred() as check:  # leaves it to the one around it
            interrupted()
            check()
        passed.append("inner")
    assert passed == ["inner"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_left_to_the_main_thread() -> None:
    def elsewhere() -> object:
        with deferred() as check:
            check()
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(elsewhere).result() is signal.default_int_handler
