"""The doctor finds, in each of these simulated machines, what would end a long run or slow it down."""

from __future__ import annotations

import errno
import os
import types
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import synthetic
from vitscope.run import machine
from vitscope.run.check import Check
from vitscope.store.files import sealed
from vitscope.store.lock import lock
from vitscope.store.process import Owner

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def sound(monkeypatch, tmp_path) -> None:
    """A machine that nothing is wrong with."""
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(machine, "_open_files", lambda: 1024)
    monkeypatch.setattr(machine, "SHARED", tmp_path)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Usage(10**12, 0, 10**11))
    monkeypatch.setattr(machine, "_cores", lambda: 4)


def named(checks: list[Check]) -> list[tuple[str, str]]:
    return [(check.name, check.state) for check in checks]


def test_a_sound_machine_is_no_line(sound):
    assert list(machine.processes()) == []


def test_more_threads_than_cores(sound, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    (check,) = machine.processes()
    assert (check.name, check.state) == ("threads", "note")
    assert "OMP_NUM_THREADS=4" in check.todo


def test_a_share_of_the_cores_that_torch_does_not_know_of(sound, monkeypatch):
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 128)
    (check,) = machine.processes()
    assert "4 of 128 cores" in check.found
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert list(machine.processes()) == []


def test_cores_of_a_container(monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    for text, cores in {"200000 100000\n": 2, "50000 100000\n": 1, "max 100000\n": 64}.items():
        monkeypatch.setattr(machine.Path, "read_text", lambda *_, text=text: text)
        assert machine._cores() == cores


def test_few_open_files(sound, monkeypatch):
    monkeypatch.setattr(machine, "_open_files", lambda: 256)
    (check,) = machine.processes()
    assert (check.name, "ulimit -n" in check.todo) == ("files", True)


def test_the_limit_of_open_files_is_that_of_the_system():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 300) if soft > 0 else 300, hard))
    try:
        assert machine._open_files() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_little_shared_memory(sound, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Usage(64 << 20, 0, 64 << 20))
    (check,) = machine.processes()
    assert (check.name, "--shm-size" in check.todo) == ("shared", True)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_folder_that_takes_no_files(tmp_path, monkeypatch, code):
    assert machine.unwritable(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []

    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(machine.os, "fsync", fail)
    assert machine.unwritable(tmp_path) == os.strerror(code).lower()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_images_that_is_of_no_use(tmp_path, monkeypatch):
    assert machine.unlisted(tmp_path) == "is empty"
    (tmp_path / "a.jpg").write_text("")
    assert machine.unlisted(tmp_path) == ""

    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert machine.unlisted(tmp_path) == "cannot be read: permission denied"


def test_few_names_left(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_file_system", lambda _: "ext4")
    assert list(machine.disk(tmp_path)) == []
    monkeypatch.setattr(machine.os, "statvfs", lambda _: types.SimpleNamespace(f_files=10**6, f_favail=12))
    (check,) = machine.disk(tmp_path)
    assert "12 more files" in check.found
    monkeypatch.setattr(machine.os, "statvfs", lambda _: types.SimpleNamespace(f_files=0, f_favail=0))  # it counts none
    assert list(machine.disk(tmp_path)) == []


@pytest.mark.parametrize(("kind", "noted"), [("tmpfs", True), ("overlay", True), ("nfs4", False), ("", False)])
def test_a_cache_that_does_not_last(tmp_path, monkeypatch, kind, noted):
    lines = f"/dev/a / ext4 rw 0 0\nx {tmp_path} {kind} rw 0 0\n" if kind else "/dev/a / ext4 rw 0 0\n"
    monkeypatch.setattr(machine.Path, "read_text", lambda *_: lines)
    assert machine._file_system(tmp_path / "cache") == (kind or "ext4")
    assert [f"({kind})" in check.found for check in machine.disk(tmp_path)] == [True] * noted


def test_locks_of_this_host_and_of_others(tmp_path):
    run = synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2), metrics=["distance"])
    assert list(machine.locks(tmp_path)) == []
    with lock(run):
        assert named(list(machine.locks(tmp_path))) == [("lock", "ok")]
    stale = {**Owner.me().to_json(), "host": "node7", "machine": "another", "pid": 4321}
    (run / "lock").write_bytes(sealed(stale))
    (check,) = machine.locks(tmp_path)
    assert check.state == "note"
    assert "process 4321 on node7" in check.found
    assert str(run / "lock") in check.todo
    (run / "lock").write_text("half")
    (check,) = machine.locks(tmp_path)
    assert "does not say by whom" in check.found
    (run / "lock").write_bytes(sealed({**Owner.me().to_json(), "pid": 2**22 + 1, "start": "1"}))  # gone: taken over
    assert list(machine.locks(tmp_path)) == []


def test_a_run_of_the_future():
    now = datetime.now(UTC)
    assert list(machine.clock([now.isoformat(), "nonsense", "2026-01-01T00:00:00"])) == []
    (check,) = machine.clock([(now + timedelta(days=3)).isoformat()])
    assert (check.name, check.state) == ("clock", "note")
