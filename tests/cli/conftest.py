"""A way to run the program inside the test, and a cache to run it on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import synthetic
from vitscope.cli import main

SAID_BY_THE_ENVIRONMENT = (
    "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "COLORTERM", "HF_HUB_OFFLINE",
    "VITSCOPE_CACHE", "VITSCOPE_DATA_IMAGES", "VITSCOPE_DEVICE", "VITSCOPE_PRECISION",
)  # fmt: skip


@dataclass(frozen=True)
class Done:
    """What a command left behind: exit code, stdout as bytes, stderr as text."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()


Vitscope = Callable[..., Done]


@pytest.fixture
def vitscope(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Vitscope:
    """`vitscope("show", "heads", …)` runs main() in this process, in an empty folder, with settings of its own."""
    for name in SAID_BY_THE_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("VITSCOPE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))  # never the cache of whoever runs the tests

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["vitscope", *map(str, arguments)])
        capsysbinary.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsysbinary.readouterr()
        return Done(int(stop.value.code or 0), out, err.decode())

    return run


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of `synthetic` (3 layers × 4 heads, CLS, classes, gallery), `wide` (2 × 3, no prefix) and `registers`.

    Do not write in it.
    """
    folder = tmp_path_factory.mktemp("cache")
    synthetic.write(folder)
    synthetic.write(folder, layers=2, heads=3, grid=(3, 5), prefix=(), classes=(), gallery=0, model="wide")
    synthetic.write(
        folder,
        layers=2,
        heads=2,
        prefix=("cls", "reg1", "reg2"),
        model="timm/registers",
        metrics=["attention", "gallery"],
    )
    return folder


def one_sentence(done: Done) -> str:
    """The sentence of a failure: one line on stderr, nothing on stdout, no traceback, exit code 1."""
    assert done.code == 1, done
    assert done.raw == b""
    assert "Traceback" not in done.err
    lines = done.err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("vitscope: ")
    return lines[0]
