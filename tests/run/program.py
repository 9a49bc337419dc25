"""The program as its tests use it: run here, and held to one sentence where it fails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from vitscope.cli import app


@dataclass(frozen=True)
class World:
    """A folder with pictures, a checkpoint, and a cache that holds a finished run of both."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "pictures"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "good.safetensors"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def files(self) -> dict[Path, tuple[int, int]]:
        """Identity and time of every file in the cache."""
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in self.cache.rglob("*") if path.is_file()}


def vitscope(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the program; a traceback fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def sentence_of(code: int, out: str, err: str) -> str:
    """What a failed command says, once it is sure that it says nothing else."""
    assert (code, out) == (1, ""), err
    assert "Traceback" not in err
    (line,) = err.splitlines()
    assert line.startswith("vitscope: ")
    assert line.isprintable()
    assert re.search(r"[a-z0-9…)][.?]$", line), line
    return line.removeprefix("vitscope: ")
