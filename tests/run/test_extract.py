"""Extraction: what is measured when, what is used again, and what is skipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.run import jobs
from vitscope.data.pixels import crop, decode
from vitscope.errors import DataError
from vitscope.run.order import places
from vitscope.run.request import Request
from vitscope.store.reader import Run
from vitscope.store.verify import verify


def test_a_metric_added_later_reuses_the_run(asked: Request, everything: Run, tmp_path: Path) -> None:
    first = jobs.measured(replace(asked, metrics=("attention", "distance")), tmp_path)[1]
    before = jobs.files_of(first, "attention", "distance")
    report, run = jobs.measured(asked, tmp_path)
    assert report.folder == first.folder
    assert set(report.reused) == {"attention", "distance"}
    assert not set(report.measured) & set(report.reused)
    assert jobs.files_of(run, "attention", "distance") == before
    assert jobs.contents(run) == jobs.contents(everything)
    assert [done["metrics"] for done in run.facts["passes"]] == [["attention", "distance"], report.measured]
    jobs.check_tidy(run)


def test_what_is_measured_is_not_measured_again(asked: Request, tmp_path: Path) -> None:
    run = jobs.measured(asked, tmp_path)[1]
    before = jobs.files_of(run, *run.results())
    listener = jobs.Listener()
    report, run = jobs.measured(replace(asked, metrics=jobs.BY_DEFAULT), tmp_path, listener)
    assert report.measured == []
    assert (report.images, report.used, report.skipped) == (jobs.COUNT, jobs.COUNT, [])
    assert listener.done == []
    assert jobs.files_of(run, *run.results()) == before


def test_a_larger_gallery_measures_the_gallery_alone(asked: Request, tmp_path: Path) -> None:
    small = jobs.measured(replace(asked, gallery=2), tmp_path)[1]
    before = jobs.files_of(small, "attention", "distance")
    kept = small.array("gallery", "attention").copy()
    listener = jobs.Listener()
    report, run = jobs.measured(replace(asked, gallery=40), tmp_path, listener)
    assert report.measured == ["gallery"]
    assert jobs.files_of(run, "attention", "distance") == before
    assert listener.done[-1] == (64, 64)  # the two shards that hold the first forty of the shuffled order
    gallery, order = run.result("gallery"), places("shuffled, seed 0", jobs.COUNT)
    assert gallery.images == 40
    assert gallery.coords["image"] == [f"{place:03d}.png" for place in sorted(order[:40])]
    assert gallery.array("place").tolist() == sorted(order[:40])
    before = np.searchsorted(gallery.array("place"), sorted(order[:2]))
    np.testing.assert_array_equal(gallery.array("attention")[before], kept)
    for index in (0, 19, 39):
        image = crop(decode(asked.data / gallery.coords["image"][index]), (jobs.EDGE, jobs.EDGE))
        np.testing.assert_array_equal(gallery.array("crop")[index], image)
    assert run.images == jobs.COUNT
    report, run = jobs.measured(replace(asked, gallery=3), tmp_path)
    assert report.measured == []
    assert run.result("gallery").images == 40
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
    jobs.measured(replace(asked, gallery=20, metrics=("gallery", "distance")), tmp_path, batch_size=3)
    report, run = jobs.measured(replace(asked, restart=True), tmp_path)
    assert report.reused == []
    assert len(run.facts["passes"]) == 1
    assert jobs.contents(run) == jobs.contents(everything)
    run = jobs.measured(replace(asked, metrics=("entropy",), restart=True), tmp_path)[1]
    assert list(run.results()) == ["entropy"]


def test_unreadable_files_are_skipped_and_counted(pictures: Path, checkpoint: Path, tmp_path: Path) -> None:
    """Among them the first of the gallery, and a whole shard. All numbers are as if they were not there."""
    broken, good = tmp_path / "broken", tmp_path / "good"
    order = places("shuffled, seed 0", jobs.COUNT)
    bad = sorted([order[0], *order[32:64], order[79]])
    for folder in (broken, good):
        folder.mkdir()
        for index in range(jobs.COUNT):
            content = (pictures / f"{index:03d}.png").read_bytes()
            if index not in bad:
                (folder / f"{index:03d}.png").write_bytes(content)
            elif folder == broken:
                (folder / f"{index:03d}.png").write_bytes(content[:60])
    report, run = jobs.measured(jobs.request(broken, checkpoint=checkpoint), tmp_path / "cache")
    names, kept = [f"{index:03d}.png" for index in bad], sorted(order[1:8])
    assert (report.images, report.used) == (jobs.COUNT, jobs.COUNT - len(bad))
    assert [skipped["file"] for skipped in report.skipped] == names
    assert run.facts["skipped"] == report.skipped
    assert {skipped["reason"] for skipped in report.skipped} == {"the file is cut short"}
    assert run.images == run.result("distance").images == run.result("attention").images == jobs.COUNT - len(bad)
    assert run.result("gallery").coords["image"] == [f"{index:03d}.png" for index in kept]
    other = jobs.measured(jobs.request(good, checkpoint=checkpoint, gallery=46), tmp_path / "cache")[1]
    jobs.assert_close(run, other, 2e-6, ignored=jobs.OF_SINGLE_IMAGES)
    names, crops = (other.result("gallery").coords["image"], other.array("gallery", "crop"))
    for name, image in zip(run.result("gallery").coords["image"], run.array("gallery", "crop"), strict=True):
        np.testing.assert_array_equal(image, crops[names.index(name)])
    jobs.check_tidy(run)


def test_a_gallery_whose_images_are_all_unreadable_is_empty(tmp_path: Path) -> None:
    folder = jobs.pictures(tmp_path / "pictures", 6)
    for index in places("shuffled, seed 0", 6)[:2]:
        (folder / f"{index:03d}.png").write_bytes(b"nothing")
    run = jobs.measured(jobs.request(folder, gallery=2), tmp_path / "cache")[1]
    assert run.result("gallery").images == 0
    assert run.result("gallery").coords["image"] == []
    assert run.result("entropy").images == run.result("vectors").images == run.result("grams").images == 4
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


def test_a_resumed_run_keeps_its_batch_size(asked: Request, tmp_path: Path) -> None:
    asked = replace(asked, metrics=tuple(name for name in asked.metrics if not name.endswith("grams")))
    whole = jobs.measured(asked, tmp_path / "whole", batch_size=5)[1]
    with pytest.raises(jobs.Stop):
        jobs.measured(asked, tmp_path / "stopped", jobs.StopAfter(40), batch_size=5)
    listener = jobs.Listener()
    run = jobs.measured(asked, tmp_path / "stopped", listener)[1]
    assert "going on: 1 of 3 shards were finished before" in listener.told
    assert (listener.done[0], listener.done[-1]) == ((32, jobs.COUNT), (jobs.COUNT, jobs.COUNT))
    assert jobs.contents(run) == jobs.contents(whole)


def test_a_damaged_shard_is_measured_again(asked: Request, everything: Run, tmp_path: Path) -> None:
    with pytest.raises(jobs.Stop):
        jobs.measured(asked, tmp_path, jobs.StopAfter(64))
    (state,) = tmp_path.glob("*/shards/00001-distance@1.safetensors")
    change_a_byte(state)
    run = jobs.measured(asked, tmp_path)[1]
    assert jobs.contents(run) == jobs.contents(everything)


def test_damaged_vectors_of_a_shard_are_measured_again(asked: Request, everything: Run, tmp_path: Path) -> None:
    """Without attention they come out of the fused kernel, whose last digits differ."""
    with pytest.raises(jobs.Stop):
        jobs.measured(asked, tmp_path, jobs.StopAfter(64))
    (rows,) = tmp_path.glob("*/vectors@1/rows-00000.npy")
    change_a_byte(rows)
    assert [str(rows) in problem for problem in verify(rows.parents[1])] == [True]
    run = jobs.measured(asked, tmp_path)[1]
    jobs.assert_close(run, everything, 1e-6)
    jobs.check_tidy(run)


def test_damaged_vectors_of_a_finished_run_are_measured_again(asked: Request, everything: Run, tmp_path: Path) -> None:
    """A file that is as long as it should be is left to `cache verify`."""
    run = jobs.measured(asked, tmp_path)[1]
    (run.folder / "vectors@1" / "rows-00001.npy").write_bytes(b"short")
    report, run = jobs.measured(asked, tmp_path)
    assert report.measured == ["vectors"]
    jobs.assert_close(run, everything, 1e-6)
    jobs.check_tidy(run)


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def test_what_one_start_left_unfinished_survives_another_start_for_one_metric(asked, everything, tmp_path):
    with pytest.raises(jobs.Stop):
        jobs.measured(asked, tmp_path, jobs.StopAfter(64))
    one = replace(asked, metrics=("distance",))
    jobs.measured(one, tmp_path)
    last = jobs.Listener()
    run = jobs.measured(asked, tmp_path, last)[1]
    assert any("2 of 3 shards were finished before" in sentence for sentence in last.told)
    assert not (run.folder / "shards").exists()
    expected = jobs.arrays(everything)
    for name, values in jobs.arrays(run).items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def test_the_gallery_alone(asked: Request, tmp_path: Path) -> None:
    """Then the other metrics: images that were not looked at for the gallery are."""
    report, run = jobs.measured(replace(asked, metrics=("gallery",), gallery=2), tmp_path)
    assert (report.used, run.images) == (32, 32)  # one shard
    report, run = jobs.measured(replace(asked, metrics=("entropy", "gallery"), gallery=2), tmp_path)
    assert report.measured == ["entropy"]
    assert (report.used, run.images, run.result("entropy").images) == (jobs.COUNT, jobs.COUNT, jobs.COUNT)
    jobs.check_tidy(run)


def test_another_command_between_a_stop_and_the_next_start(asked: Request, everything: Run, tmp_path: Path) -> None:
    """Fewer metrics, a larger gallery: neither loses what was finished, nor is it taken for something else."""
    with pytest.raises(jobs.Stop):
        jobs.measured(asked, tmp_path, jobs.StopAfter(64))
    finished = jobs.committed(tmp_path)
    assert finished.keys() == {0, 1}
    jobs.measured(replace(asked, metrics=("entropy",), gallery=40), tmp_path)
    listener = jobs.Listener()
    run = jobs.measured(replace(asked, gallery=40), tmp_path, listener)[1]
    assert run.result("gallery").images == 40
    left, right = jobs.arrays(run), jobs.arrays(everything)
    for name in left.keys() - {"gallery/attention", "gallery/crop", "gallery/place"}:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
    same = np.searchsorted(left["gallery/place"], right["gallery/place"])
    np.testing.assert_array_equal(left["gallery/attention"][same], right["gallery/attention"])
    jobs.check_tidy(run)
