"""A process killed at any point leaves nothing that looks whole and is not; the next one ends with the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.store import life
from vitscope.store import lock as locking
from vitscope.store.reader import Cache
from vitscope.store.verify import remove, verify

CALLS = ("open", "fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir")  # what changes the disk


class Killed(BaseException):
    """Nothing that the process does after this has any effect."""


def mortal(monkeypatch: pytest.MonkeyPatch, life_span: int) -> list[str]:
    """Let every call of CALLS after the first `life_span` fail, as if the process were gone; the calls made so far."""
    made: list[str] = []

    def dying(name: str):
        real = getattr(os, name)

        def call(*arguments, **options):
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **options)
            if len(made) >= life_span:
                raise Killed
            made.append(name)
            return None if name == "fsync" else real(*arguments, **options)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, dying(name))
    return made


def intact(cache: Path) -> None:
    """Assert that all that can be read is right, and that nothing is damaged."""
    seen = Cache(cache)
    assert seen.broken() == []
    for run in seen.runs():
        assert verify(run) == []
        for metric, result in run.results().items():
            np.testing.assert_array_equal(result.array("mean"), life.result(metric))
        if run.complete:
            assert set(run.results()) == {"distance", "entropy"}


def contents(cache: Path) -> dict[str, bytes]:
    return {str(path.relative_to(cache)): path.read_bytes() for path in cache.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files that an uninterrupted life leaves."""
    cache = tmp_path_factory.mktemp("whole")
    life.live(cache)
    return contents(cache)


def test_a_life_leaves_results_and_nothing_else(whole):
    names = sorted(Path(path).name for path in whole)
    assert names == ["mean.npy", "mean.npy", "result.json", "result.json", "run.json"]


def test_killed_before_every_single_change_of_the_disk(tmp_path, monkeypatch, whole):
    monkeypatch.setattr(locking, "gone", lambda _owner: True)  # whoever held the lock has been killed
    span = 0
    while True:
        cache = tmp_path / str(span)
        with monkeypatch.context() as patch:
            made = mortal(patch, span)
            try:
                life.live(cache)
            except Killed:
                pass
            else:
                break
        assert len(made) == span
        intact(cache)
        with monkeypatch.context() as patch:
            mortal(patch, 10**6)  # no fsync, for speed
            life.live(cache)
        intact(cache)
        assert contents(cache) == whole
        span += 1
    assert span > 100


def test_killed_while_a_run_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "gone", lambda _owner: True)
    span, finished = 0, False
    while not finished:
        cache = tmp_path / str(span)
        life.live(cache)
        folder = cache / life.SPEC.folder
        with monkeypatch.context() as patch:
            mortal(patch, span)
            try:
                remove(folder)
                finished = True
            except Killed:
                pass
        runs = Cache(cache).runs()
        assert all(verify(run) == [] and len(run.results()) == 2 for run in runs)  # all of it, or no run
        if Cache(cache).broken() or runs:
            remove(folder)
        assert Cache(cache).runs() == []
        assert Cache(cache).broken() == []
        span += 1
    assert span > 10


def test_killed_for_real_at_random_moments(tmp_path, whole):
    cache, moments = tmp_path / "cache", random.Random(0)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.life", str(cache)], cwd=Path(__file__).parents[2]
        )
        while not (cache / life.SPEC.folder).exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        intact(cache)
    life.live(cache)
    assert contents(cache) == whole
