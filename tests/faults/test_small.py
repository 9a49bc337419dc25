"""A disk that is small: a tmpfs that becomes full in the middle of a command. Only where one may be mounted.

`tests/run/test_bad_cache.py` does the same to `extract`.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import commands
from tests.faults.commands import EXTRACT, WHAT, program
from tests.run.program import sentence_of


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if shutil.which("mount") is None or not mounted(folder, "size=64k"):
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def mounted(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture
def fast() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        commands.kept_models(patch)
        commands.tasks(patch)
        yield


@pytest.mark.parametrize("words", [EXTRACT, ("evaluate", "width", *WHAT), ("evaluate", "apart", *WHAT)], ids=" ".join)
def test_a_disk_that_becomes_full(
    few: Path, small: Path, tmp_path: Path, fast: None, tried: Callable[..., None], words: tuple[str, ...]
) -> None:
    """One sentence; the same command goes on once there is space, to the same cache as on a large disk."""
    (small / "other").write_bytes(bytes(52 << 10))
    command = (*words, "--data", few, "--cache")
    sentence = sentence_of(*program(*command, small))
    assert sentence.startswith(f"cannot write {small}")
    assert sentence.endswith("no space is left on the disk; what was finished is kept.")
    (small / "other").unlink()
    assert mounted(small, "remount,size=64m")
    for cache in (small, tmp_path / "large"):
        code, _, said = program(*command, cache)
        assert code == 0, said
    assert commands.left(small) == commands.left(tmp_path / "large")
    tried("disk", "refused")


def test_an_export_that_does_not_fit(
    few: Path, small: Path, tmp_path: Path, fast: None, tried: Callable[..., None]
) -> None:
    """One sentence, and nothing of it is left; then it fits."""
    assert program(*EXTRACT, "--data", few, "--cache", tmp_path / "cache")[0] == 0
    command = ("cache", "export", "--quiet", "--format", "csv", "--cache", tmp_path / "cache", "--to", small / "out")
    sentence = sentence_of(*program(*command))
    assert "no space left on device" in sentence
    assert list(small.iterdir()) == []
    assert mounted(small, "remount,size=64m")
    code, _, said = program(*command)
    assert code == 0, said
    assert (small / "out" / "index.html").is_file()
    tried("disk", "refused")
