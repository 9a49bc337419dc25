"""A file system that fails: calls of the system under one folder are counted, and one of them, or all from it on, fail.

What Python itself calls is stood in for: what opens, reads, writes, lists and changes files. Of a write that fails half
is written. Libraries that open files without Python (safetensors) are stood in for where they are called.
"""

from __future__ import annotations

import builtins
import errno
import io
import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vitscope.store import arrays

READS = ("stat", "lstat", "scandir", "listdir", "open", "read", "mmap", "load")
CHANGES = ("create", "write", "fsync", "replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir")
OF_OPEN_FILES = ("read", "write", "mmap")  # an error of these does not say of which file it is
GROWTH = ("create", "write", "fsync", "link", "mkdir")  # what needs space


@dataclass(frozen=True)
class Fault:
    """An error of the system: its number, the calls that it hits, and whether it stays once it has come."""

    number: int
    calls: tuple[str, ...]
    stays: bool = False

    @property
    def name(self) -> str:
        return errno.errorcode[self.number]


FULL = Fault(errno.ENOSPC, GROWTH, stays=True)
QUOTA = Fault(errno.EDQUOT, GROWTH, stays=True)
READ_ONLY = Fault(errno.EROFS, CHANGES, stays=True)
BROKEN = Fault(errno.EIO, READS + CHANGES)
FORBIDDEN = Fault(errno.EACCES, READS + CHANGES)
LOST = Fault(errno.ESTALE, READS + CHANGES, stays=True)
EVERY = (FULL, QUOTA, READ_ONLY, BROKEN, FORBIDDEN, LOST)
OF_READING = (BROKEN, FORBIDDEN, LOST)


@dataclass
class Disk:
    """Counts the calls under `folder` that `fault` hits; `at`: the one that fails, counted from 1; 0: none."""

    folder: Path
    fault: Fault
    at: int = 0
    made: list[str] = field(default_factory=list)  # what was called, and on which file
    open: dict[int, str] = field(default_factory=dict)  # descriptors of files in the folder

    def inside(self, path: Any) -> str | None:
        """The path as text if it lies in the folder."""
        if isinstance(path, int):
            return self.open.get(path)
        if path is None:
            return None
        text = os.fsdecode(os.fspath(path))
        whole = str(self.folder)
        return text if text == whole or text.startswith(whole + os.sep) else None

    def call(self, name: str, path: str) -> None:
        """Count a call, and raise what it is to fail with."""
        if name not in self.fault.calls:
            return
        self.made.append(f"{name} {Path(path).name}")
        if self.at and (len(self.made) == self.at or (self.fault.stays and len(self.made) > self.at)):
            named = () if name in OF_OPEN_FILES else (path,)
            raise OSError(self.fault.number, os.strerror(self.fault.number), *named)

    def spoil(self, patch: pytest.MonkeyPatch) -> None:
        """Put this disk in the place of the real one, until `patch` is undone."""
        for name in ("stat", "lstat", "scandir", "listdir", *CHANGES[3:]):
            patch.setattr(os, name, self._counted(name, getattr(os, name)))
        patch.setattr(os, "open", self._opening(os.open))
        patch.setattr(os, "fsync", self._counted("fsync", os.fsync))
        patch.setattr(os, "close", self._closing(os.close))
        patch.setattr(arrays, "load_file", self._counted("load", arrays.load_file))
        patch.setattr(mmap, "mmap", self._counted("mmap", mmap.mmap))
        real = io.open
        patch.setattr(io, "open", self._file_of(real))
        patch.setattr(builtins, "open", self._file_of(real))

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            path = self.inside(arguments[0]) if arguments and options.get("dir_fd") is None else None
            if path is not None:
                self.call(name, path)
            return real(*arguments, **options)

        return call

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
            inside = self.inside(path) if options.get("dir_fd") is None else None
            if inside is None:
                return real(path, flags, *arguments, **options)
            self.call("create" if flags & os.O_CREAT else "open", inside)
            handle = real(path, flags, *arguments, **options)
            self.open[handle] = inside
            return handle

        return call

    def _closing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def call(handle: int) -> None:
            self.open.pop(handle, None)
            real(handle)

        return call

    def _file_of(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            inside = self.inside(path)
            if inside is None:
                return real(path, mode, *arguments, **options)
            if not isinstance(path, int):
                self.call("create" if set(mode) & set("wxa") else "open", inside)
            file = real(path, mode, *arguments, **options)
            self.open[file.fileno()] = inside
            return File(file, inside, self)

        return call


class File:
    """An open file whose reads and writes may fail."""

    def __init__(self, file: Any, path: str, disk: Disk) -> None:
        self._file, self._path, self._disk = file, path, disk

    def read(self, *size: int) -> Any:
        self._disk.call("read", self._path)
        return self._file.read(*size)

    def readinto(self, buffer: Any) -> int:
        self._disk.call("read", self._path)
        return self._file.readinto(buffer)

    def write(self, data: Any) -> int:
        try:
            self._disk.call("write", self._path)
        except OSError:
            self._file.write(data[: len(data) // 2])
            raise
        return self._file.write(data)

    def close(self) -> None:
        if not self._file.closed:
            self._disk.open.pop(self._file.fileno(), None)
        self._file.close()

    def __del__(self) -> None:
        self.close()  # Pillow drops a file whose first bytes it cannot read

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
