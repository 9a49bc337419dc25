"""What takes time never runs on the thread that draws: above all CKA of any pair of models."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import synthetic
from tests.tui.test_app import page, press, started
from vitscope.tui import readers, similarity

MODELS = ("fs", "clip", "mae", "beit")
WALK = ("enter", "L", "O", "enter", "i", "D", "A", "=", "C", "A", "B", "v", "v", "X")


@pytest.fixture(scope="module")
def several(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    for seed, model in enumerate(MODELS):
        synthetic.write(folder, model=model, layers=3, heads=2, images=8, block=4, gallery=1, seed=seed)
    return folder


def noted(threads: list[int], function: Callable[..., object]) -> Callable[..., object]:
    """The function, which notes the thread that it is called in."""

    def note(*words: object) -> object:
        threads.append(threading.get_ident())
        return function(*words)

    return note


async def test_cka_of_any_pair_is_computed_off_the_thread_that_draws(several, monkeypatch):
    threads: list[int] = []
    monkeypatch.setattr(similarity, "cka", noted(threads, similarity.cka))
    pairs = set()
    async with started(several, "fs/1/1@cka") as pilot:
        for row in MODELS:
            await press(pilot, ":", *f"goto {row}/1/1@cka", "enter")
            for _ in MODELS:
                await press(pilot, "m")
                pairs.add((pilot.app.state.run, pilot.app.state.features.other))
                assert "not measured" not in page(pilot)
        await press(pilot, "A")
        assert "last layers" in page(pilot)
    assert len(pairs) == len(MODELS) ** 2
    assert len(threads) >= len(MODELS) * (len(MODELS) - 1) // 2
    assert threading.get_ident() not in threads


async def test_nothing_is_read_on_the_thread_that_draws(several, monkeypatch):
    threads: list[int] = []
    for kind, read in list(readers._READERS.items()):
        monkeypatch.setitem(readers._READERS, kind, noted(threads, read))
    async with started(several) as pilot:
        await press(pilot, *WALK)
    assert len(threads) > len(WALK)
    assert threading.get_ident() not in threads
