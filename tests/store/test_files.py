from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.store import life
from vitscope.errors import DamagedError, FormatError, StoreError
from vitscope.store import files
from vitscope.store.verify import verify
from vitscope.store.writer import RunWriter

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.dictionaries(st.text().filter(lambda name: name not in ("format", "sha256")), JSON, max_size=4)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a"
    with files.atomic(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_file_that_is_not_finished_changes_nothing(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(error), files.atomic(path) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_files_are_as_readable_as_others(tmp_path):
    (tmp_path / "other").touch()
    with files.atomic(tmp_path / "a"):
        pass
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space is left on the disk"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission"),
        (errno.EIO, "input/output error"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.ESTALE, "network"),
        (errno.ENODEV, "no such device"),
    ],
)
@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_every_refusal_is_a_sentence(tmp_path, monkeypatch, number, words, call):
    def refuse(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(StoreError) as caught, files.atomic(path) as file:
        file.write(b"new")
    monkeypatch.undo()
    message = str(caught.value)
    assert str(path) in message
    assert words in message
    assert message.endswith("what was finished is kept.")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_name_too_long_and_a_file_for_a_folder(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(StoreError, match="too long"), files.atomic(tmp_path / ("x" * 300)):
        pass
    with pytest.raises(StoreError, match="a file, not a folder"), files.atomic(tmp_path / "a" / "b"):
        pass
    with pytest.raises(StoreError, match="is not there"), files.atomic(tmp_path / "none" / "b"):
        pass
    with pytest.raises(StoreError, match="a file"):
        files.make_folder(tmp_path / "a" / "b")
    with pytest.raises(StoreError, match="a file has that name"):
        files.make_folder(tmp_path / "a")


def test_a_device_or_pipe_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(StoreError, match="device or a pipe"), files.atomic(tmp_path / name):
            pass
    assert names(tmp_path) == ["link", "pipe"]
    with pytest.raises(StoreError, match="a folder has that name"), files.atomic(tmp_path):
        pass


def test_the_names_of_the_standard_streams_are_no_files():
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):  # links that may lead to a file
        assert files._of_the_system(Path(name))
    assert not files._of_the_system(Path("/dev/shm/cache/run.json"))


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 256 KiB; where it cannot be mounted, one whose fsync refuses large files as a full disk does."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if os.name == "posix" and subprocess.run(["which", "mount"], capture_output=True, check=False).returncode == 0:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    else:
        mounted = False
    if not mounted:
        fsync = os.fsync

        def full(handle: int) -> None:
            if os.fstat(handle).st_size > 256 << 10:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fsync(handle)

        monkeypatch.setattr(os, "fsync", full)
    yield folder
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_was_finished(small_disk):
    writer = RunWriter(small_disk, life.SPEC, life.FACTS)
    writer.put_shard(0, {"entropy@1": life.state(0, "entropy")}, {"images": 2})
    before = names(writer.folder / "shards")
    with pytest.raises(StoreError, match=r"no space is left on the disk; what was finished is kept"):
        writer.put_shard(1, {"entropy@1": {"total": np.ones(100_000)}}, {"images": 2})
    assert names(writer.folder / "shards") == before
    assert list(writer.shard_metrics(0)) == ["entropy@1"]
    assert writer.shard_metrics(1) == {}
    assert verify(writer.folder) == []


@given(FIELDS)
@example({"name": "\udcff", "0" * 64: "0" * 64})
def test_sealed_json_is_read_back(fields):
    assert files.unsealed(files.sealed(fields), Path("x")) == fields


@given(FIELDS, st.data())
def test_a_changed_byte_is_found_wherever_it_is(fields, data):
    raw = bytearray(files.sealed(fields))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((DamagedError, FormatError), match="x "):
        files.unsealed(bytes(raw), Path("x"))


def test_sealed_json_cut_short_is_found_at_any_length():
    raw = files.sealed({"a": [1, 2], "b": "text"})
    for length in range(len(raw)):
        with pytest.raises(DamagedError, match="damaged"):
            files.unsealed(raw[:length], Path("x"))


def test_another_format_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"format": 7, "anything": "else"}))
    with pytest.raises(FormatError, match=r"cache format 7, this one reads format 1: use that version.*--cache"):
        files.read_json(path)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}', b"1" * 9999]
)
def test_what_is_not_sealed_json_is_damaged(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"run\.json is damaged: .*; .*measured it again"):
        files.read_json(path)


def test_missing_and_special_files_are_sentences(tmp_path, monkeypatch):
    with pytest.raises(DamagedError, match="is missing"):
        files.read_json(tmp_path / "none")
    with pytest.raises(StoreError, match=r"damaged: it is not a regular file|a folder has that name"):
        files.digest(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedError, match="not a regular file"):
        files.read_json(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b" " * 100)
    monkeypatch.setattr(files, "MAX_JSON", 99)
    with pytest.raises(DamagedError, match="larger than"):
        files.read_json(tmp_path / "large")


def test_a_file_without_permission_is_a_sentence(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=r"cannot read .*: you have no permission for it\.$"):
        files.read_json(tmp_path / "a")


def test_fields_of_the_cache_itself_cannot_be_given():
    with pytest.raises(ValueError, match="format"):
        files.sealed({"format": 2})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.sealed({"seconds": float("nan")})


def test_sweeping_removes_temporary_names_only(tmp_path):
    (tmp_path / "shards").mkdir()
    keep = [tmp_path / "run.json", tmp_path / "shards" / "a", tmp_path / ".vitscope-notes.tmp"]
    for path in [*keep, files.temporary(tmp_path), files.temporary(tmp_path / "shards")]:
        path.touch()
    removed = files.temporary(tmp_path)
    removed.mkdir()
    (removed / "x").touch()
    files.sweep(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(keep)


def test_discarding_what_is_not_there_is_nothing(tmp_path):
    files.discard(tmp_path / "none")
    assert names(tmp_path) == []


def test_a_file_system_that_cannot_sync_folders_will_do(tmp_path, monkeypatch):
    def refuse(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    files.write_json(tmp_path / "a", {})
    assert files.read_json(tmp_path / "a") == {}
