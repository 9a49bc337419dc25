"""Two at once: writers of the same run, a writer beside a reader, a cache that is deleted under either."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import numpy as np
import pytest

from tests import synthetic
from tests.faults.commands import program
from tests.run import jobs
from tests.run.program import sentence_of
from vitscope.errors import StoreError
from vitscope.run import measure, shards
from vitscope.store import process
from vitscope.store.lock import lock
from vitscope.store.process import Owner
from vitscope.store.reader import Cache
from vitscope.store.writer import RunWriter
from vitscope.tui import readers
from vitscope.tui.library import Failure, Item, Listing

GIVEN = ("extract", "--quiet", "--model", jobs.UNTRAINED, "--image-size", "64", "--gallery", "2")


def during(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something in the middle of an extraction, once, after its first shard."""
    run, done = measure.Pass.run, []

    def acting(self: measure.Pass, loaded: object) -> None:
        if loaded.shard == 1 and not done:  # type: ignore[attr-defined]
            done.append(act())
        run(self, loaded)  # type: ignore[arg-type]

    patch.setattr(measure.Pass, "run", acting)


@pytest.mark.parametrize("metrics", ["attention", "vectors"], ids=["the same metrics", "other metrics"])
def test_a_second_writer(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None], metrics: str
) -> None:
    """It says who is at work and stops; the first is not disturbed."""
    cache, said = tmp_path / "cache", []

    def second() -> None:
        monkeypatch.undo()
        said.append(sentence_of(*program(*GIVEN, "--metrics", metrics, "--data", few, "--cache", cache)))

    during(monkeypatch, second)
    assert program(*GIVEN, "--metrics", "attention", "--data", few, "--cache", cache)[0] == 0
    assert f"is being written by process {os.getpid()} on this host" in said[0]
    jobs.check_tidy(jobs.only_run(cache))
    tried("writers", "refused")


def test_writers_of_other_runs_in_the_same_cache(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    cache = tmp_path / "cache"

    def second() -> None:
        monkeypatch.undo()
        other = ("--metrics", "attention", "--image-size", "32")
        assert program(*GIVEN, *other, "--data", few, "--cache", cache)[0] == 0

    during(monkeypatch, second)
    assert program(*GIVEN, "--metrics", "attention", "--data", few, "--cache", cache)[0] == 0
    runs = Cache(cache).runs()
    assert len(runs) == 2
    for run in runs:
        jobs.check_tidy(run)
    tried("writers", "right")


def test_removing_what_is_being_written(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    cache, said = tmp_path / "cache", []
    during(
        monkeypatch,
        lambda: said.append(program("cache", "remove", "--yes", "--quiet", "test_vit", "--cache", cache)[0::2]),
    )
    assert program(*GIVEN, "--metrics", "attention", "--data", few, "--cache", cache)[0] == 0
    ((code, sentence),) = said
    assert code == 1
    assert "is being written by" in sentence
    jobs.check_tidy(jobs.only_run(cache))
    tried("writers", "refused")


@pytest.mark.parametrize("what", ["cache", "run", "shards", "run.json", "lock"])
def test_a_cache_deleted_under_an_extraction(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None], what: str
) -> None:
    """It ends well or says what is missing; the next start measures what is missing."""
    cache, other = tmp_path / "cache", tmp_path / "other"
    command = (*GIVEN, "--metrics", "attention,vectors,grams", "--data", few, "--cache")
    assert program(*command, other)[0] == 0

    def delete() -> None:
        (folder,) = cache.iterdir()
        path = {"cache": cache, "run": folder}.get(what, folder / what)
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    with monkeypatch.context() as patch:
        during(patch, delete)
        code, out, said = program(*command, cache)
    if code:
        sentence_of(code, out, said)
    code_again, _, said = program(*command, cache)
    assert code_again == 0, said
    assert jobs.contents(jobs.only_run(cache)) == jobs.contents(jobs.only_run(other))
    jobs.check_tidy(jobs.only_run(cache))
    tried("writers", "refused" if code else "right")


ITEMS = ("numbers", "offsets", "tags", "aligned", "maps", "picture", "info", "shapes")


def test_a_writer_while_the_browser_reads(tmp_path: Path, tried: Callable[..., None]) -> None:
    """Results disappear and come back in one step: what is read is whole, or said to be missing."""
    folder = synthetic.write(tmp_path)
    run = Cache(tmp_path).find("synthetic")
    before = {kind: readers.read(run, Item(kind, folder)) for kind in ITEMS}
    assert not any(isinstance(value, Failure) for value in before.values())
    kept = np.array(run.array("attention"))
    mapped = run.array("attention")
    writer = RunWriter(tmp_path, run.spec, {})
    with lock(folder):
        for metric in ("attention", "distance", "gallery"):
            writer.drop_result(metric, 1)
            values = {kind: readers.read(run, Item(kind, folder)) for kind in ITEMS}
            for kind, value in values.items():
                assert isinstance(value, Failure) or type(value) is type(before[kind])
            tried("writers", "right")
    assert np.array_equal(mapped, kept)  # what is on screen stays, though its file is gone


@pytest.mark.parametrize("when", ["listed", "opened"])
def test_a_cache_deleted_under_the_browser(tmp_path: Path, tried: Callable[..., None], when: str) -> None:
    folder = synthetic.write(tmp_path / "cache")
    run = Cache(tmp_path / "cache").find("synthetic")
    if when == "opened":
        assert not isinstance(readers.read(run, Item("maps", folder)), Failure)
    shutil.rmtree(tmp_path / "cache")
    for kind in ITEMS:
        value = readers.read(run, Item(kind, folder))
        assert isinstance(value, Failure) or kind in {"info", "numbers"}, (kind, value)
        assert "gone" in str(value) or "missing" in str(value) or kind == "info", (kind, value)
    again = readers.listing(tmp_path / "cache")
    assert isinstance(again, Listing)
    assert again.runs == ()
    tried("writers", "refused")


CLOCKS = {
    "back": timedelta(days=-400),
    "far ahead": timedelta(days=40 * 365),
    "before 1970": 2 * (datetime(1970, 1, 1) - datetime.now()),
}


@pytest.mark.parametrize("jump", CLOCKS)
def test_a_clock_that_jumps(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None], jump: str
) -> None:
    """In the middle of an extraction; between two of them; and in the times of all files."""
    cache, other = tmp_path / "cache", tmp_path / "other"
    command = (*GIVEN, "--metrics", "attention,vectors", "--data", few, "--cache")

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + CLOCKS[jump]

    assert program(*command, other)[0] == 0
    with monkeypatch.context() as patch:
        during(patch, lambda: [patch.setattr(module, "datetime", Jumped) for module in (shards, process)])
        assert program(*command, cache)[0] == 0
    run = jobs.only_run(cache)
    began, ended = (datetime.fromisoformat(run.facts[when]) for when in ("started", "finished"))
    assert abs(ended - began - CLOCKS[jump]) < timedelta(minutes=10)
    assert jobs.contents(run) == jobs.contents(jobs.only_run(other))
    tried("clocks", "right")
    when = max((datetime.now() + CLOCKS[jump]).timestamp(), -(2.0**31))
    for path in [*cache.rglob("*"), cache]:
        os.utime(path, (when, when))
    code, _, said = program(*command, cache)
    assert (code, said) == (0, "")
    for words in (
        ("cache", "verify", "--quiet"),
        ("cache", "list", "--quiet"),
        ("show", "attention", "--model", "test_vit"),
    ):
        code, _, said = program(*words, "--cache", cache)
        assert code == 0, said
    assert jobs.contents(jobs.only_run(cache)) == jobs.contents(jobs.only_run(other))
    tried("clocks", "right")


def test_a_lock_from_the_future(few: Path, tmp_path: Path, tried: Callable[..., None]) -> None:
    """Whether its process lives decides, and not when it says it began."""
    folder = tmp_path / "run"
    with lock(folder):
        with pytest.raises(StoreError, match="is being written by"), lock(folder):
            pass
        os.utime(folder / "lock", (2**33, 2**33))
        with pytest.raises(StoreError, match="is being written by"), lock(folder):
            pass
    assert Owner.me().since
    tried("clocks", "refused")
