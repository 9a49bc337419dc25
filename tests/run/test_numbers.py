"""Extraction: what changes a number, and what does not."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import makers
from tests.run import jobs
from vitscope.data.pixels import crop
from vitscope.derive.average import average
from vitscope.run.request import Request
from vitscope.store.reader import Run


def test_workers_change_nothing(asked: Request, tmp_path: Path) -> None:
    """In processes of their own, since workers are forked."""
    for workers in (0, 2):
        log = tmp_path / f"{workers}.log"
        child = jobs.start(jobs.extraction, asked, tmp_path / str(workers), log, 0, True, workers)
        assert jobs.exit_code(child) == 0
    alone, helped = (jobs.only_run(tmp_path / str(workers)) for workers in (0, 2))
    assert jobs.contents(alone) == jobs.contents(helped)


def test_the_batch_size_changes_last_digits_only(asked: Request, everything: Run, tmp_path: Path) -> None:
    listener = jobs.Listener()
    run = jobs.measured(asked, tmp_path / "blocks", listener, batch_size=3)[1]
    assert run.facts["batch_size"] == 32
    assert any(said.startswith("batches of 32 images, not 3: a Gram matrix is of 32 images") for said in listener.told)
    assert jobs.contents(run) == jobs.contents(everything)
    metrics = tuple(name for name in asked.metrics if not name.endswith("grams"))
    run = jobs.measured(replace(asked, metrics=metrics), tmp_path / "any", batch_size=3)[1]
    assert run.facts["batch_size"] == 3
    jobs.assert_close(run, everything, 1e-5, ignored=jobs.arrays(everything).keys() - jobs.arrays(run).keys())


@pytest.mark.parametrize("queries", [1, 5, 16])
def test_chunks_of_queries_change_nothing(asked: Request, everything: Run, tmp_path: Path, queries: int) -> None:
    """A memory budget in which the attention of one image of one layer does not fit."""
    row = 4 * everything.geometry.heads * everything.geometry.tokens
    listener = jobs.Listener()
    run = jobs.measured(asked, tmp_path, listener, memory=3 * queries * row / (1 << 30))[1]
    assert any(f"(1 images × {queries} queries" in sentence for sentence in listener.told)
    jobs.assert_close(everything, run, 1e-6)


def test_class_folders_give_class_attention(photographs_in_classes: Path, tmp_path: Path) -> None:
    run = jobs.measured(jobs.request(photographs_in_classes), tmp_path)[1]
    assert run.classes == run.result("class-attention").coords["class"] == ["animal", "place", "thing"]
    assert run.result("class-attention").images == 7
    for index, name in enumerate(run.classes):
        alone = jobs.measured(jobs.request(photographs_in_classes / name), tmp_path)[1]
        expected = average("all", alone.array("attention"), None, run.geometry)
        np.testing.assert_allclose(run.array("class-attention")[index], expected, rtol=0, atol=1e-6)


def test_images_that_are_not_square(photographs: Path, tmp_path: Path) -> None:
    asked = jobs.request(photographs, model="random/vit_tiny_patch16_224", image_size=(224, 320), limit=2, gallery=1)
    run = jobs.measured(asked, tmp_path)[1]
    geometry = run.geometry
    assert (geometry.rows, geometry.columns, geometry.patch, geometry.tokens) == (14, 20, (16, 16), 281)
    assert run.array("gallery", "crop").shape == (1, 224, 320, 3)
    assert run.array("attention").shape == (12, 3, 281, 281)
    np.testing.assert_allclose(run.array("attention").sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(run.array("spatial-attention").sum(-1), 1, atol=1e-5)
    column, row = np.meshgrid(np.arange(20) / 19, np.arange(14) / 19)
    x, y = column.ravel(), row.ravel()
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    expected = (run.array("spatial-attention").astype(np.float64) * apart).sum(-1).mean(-1)
    np.testing.assert_allclose(run.array("distance"), expected, rtol=1e-5)


def test_a_model_without_cls(pictures: Path, tmp_path: Path) -> None:
    listener = jobs.Listener()
    run = jobs.measured(jobs.request(pictures, model="random/test_vit_relpos"), tmp_path, listener)[1]
    assert run.geometry.prefix == ()
    assert run.geometry.tokens == run.geometry.patches == 16
    assert "prefix-mass" not in run.results()
    assert any("does not apply" in sentence and "prefix-mass" in sentence for sentence in listener.told)
    np.testing.assert_allclose(run.array("attention"), run.array("spatial-attention"), rtol=0, atol=1e-6)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near(asked: Request, everything: Run, tmp_path: Path, precision: str) -> None:
    run = jobs.measured(replace(asked, precision=precision), tmp_path)[1]
    assert run.spec.precision == precision
    assert run.folder.name != everything.folder.name
    np.testing.assert_allclose(run.array("attention"), everything.array("attention"), rtol=0, atol=0.02)
    np.testing.assert_allclose(run.array("attention").sum(-1), 1, atol=1e-5)


def test_the_papers_protocol_does_not_turn_images(tmp_path: Path) -> None:
    folder, crops = tmp_path / "pictures", {}
    folder.mkdir()
    stored = makers.turned(folder / "turned.png", 3)
    for protocol in ("corrected", "paper"):
        run = jobs.measured(jobs.request(folder, protocol=protocol, gallery=1), tmp_path / "cache")[1]
        assert run.spec.protocol == protocol
        crops[protocol] = run.array("gallery", "crop")[0]
    size = (jobs.EDGE, jobs.EDGE)
    np.testing.assert_array_equal(crops["paper"], crop(Image.fromarray(stored), size))
    np.testing.assert_array_equal(crops["corrected"], crop(Image.fromarray(makers.quadrants()), size))


def test_one_image_has_no_spread(pictures: Path, tmp_path: Path) -> None:
    run = jobs.measured(jobs.request(pictures, limit=1), tmp_path)[1]
    assert np.isnan(run.array("distance", "std")).all()
    assert np.isfinite(run.array("distance")).all()


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 39},
        {"image_size": (64, 80)},
        {"protocol": "paper"},
        {"precision": "bf16"},
        {"model": "random/test_vit2"},
    ],
)
def test_what_changes_a_number_changes_the_run(
    pictures: Path, everything: Run, tmp_path: Path, change: dict[str, Any]
) -> None:
    run = jobs.measured(jobs.request(pictures, **{"metrics": ("distance",), **change}), tmp_path)[1]
    assert run.folder.name != everything.folder.name


def test_a_class_of_which_no_image_can_be_read_has_no_mean(photographs_in_classes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "classes"
    shutil.copytree(photographs_in_classes, folder)
    for path in (folder / "place").iterdir():
        path.write_bytes(b"")
    run = jobs.measured(jobs.request(folder, gallery=0), tmp_path / "cache")[1]
    means = run.array("class-attention")
    assert np.isnan(means[1]).all()
    assert np.isfinite(means[[0, 2]]).all()
    assert run.images == 5
    jobs.check_tidy(run)
