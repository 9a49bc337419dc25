"""A cache of another version, a full disk, too little memory: one clear sentence, and what was finished is kept."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.run import jobs
from tests.run.program import World, sentence_of, vitscope
from vitscope.run import measure
from vitscope.store.files import sealed

# The cache


def test_a_cache_of_another_version(world: World, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(world.cache, cache)
    (run,) = cache.glob("*/run.json")
    run.write_bytes(sealed({"key": "x"}).replace(b'"format": 1', b'"format": 2'))
    before = {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    where = ("--cache", cache, "--quiet", "--model", jobs.MODEL)
    for command in (
        ("extract", *where, "--data", world.data, "--checkpoint", world.checkpoint, "--image-size", "64"),
        ("extract", *where, "--data", world.data, "--checkpoint", world.checkpoint, "--image-size", "64", "--restart"),
        ("show", "distance", *where),
    ):
        sentence = sentence_of(*vitscope(*command))
        assert sentence.startswith(
            f"{run} was written by vitscope with cache format 2, this one reads format 1: use that"
        )
    assert {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()} == before


def test_a_cache_that_is_a_file(world: World, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("mine")
    given = ("--model", jobs.UNTRAINED, "--data", world.data, "--image-size", "64", "--cache", tmp_path / "cache")
    sentence = sentence_of(*vitscope("extract", "--quiet", *given))
    assert sentence.startswith(f"cannot write {tmp_path / 'cache'}")
    assert (tmp_path / "cache").read_text() == "mine"


class Disk:
    """A disk with little space: a tmpfs where one may be mounted, else one whose files cannot be made durable."""

    def __init__(self, folder: Path, size: int, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.size, self.patch = folder, size, patch
        folder.mkdir()
        self.real = self._mount(f"size={size}k")
        if not self.real:
            self.sync = os.fsync
            patch.setattr(os, "fsync", self._fsync)

    def enlarge(self) -> None:
        self.size = 1 << 20
        assert not self.real or self._mount("remount,size=64m")

    def remove(self) -> None:
        if self.real:
            subprocess.run(["umount", str(self.folder)], check=True)

    def _mount(self, options: str) -> bool:
        if shutil.which("mount") is None:
            return False
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _fsync(self, handle: int) -> None:
        used = sum(-(-path.stat().st_size // 4096) * 4 for path in self.folder.rglob("*") if path.is_file())
        if used > self.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.sync(handle)


@pytest.fixture(params=[True, False], ids=["as this system can", "simulated"])
def disk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], Disk]]:
    """Makes a disk of so many KiB."""
    disks: list[Disk] = []
    if not request.param:
        monkeypatch.setattr(Disk, "_mount", lambda self, options: False)

    def make(size: int) -> Disk:
        disks.append(Disk(tmp_path / "disk", size, monkeypatch))
        return disks[-1]

    yield make
    for made in disks:
        made.remove()


@pytest.mark.parametrize("size", [4, 1000, 1450])
def test_a_full_disk(disk: Callable[[int], Disk], tmp_path: Path, size: int) -> None:
    """Before the first shard, in the middle of the shards, and when they become results; then it goes on."""
    data = jobs.pictures(tmp_path / "pictures", 128)
    small = disk(size)
    given = ("extract", "--model", jobs.UNTRAINED, "--image-size", "64", "--gallery", "0", "--data", data, "--cache")
    sentence = sentence_of(*vitscope(*given, small.folder, "--quiet"))
    assert re.fullmatch(
        rf"cannot write {small.folder}.*: no space is left on the disk; what was finished is kept\.", sentence
    )
    finished = jobs.committed(small.folder)
    assert len(finished) in {4: {0}, 1000: {1, 2, 3}, 1450: {4}}[size]
    assert not list(small.folder.glob("*/lock"))
    small.enlarge()
    code, _, said = vitscope(*given, small.folder)
    assert code == 0
    assert (f"going on: {len(finished)} of 4 shards were finished before" in said) == (len(finished) in {1, 2, 3})
    assert vitscope(*given, tmp_path / "cache")[0] == 0
    assert jobs.contents(jobs.only_run(small.folder)) == jobs.contents(jobs.only_run(tmp_path / "cache"))
    jobs.check_tidy(jobs.only_run(small.folder))


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES])
def test_a_disk_that_refuses(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    assert refused("--image-size", "64", model=jobs.UNTRAINED).startswith("cannot write ")


# Memory


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1000000000 bytes."),
        MemoryError("Unable to allocate 20.0 GiB for an array"),
    ],
)
def test_too_little_memory(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(measure, "tap", no_memory)
    given = ("--model", jobs.UNTRAINED, "--data", world.data, "--image-size", "64", "--cache", tmp_path / "cache")
    sentence = sentence_of(*vitscope("extract", "--quiet", *given))
    assert "has too little memory" in sentence
    assert "--batch-size" in sentence
