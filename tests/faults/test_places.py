"""Nowhere to be: no home, no folder for state or settings, no permission for them, a current folder that is gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import synthetic
from tests.faults.commands import program
from tests.run import jobs
from vitscope import config
from vitscope.tui import memory
from vitscope.tui.memory import Memory

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    synthetic.write(folder)
    return folder


def vitscope(
    *words: str | Path, cwd: Path | None = None, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own; None takes a variable out of its environment."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **{k: v for k, v in environment.items() if v is not None}}
    for name in [name for name, value in environment.items() if value is None]:
        variables.pop(name, None)
    command = [sys.executable, "-m", "vitscope", *map(str, words)]
    return subprocess.run(command, env=variables, cwd=cwd, capture_output=True, text=True, check=False)


LOOK = ("show", "distance", "--model", "synthetic", "--format", "csv")


@pytest.mark.parametrize("home", [None, "", "/nonexistent", "/dev/null"], ids=["unset", "empty", "missing", "a device"])
def test_no_home(cache: Path, tmp_path: Path, tried: Callable[..., None], home: str | None) -> None:
    nothing = {"HOME": home, "XDG_CONFIG_HOME": None, "XDG_STATE_HOME": None, "XDG_CACHE_HOME": None}
    there = {**nothing, "VITSCOPE_CONFIG": None, "VITSCOPE_STATE": None}
    done = vitscope(*LOOK, "--cache", cache, cwd=tmp_path, **there)
    assert (done.returncode, done.stderr) == (0, "")
    picture = vitscope("browse", "--screenshot", tmp_path / "page.txt", "--cache", cache, cwd=tmp_path, **there)
    assert (picture.returncode, "Traceback" in picture.stderr) == (0, False), picture.stderr
    assert "synthetic" in (tmp_path / "page.txt").read_text()
    tried("places", "right")


def test_the_current_folder_was_deleted(cache: Path, tmp_path: Path, tried: Callable[..., None]) -> None:
    """What is named in full works, what is not is a sentence."""
    gone = tmp_path / "gone"
    for words, code in (
        ((*LOOK, "--cache", str(cache)), 0),
        (("cache", "list"), None),
        (("show", "distance", "--model", "m", "--cache", "c"), 1),
    ):
        gone.mkdir()
        script = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m vitscope " + " ".join(words)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)}
        done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode in ({code} if code is not None else {0, 1}), done.stderr
        tried("places", "right" if done.returncode == 0 else "refused")


def test_state_and_settings_that_cannot_be_written(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    """The browser forgets where it was; `config` says why it keeps nothing."""
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("VITSCOPE_STATE", str(tmp_path / "file" / "state"))
    memory.remember(cache, Memory("synthetic"))
    assert memory.recall(cache) is None
    code, _, said = program("browse", "--screenshot", tmp_path / "page.txt", "--cache", cache, "--quiet")
    assert (code, said) == (0, "")
    tried("places", "right")
    monkeypatch.setenv("VITSCOPE_CONFIG", str(tmp_path / "file" / "config.toml"))
    code, out, said = program("config", "device", "cpu")
    assert (code, out) == (1, "")
    assert "settings" in said
    assert (tmp_path / "file").read_text() == "mine"
    tried("places", "refused")


BYTES = [b"", b"\0" * 40, b"\xff\xfe", b"[data\nimages = 1", b'{"version": 1, "caches": {"x": ' + b"[" * 5000]


@pytest.mark.parametrize("raw", BYTES, ids=["empty", "zeros", "no text", "cut short", "deep"])
def test_state_and_settings_that_are_damaged(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None], raw: bytes
) -> None:
    """State is passed over, since nobody misses it; settings are named, since somebody wrote them."""
    monkeypatch.setenv("VITSCOPE_STATE", str(tmp_path))
    (tmp_path / "browser.json").write_bytes(raw)
    assert memory.recall(cache) is None
    memory.remember(cache, Memory("synthetic"))
    assert memory.recall(cache) is not None
    tried("places", "right")
    monkeypatch.setenv("VITSCOPE_CONFIG", str(tmp_path / "config.toml"))
    config.path().write_bytes(raw)
    code, out, said = program("config")
    assert code == (0 if not raw else 1), (out, said)
    assert not raw or str(config.path()) in said
    tried("places", "refused" if raw else "right")


@pytest.mark.parametrize("kind", ["folder", "loop"])
def test_settings_that_are_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None], kind: str
) -> None:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("VITSCOPE_CONFIG", str(path))
    path.mkdir() if kind == "folder" else path.symlink_to(path)
    for words in (("config",), ("config", "device", "cpu")):
        code, _, said = program(*words)
        assert code == 1
        assert "config.toml" in said
        assert len(said.splitlines()) == 1
    tried("places", "refused")


def test_a_cache_on_another_file_system(few: Path, tmp_path: Path, tried: Callable[..., None]) -> None:
    """Nothing is renamed from one file system to another, wherever the folder for temporary files is."""
    other = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path.home()
    folder = other / f"vitscope-test-{os.getpid()}"
    if other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    try:
        given = ("--model", jobs.UNTRAINED, "--image-size", "64", "--metrics", "attention,vectors", "--data", few)
        code, _, said = program("extract", "--quiet", *given, "--cache", folder)
        assert code == 0, said
        jobs.check_tidy(jobs.only_run(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tried("places", "right")
