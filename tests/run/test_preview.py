"""`vitscope doctor --model M --data DIR`: what it says before a run is what the run then takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import constants

from tests.run import jobs
from vitscope import catalog
from vitscope.run import machine, preview
from vitscope.run.check import Check
from vitscope.run.extract import extract
from vitscope.run.request import Request
from vitscope.spec import Resources
from vitscope.store.verify import size

CPU = Resources(device="cpu", batch_size=32)
DEFAULT = tuple(name for name, entry in catalog.METRICS.items() if entry.default)


@pytest.fixture
def photographs(tmp_path) -> Path:
    return jobs.pictures(tmp_path / "photographs", 80)


def looked(folder: Path, cache: Path, **fields: Any) -> dict[str, Check]:
    """The last check of each name."""
    asked = Request(**{"model": "demo-mae", "data": folder, "metrics": DEFAULT, **fields})
    return {check.name: check for check in preview.preview(asked, CPU, cache)}


def test_a_run_takes_the_place_and_the_folder_that_were_said(photographs, tmp_path, monkeypatch):
    said: list[tuple[int, int]] = []
    of = preview._bytes
    monkeypatch.setattr(preview, "_bytes", lambda *given: said.append(of(*given)) or said[-1])
    cache = tmp_path / "cache"
    checks = looked(photographs, cache)
    assert {check.state for check in checks.values()} == {"ok"}
    assert not cache.exists()
    request = Request(model="demo-mae", data=photographs, metrics=DEFAULT)
    most = 0

    class Watching(preview.Quiet):
        def progress(self, done: int, total: int) -> None:
            nonlocal most
            most = max(most, size(cache)) if cache.exists() else most

    report = extract(request, CPU, cache, Watching())
    assert report.folder.name in checks["run"].found
    final, peak = said[0]
    assert final == pytest.approx(size(report.folder), rel=0.1)
    assert most <= peak
    assert "it goes on" in looked(photographs, cache)["run"].found


def test_a_disk_that_is_too_small_is_a_problem(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "free", lambda _: 1_000_000)
    check = looked(photographs, tmp_path / "cache", metrics=("attention",))["space"]
    assert (check.state, "1.0 MB are free" in check.found) == ("problem", True)


def test_weights_that_are_not_here_are_not_fetched(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    check = looked(photographs, tmp_path / "cache", model="mae")["weights"]
    assert check.state == "problem"
    assert not constants.HF_HUB_OFFLINE


def test_images_that_cannot_be_read(photographs, tmp_path):
    for path in sorted(photographs.iterdir())[:76]:
        path.write_bytes(b"no picture")
    check = looked(photographs, tmp_path / "cache", metrics=("distance",))["images"]
    assert check.state in {"note", "problem"}
    assert "cannot be read" in check.found
    assert looked(tmp_path / "none", tmp_path / "cache")["images"].state == "problem"


def test_memory_that_does_not_suffice(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr("vitscope.run.plan.free_memory", lambda _: 1000)
    check = looked(photographs, tmp_path / "cache")["run"]
    assert (check.state, "are free" in check.found) == ("problem", True)


def test_a_large_data_set_is_scaled_up_and_its_shards_wait():
    from vitscope.catalog import METRICS, load

    metrics = {name: load("metric", METRICS, name) for name in ("attention", "vectors", "grams", "gallery")}
    states = {
        "attention": {"total": np.zeros(1000, np.uint8)},
        "vectors": {"rows": np.zeros(3200, np.uint8)},
        "grams": {"all": np.zeros(320, np.uint8)},
        "gallery": {"attention": np.zeros(50, np.uint8)},
    }
    final, most = preview._bytes(states, metrics, 32, 1_000_000, 500, gallery=8)
    assert final == 1000 + 100 * 1_000_000 + 10 * 1_000_000 + 50
    assert most == final + 1000 * 2000 + 10 * 1_000_000 + 50
    larger, _ = preview._bytes(states, metrics, 32, 1_000_000, 500, gallery=320)
    assert larger == final + 9 * 50


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        (0, "about 1 min 15 s on one cuda: 10.0 ms an image, and 5.0 ms to decode it in the same process"),
        (1, "about 50.0 s on one cuda: 10.0 ms an image, and 5.0 ms to decode it in 1 process beside"),
    ],
)
def test_decoding_takes_time_of_its_own_only_in_the_process_with_the_model(workers, said):
    assert preview._time(0.010, 0.005, 5000, "cuda", workers).found == said
    assert "about 1 min 40 s" in preview._time(0.001, 0.040, 5000, "cuda", 2).found  # two that decode do not keep up


def test_the_workers_of_the_run_are_those_of_the_time(photographs, tmp_path):
    asked = Request(model="demo-mae", data=photographs, metrics=("distance",), gallery=0)
    for workers, said in ((None, "in the same process"), (3, "in 3 processes beside")):
        checks = preview.preview(asked, Resources(device="cpu", workers=workers), tmp_path / "cache")
        assert said in {check.name: check.found for check in checks}["time"]


@pytest.mark.parametrize("option", [["--data", "x"], ["--device", "cuda:3"], ["--limit", "3"]])
def test_options_of_a_run_want_a_model(option):
    from typer.testing import CliRunner

    from vitscope.cli import app

    done = CliRunner().invoke(app, ["doctor", *option])
    assert (done.exit_code, option[0] in done.output) == (2, True)


def test_a_model_that_does_not_fit_into_memory_is_a_problem(photographs, tmp_path, monkeypatch):
    def build(*_):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(preview.build, "load", build)
    check = looked(photographs, tmp_path / "cache")["weights"]
    assert (check.state, "too little memory" in check.found) == ("problem", True)
