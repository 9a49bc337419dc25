"""What a reader must not do, whatever it is given: start something, or touch a file outside of its folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vitscope.cli import talk
from vitscope.errors import VitscopeError

STARTS = frozenset(
    {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.connect"}
)
CHANGES = frozenset(
    {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate"}
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_folder: list[Path] = []  # of the reader that is being watched; empty: nobody is
_seen: list[str] = []
_installed: list[bool] = []


class Escape(Exception):
    """A reader did what no reader may do."""


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what is forbidden; an exception here could be caught by the code that is watched."""
    if not _folder:
        return
    if event in STARTS:
        _seen.append(f"{event}{arguments[:2]}")
    elif event in CHANGES:
        if arguments[-1] in {None, -1} or event == "os.rename":  # else the name is relative to an open folder
            arguments = (arguments[0],)
        if len(arguments) == 1 and not _inside(arguments[0]):
            _seen.append(f"{event} {arguments[0]!r}")
    elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & WRITES
        beside = os.fsdecode(os.path.abspath(os.fspath(path))).startswith(f"{_folder[0].parent}{os.sep}")
        if not _inside(path) and (writes or beside) and os.fsdecode(os.fspath(path)) != os.devnull:
            _seen.append(f"open {path!r}{' to write' if writes else ''}")


def _inside(path: Any) -> bool:
    """Whether a path that is asked for lies in the folder, without following links."""
    if isinstance(path, int):
        return True
    whole = os.fsdecode(os.path.abspath(os.fspath(path)))
    if "__pycache__" in whole:  # what is imported meanwhile
        return True
    return whole == str(_folder[0]) or whole.startswith(f"{_folder[0]}{os.sep}")


@contextmanager
def watched(folder: Path, *, starts: bool = False) -> Iterator[None]:
    """Raise Escape at the end of the block if it left `folder`, or started anything, unless it `starts` a process."""
    if not _installed:
        sys.addaudithook(_hook)
        _installed.append(True)
    _seen.clear()
    _folder.append(folder)
    try:
        yield
    finally:
        _folder.pop()
    if starts:
        _seen[:] = [said for said in _seen if not said.startswith(("subprocess.Popen", "os.posix_spawn", "os.fork"))]
    if _seen:
        raise Escape("; ".join(_seen[:3]))


def sentence(error: VitscopeError) -> str:
    """What is printed of a refusal; AssertionError unless it is one sentence of a length that one reads."""
    said = talk.short(str(error))
    assert said.strip(), "a refusal without words"
    assert len(said) <= talk.LONGEST + 1 and said.isprintable()
    return said
