"""A small cache, and a walker that presses keys and reads what pages need without a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import synthetic
from tests.tui.walker import Walker


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """Two runs: "small" with everything, newest; "bare" without CLS, gallery and most numbers, on a grid of 3 × 5."""
    folder = tmp_path_factory.mktemp("cache")
    synthetic.write(folder, layers=3, heads=4, grid=(4, 4), model="small", gallery=3, images=3)
    synthetic.write(
        folder, layers=2, heads=2, grid=(3, 5), prefix=(), gallery=0, model="bare", classes=(), images=3,
        metrics=("attention", "distance"), started="2025-01-02T03:04:05+00:00",
    )  # fmt: skip
    return folder


@pytest.fixture
def walker(cache) -> Walker:
    """Somebody in front of the page of runs."""
    return Walker(cache)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch, tmp_path_factory):
    """No colours, themes or places of whoever runs the tests."""
    monkeypatch.setenv("VITSCOPE_STATE", str(tmp_path_factory.mktemp("state")))
    for name in [name for name in os.environ if name.startswith(("VITSCOPE_COLORS", "VITSCOPE_THEME", "TEXTUAL"))]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "COLORTERM", "COLORFGBG", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
