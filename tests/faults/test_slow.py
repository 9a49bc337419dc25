"""A disk that is slow: every call takes a while, as on a network file system that is busy. Nothing is taken for lost.

Nothing is ever decided by how long something took: so that the times here may be short.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from tests import synthetic
from tests.faults import commands
from tests.faults.commands import EXTRACT, program
from tests.faults.disk import CHANGES, READS, Disk, Fault
from tests.run import jobs
from tests.run.program import sentence_of
from tests.tui.test_app import page, settled
from vitscope.store import arrays
from vitscope.store.lock import lock
from vitscope.tui.app import Browser
from vitscope.tui.place import starting

NEVER = Fault(0, READS + CHANGES)
CALL = 0.002  # seconds that each call takes
WRITE = 0.02  # and one that writes


class Slow(Disk):
    """A disk on which nothing fails, and every call takes its time."""

    def call(self, name: str, path: str) -> None:
        super().call(name, path)
        time.sleep(WRITE if name in {"write", "fsync"} else CALL)


@pytest.mark.parametrize("under", ["cache", "data"])
def test_slow_files_under_an_extraction(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None], under: str
) -> None:
    """It takes longer and says the same; its lock is not taken for that of a process that is gone."""
    cache, other = tmp_path / "cache", tmp_path / "other"
    commands.kept_models(monkeypatch)
    assert program(*EXTRACT, "--data", few, "--cache", other)[0] == 0
    cache.mkdir()
    with monkeypatch.context() as patch:
        disk = Slow(cache if under == "cache" else few, NEVER)
        disk.spoil(patch)
        code, _, said = program(*EXTRACT, "--data", few, "--cache", cache)
    assert code == 0, said
    assert len(disk.made) > 100
    assert commands.left(cache) == commands.left(other)
    tried("slow", "right")


def test_a_lock_whose_owner_waits_for_its_disk(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    """A second command says who is writing, however long the first one's write takes, and does not wait for it."""
    cache = tmp_path / "cache"
    code, _, said = program(*EXTRACT, "--data", few, "--cache", cache)
    assert code == 0, said
    folder = jobs.only_run(cache).folder
    writes, done = threading.Event(), threading.Event()

    def write() -> None:
        with lock(folder):
            writes.set()
            done.wait()

    slow = threading.Thread(target=write)
    slow.start()
    assert writes.wait(60)
    try:
        sentence = sentence_of(*program(*EXTRACT, "--restart", "--data", few, "--cache", cache))
        assert "is being written by process" in sentence
    finally:
        done.set()
        slow.join()
    assert program(*EXTRACT, "--restart", "--data", few, "--cache", cache)[0] == 0
    tried("slow", "refused")


async def test_the_browser_answers_while_a_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    """A file whose bytes take long to compare is read beside the page, once, and never on the thread that draws."""
    synthetic.write(tmp_path)
    threads: list[int] = []
    files: list[int] = []
    digest, gate = arrays.digest_of, threading.Event()

    def waiting(file: BinaryIO) -> str:
        threads.append(threading.get_ident())
        files.append(os.fstat(file.fileno()).st_ino)
        gate.wait()
        return digest(file)

    monkeypatch.setattr(arrays, "digest_of", waiting)
    arrays._proven.clear()
    browser = Browser(tmp_path, starting(tmp_path, "synthetic/1/1"), "256")
    async with browser.run_test(size=(120, 40)) as pilot:
        try:
            for _ in range(500):
                await pilot.pause(0.01)
                if files:
                    break
            await pilot.press("question_mark")
            assert browser.state.help
            await pilot.press("escape", "J")
            assert browser.state.layer == 1
            assert browser.unread()
        finally:
            gate.set()
        await settled(pilot)
        assert "layer 2 › head 1" in page(pilot)
        assert "damaged" not in page(pilot)
    assert threads
    assert threading.get_ident() not in threads
    assert len(files) == len(set(files))
    tried("slow", "right")
