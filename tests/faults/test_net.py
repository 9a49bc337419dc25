"""What the system says where no other code expects it: the last net of the program makes a sentence of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import synthetic
from tests.faults.commands import program
from tests.faults.disk import EVERY
from tests.run.program import sentence_of
from vitscope.cli.app import FULL, REFUSALS
from vitscope.store import reader

NUMBERS = sorted(REFUSALS)


def refused(tmp_path: Path, patch: pytest.MonkeyPatch, error: Exception) -> tuple[int, str, str]:
    """A command in which `error` is raised where nobody expects it."""

    def fail(*_: object) -> None:
        raise error

    synthetic.write(tmp_path)
    patch.setattr(reader.Cache, "find", fail)
    return program("show", "distance", "--model", "synthetic", "--cache", tmp_path)


def test_the_net_holds_what_the_disk_says() -> None:
    assert {fault.number for fault in EVERY} <= REFUSALS


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: errno.errorcode[number])
def test_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None], number: int) -> None:
    error = OSError(number, os.strerror(number), str(tmp_path / "a\x1b[2Jfile"))
    sentence = sentence_of(*refused(tmp_path, monkeypatch, error))
    assert f"file cannot be used: {os.strerror(number)}" in sentence
    assert ("ulimit -n" in sentence) == (number == errno.EMFILE)
    tried("disk", "refused")


@pytest.mark.parametrize("number", sorted(REFUSALS - FULL), ids=lambda number: errno.errorcode[number])
def test_of_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None], number: int) -> None:
    sentence = sentence_of(*refused(tmp_path, monkeypatch, OSError(number, os.strerror(number))))
    assert sentence.startswith(f"the system does not let it go on: {os.strerror(number)}")
    tried("disk", "refused")


def test_a_mistake_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        refused(tmp_path, monkeypatch, OSError(errno.EBADF, os.strerror(errno.EBADF)))
