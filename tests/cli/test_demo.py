"""`vitscope demo`: everything at once, offline, and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import synthetic
from tests.cli.conftest import one_sentence
from vitscope import catalog
from vitscope.demo import tour
from vitscope.demo.world import imagenet
from vitscope.store.reader import Cache, Run

KINDS = 24


@pytest.fixture(autouse=True)
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """One validation image of every kind, and no network whatever happens."""
    monkeypatch.setattr(imagenet, "TRAIN_PER_CLASS", 1)
    monkeypatch.setattr(imagenet, "VAL_PER_CLASS", 1)
    monkeypatch.setattr(imagenet, "COUNT", 2 * KINDS)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(tour, "SUBSETS", {task: tour.SUBSETS[task] for task in ("knn", "clusters")})


def runs(cache: Path) -> dict[str, str]:
    """Model → when its last metric was finished."""
    return {run.model: run.facts["finished"] for run in extractions(cache)}


def extractions(cache: Path) -> list[Run]:
    """The extractions that no task asked for."""
    return [run for run in Cache(cache).runs() if not run.spec.task and not run.only_vectors]


def test_six_models_are_measured_and_kept(vitscope, tmp_path):
    cache = tmp_path / "cache"
    first = vitscope("demo", "--no-browse", "--cache", cache)
    assert first.code == 0, first.err
    assert set(runs(cache)) == set(catalog.GROUPS["demo"])
    assert {(run.model, run.spec.task) for run in Cache(cache).runs() if run.spec.task} == {
        (model, task) for model in catalog.GROUPS["demo"] for task in tour.SUBSETS
    }
    assert "Best layer of every model in every task" in first.out
    assert "knn (3 images a class), clusters (15 images a class)" in first.err
    for run in extractions(cache):
        assert run.complete
        assert run.images == KINDS
        assert run.dataset == "imagenet-val"
    for name in catalog.GROUPS["demo"]:
        assert name in first.out
    assert "vitscope browse" in first.err
    before = runs(cache)
    again = vitscope("demo", "--no-browse", "--cache", cache)
    assert again.code == 0
    assert again.out == first.out
    assert runs(cache) == before


def test_without_data_the_images_are_those_of_the_world(vitscope, tmp_path):
    done = vitscope("extract", "--model", "demo-mae", "--metrics", "distance", "--cache", tmp_path / "cache")
    assert done.code == 0, done.err
    assert "embedded world" in done.err
    (run,) = Cache(tmp_path / "cache").runs()
    assert (run.model, run.images) == ("demo-mae", KINDS)


def test_a_half_drawn_world_is_drawn_again(vitscope, tmp_path):
    half = tmp_path / "cache" / ".world-imagenet" / "imagenet" / "val"
    half.mkdir(parents=True)
    (half / "half.JPEG").write_bytes(b"")
    done = vitscope("extract", "--model", "random/demo-fs", "--metrics", "entropy", "--cache", tmp_path / "cache")
    assert done.code == 0, done.err
    assert next(iter(Cache(tmp_path / "cache").runs())).images == KINDS
    assert not (tmp_path / "cache" / ".world-imagenet").exists()


def test_the_world_can_be_written_for_inspection(vitscope, tmp_path, monkeypatch):
    from vitscope.demo import world

    monkeypatch.setattr(world, "WRITERS", {"imagenet": imagenet})
    done = vitscope("demo", "--write", tmp_path / "world")
    assert done.code == 0, done.err
    assert len(list((tmp_path / "world" / "imagenet" / "val").glob("*/*.JPEG"))) == KINDS


def test_a_world_that_cannot_be_written_is_a_sentence(vitscope, tmp_path):
    (tmp_path / "file").touch()
    assert "a part of the path is a file" in one_sentence(vitscope("demo", "--write", tmp_path / "file"))


def test_the_summary_is_of_the_world_whatever_else_was_measured(vitscope, tmp_path):
    first = vitscope("demo", "--no-browse", "--cache", tmp_path / "cache")
    synthetic.write(tmp_path / "cache", model="demo-mae", dataset="photos", started="2099-01-01T00:00:00+00:00")
    assert vitscope("demo", "--no-browse", "--cache", tmp_path / "cache").out == first.out
