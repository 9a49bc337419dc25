"""Extraction: what is measured when, and what changes a number and what does not."""

from __future__ import annotations

import shutil
from collections.abc import Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import makers
from tests.run import jobs
from vitscope.data.pixels import crop, decode
from vitscope.derive.average import average
from vitscope.errors import DataError
from vitscope.run.request import Request
from vitscope.store.reader import Run

COUNT = 40  # three shards


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jobs.pictures(tmp_path_factory.mktemp("pictures"), COUNT)


@pytest.fixture
def asked(pictures: Path, checkpoint: Path) -> Request:
    """All metrics of a model whose heads differ, over `pictures`."""
    return jobs.request(pictures, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def everything(pictures: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What `asked` asks for, measured at once."""
    return jobs.measured(jobs.request(pictures, checkpoint=checkpoint), tmp_path_factory.mktemp("cache"))[1]


class Stop(Exception):
    """Ends an extraction in the middle."""


class StopAfter(jobs.Listener):
    """Ends an extraction as soon as so many images are done."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images = images

    def progress(self, done: int, total: int) -> None:
        if done >= self.images:
            raise Stop


def files_of(run: Run, *metrics: str) -> dict[str, tuple[int, int, int]]:
    """Identity and time of the files of some metrics."""
    paths = [path for metric in metrics for path in run.folder.glob(f"{metric}@*/*")]
    assert paths
    return {str(path): ((s := path.stat()).st_ino, s.st_mtime_ns, s.st_size) for path in paths}


def arrays(run: Run) -> dict[str, np.ndarray]:
    """Every array of a run."""
    results = run.results().items()
    return {f"{metric}/{name}": result.array(name) for metric, result in results for name in result.arrays}


def assert_close(run: Run, other: Run, tolerance: float, ignored: Set[str] = frozenset()) -> None:
    """Every array equal to within `tolerance`, relative to its largest number; a spread, to that of its mean.

    What is kept in float16 may be rounded to the neighbouring number.
    """
    left, right = arrays(run), arrays(other)
    assert left.keys() == right.keys()
    for name in left.keys() - ignored:
        step = 2**-10 if left[name].dtype == np.float16 else 0
        values, others = (each[name].astype(np.float64) for each in (left, right))
        scale = np.abs(left[name.replace("/std", "/mean")]).max()
        np.testing.assert_allclose(values, others, rtol=step, atol=tolerance * scale, err_msg=name)


def test_a_metric_added_later_reuses_the_run(asked: Request, everything: Run, tmp_path: Path) -> None:
    first = jobs.measured(replace(asked, metrics=("attention", "distance")), tmp_path)[1]
    before = files_of(first, "attention", "distance")
    report, run = jobs.measured(asked, tmp_path)
    assert report.folder == first.folder
    assert set(report.reused) == {"attention", "distance"}
    assert not set(report.measured) & set(report.reused)
    assert files_of(run, "attention", "distance") == before
    assert jobs.contents(run) == jobs.contents(everything)
    assert [done["metrics"] for done in run.facts["passes"]] == [["attention", "distance"], report.measured]
    jobs.check_tidy(run)


def test_what_is_measured_is_not_measured_again(asked: Request, tmp_path: Path) -> None:
    run = jobs.measured(asked, tmp_path)[1]
    before = files_of(run, *run.results())
    listener = jobs.Listener()
    report, run = jobs.measured(replace(asked, metrics=jobs.BY_DEFAULT), tmp_path, listener)
    assert report.measured == []
    assert (report.images, report.used, report.skipped) == (COUNT, COUNT, [])
    assert listener.done == []
    assert files_of(run, *run.results()) == before


def test_a_larger_gallery_measures_the_gallery_alone(asked: Request, tmp_path: Path) -> None:
    small = jobs.measured(replace(asked, gallery=2), tmp_path)[1]
    before = files_of(small, "attention", "distance")
    kept = small.array("gallery", "attention").copy()
    listener = jobs.Listener()
    report, run = jobs.measured(replace(asked, gallery=20), tmp_path, listener)
    assert report.measured == ["gallery"]
    assert files_of(run, "attention", "distance") == before
    assert listener.done[-1] == (32, 32)  # the two shards that hold the first twenty
    gallery = run.result("gallery")
    assert gallery.images == 20
    assert gallery.coords["image"] == [f"{index:03d}.png" for index in range(20)]
    np.testing.assert_array_equal(gallery.array("attention")[:2], kept)
    for index in (0, 19):
        image = crop(decode(asked.data / f"{index:03d}.png"), (jobs.EDGE, jobs.EDGE))
        np.testing.assert_array_equal(gallery.array("crop")[index], image)
    assert run.images == COUNT
    report, run = jobs.measured(replace(asked, gallery=3), tmp_path)
    assert report.measured == []
    assert run.result("gallery").images == 20
    jobs.check_tidy(run)


def test_a_gallery_of_more_images_than_there_are_or_of_none(pictures: Path, tmp_path: Path) -> None:
    asked = {"limit": 3, "metrics": jobs.BY_DEFAULT}
    run = jobs.measured(jobs.request(pictures, gallery=8, **asked), tmp_path / "all")[1]
    assert run.result("gallery").images == 3
    run = jobs.measured(jobs.request(pictures, gallery=0, **asked), tmp_path / "none")[1]
    assert "gallery" not in run.results()
    report, run = jobs.measured(jobs.request(pictures, gallery=1, **asked), tmp_path / "none")
    assert report.measured == ["gallery"]


def test_restart_forgets_what_was_measured(asked: Request, everything: Run, tmp_path: Path) -> None:
    jobs.measured(replace(asked, gallery=20), tmp_path, batch_size=3)
    report, run = jobs.measured(replace(asked, restart=True), tmp_path)
    assert report.reused == []
    assert len(run.facts["passes"]) == 1
    assert jobs.contents(run) == jobs.contents(everything)
    run = jobs.measured(replace(asked, metrics=("entropy",), restart=True), tmp_path)[1]
    assert list(run.results()) == ["entropy"]


def test_unreadable_files_are_skipped_and_counted(pictures: Path, checkpoint: Path, tmp_path: Path) -> None:
    """Among them the first of the gallery, and a whole shard."""
    broken, good = tmp_path / "broken", tmp_path / "good"
    bad = [0, *range(16, 32), 39]
    for folder in (broken, good):
        folder.mkdir()
        for index in range(COUNT):
            content = (pictures / f"{index:03d}.png").read_bytes()
            if index not in bad:
                (folder / f"{index:03d}.png").write_bytes(content)
            elif folder == broken:
                (folder / f"{index:03d}.png").write_bytes(content[:60])
    report, run = jobs.measured(jobs.request(broken, checkpoint=checkpoint), tmp_path / "cache")
    names = [f"{index:03d}.png" for index in bad]
    assert (report.images, report.used) == (COUNT, COUNT - len(bad))
    assert [skipped["file"] for skipped in report.skipped] == names
    assert run.facts["skipped"] == report.skipped
    assert {skipped["reason"] for skipped in report.skipped} == {"the file is cut short"}
    assert run.images == run.result("distance").images == run.result("attention").images == COUNT - len(bad)
    assert run.result("gallery").coords["image"] == [f"{index:03d}.png" for index in range(1, 8)]
    other = jobs.measured(jobs.request(good, checkpoint=checkpoint, gallery=7), tmp_path / "cache")[1]
    assert_close(run, other, 2e-6, ignored={"gallery/place"})
    jobs.check_tidy(run)


def test_a_gallery_whose_images_are_all_unreadable_is_empty(tmp_path: Path) -> None:
    folder = jobs.pictures(tmp_path / "pictures", 6)
    for index in range(2):
        (folder / f"{index:03d}.png").write_bytes(b"nothing")
    run = jobs.measured(jobs.request(folder, gallery=2), tmp_path / "cache")[1]
    assert run.result("gallery").images == 0
    assert run.result("gallery").coords["image"] == []
    assert run.result("entropy").images == 4
    jobs.check_tidy(run)


def test_images_of_which_none_can_be_read(tmp_path: Path) -> None:
    """And once they can, without their size having changed, the same command works."""
    folder, cache = jobs.pictures(tmp_path / "pictures", 3), tmp_path / "cache"
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    for path, content in whole.items():
        path.write_bytes(bytes(len(content)))
    with pytest.raises(DataError, match=r"none of the 3 images in .* could be read; the first: 000\.png: no image"):
        jobs.measured(jobs.request(folder), cache)
    for path, content in whole.items():
        path.write_bytes(content)
    report, run = jobs.measured(jobs.request(folder), cache)
    assert report.used == 3
    jobs.check_tidy(run)


def test_workers_change_nothing(asked: Request, tmp_path: Path) -> None:
    """In processes of their own, since workers are forked."""
    for workers in (0, 2):
        log = tmp_path / f"{workers}.log"
        child = jobs.start(jobs.extraction, asked, tmp_path / str(workers), log, 0, True, workers)
        assert jobs.exit_code(child) == 0
    alone, helped = (jobs.only_run(tmp_path / str(workers)) for workers in (0, 2))
    assert jobs.contents(alone) == jobs.contents(helped)


def test_the_batch_size_changes_last_digits_only(asked: Request, everything: Run, tmp_path: Path) -> None:
    run = jobs.measured(asked, tmp_path, batch_size=3)[1]
    assert run.facts["batch_size"] == 3
    assert_close(everything, run, 1e-5)


def test_a_resumed_run_keeps_its_batch_size(asked: Request, tmp_path: Path) -> None:
    whole = jobs.measured(asked, tmp_path / "whole", batch_size=5)[1]
    with pytest.raises(Stop):
        jobs.measured(asked, tmp_path / "stopped", StopAfter(20), batch_size=5)
    listener = jobs.Listener()
    run = jobs.measured(asked, tmp_path / "stopped", listener)[1]
    assert "going on: 1 of 3 shards were finished before" in listener.told
    assert (listener.done[0], listener.done[-1]) == ((16, COUNT), (COUNT, COUNT))
    assert jobs.contents(run) == jobs.contents(whole)


def test_a_damaged_shard_is_measured_again(asked: Request, everything: Run, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        jobs.measured(asked, tmp_path, StopAfter(32))
    (state,) = tmp_path.glob("*/shards/00001-distance@1.safetensors")
    content = bytearray(state.read_bytes())
    content[-3] ^= 1
    state.write_bytes(content)
    run = jobs.measured(asked, tmp_path)[1]
    assert jobs.contents(run) == jobs.contents(everything)


@pytest.mark.parametrize("queries", [1, 5, 16])
def test_chunks_of_queries_change_nothing(asked: Request, everything: Run, tmp_path: Path, queries: int) -> None:
    """A memory budget in which the attention of one image of one layer does not fit."""
    row = 4 * everything.geometry.heads * everything.geometry.tokens
    listener = jobs.Listener()
    run = jobs.measured(asked, tmp_path, listener, memory=3 * queries * row / (1 << 30))[1]
    assert any(f"(1 images × {queries} queries" in sentence for sentence in listener.told)
    assert_close(everything, run, 1e-6)


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


def test_what_one_start_left_unfinished_survives_another_start_for_one_metric(asked, everything, tmp_path):
    with pytest.raises(Stop):
        jobs.measured(asked, tmp_path, StopAfter(32))
    one = replace(asked, metrics=("distance",))
    jobs.measured(one, tmp_path)
    last = jobs.Listener()
    run = jobs.measured(asked, tmp_path, last)[1]
    assert any("2 of 3 shards were finished before" in sentence for sentence in last.told)
    assert not (run.folder / "shards").exists()
    expected = arrays(everything)
    for name, values in arrays(run).items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


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


def test_the_gallery_alone(asked: Request, tmp_path: Path) -> None:
    """Then the other metrics: images that were not looked at for the gallery are."""
    report, run = jobs.measured(replace(asked, metrics=("gallery",), gallery=2), tmp_path)
    assert (report.used, run.images) == (16, 16)  # one shard
    report, run = jobs.measured(replace(asked, metrics=("entropy", "gallery"), gallery=2), tmp_path)
    assert report.measured == ["entropy"]
    assert (report.used, run.images, run.result("entropy").images) == (COUNT, COUNT, COUNT)
    jobs.check_tidy(run)


def test_another_command_between_a_stop_and_the_next_start(asked: Request, everything: Run, tmp_path: Path) -> None:
    """Fewer metrics, a larger gallery: neither loses what was finished, nor is it taken for something else."""
    with pytest.raises(Stop):
        jobs.measured(asked, tmp_path, StopAfter(32))
    finished = jobs.committed(tmp_path)
    assert finished.keys() == {0, 1}
    jobs.measured(replace(asked, metrics=("entropy",), gallery=20), tmp_path)
    listener = jobs.Listener()
    run = jobs.measured(replace(asked, gallery=20), tmp_path, listener)[1]
    assert run.result("gallery").images == 20
    left, right = arrays(run), arrays(everything)
    for name in left.keys() - {"gallery/attention", "gallery/crop", "gallery/place"}:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
    np.testing.assert_array_equal(left["gallery/attention"][:8], right["gallery/attention"])
    jobs.check_tidy(run)
