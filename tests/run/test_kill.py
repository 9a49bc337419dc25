"""Killed extractions: whatever the moment, the next start goes on, and the end is the same to the last bit."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.run import jobs
from vitscope.run.request import Request

KILLS = 20
PICTURES = 200  # seven shards


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 pictures, one of which cannot be read."""
    folder = jobs.pictures(tmp_path_factory.mktemp("many"), PICTURES)
    (folder / "040.png").write_bytes(b"no picture")
    return folder


def run_to_the_end(asked: Request, cache: Path, log: Path, *, durable: bool = True) -> float:
    """Extract in a new process; the seconds from its start to its end."""
    began = time.monotonic()
    assert jobs.exit_code(jobs.start(jobs.extraction, asked, cache, log, 0, durable)) == 0
    return time.monotonic() - began


@pytest.mark.slow
def test_killed_at_twenty_random_moments(many: Path, checkpoint: Path, tmp_path: Path) -> None:
    asked = jobs.request(many, checkpoint=checkpoint)
    jobs.warm_up()
    seconds = run_to_the_end(asked, tmp_path / "whole", tmp_path / "whole.log")
    whole = jobs.only_run(tmp_path / "whole")
    assert jobs.forwarded(tmp_path / "whole.log") == set(range(7))
    moments, kills, caches = random.Random(1), 0, 0
    while kills < KILLS:
        cache, caches = tmp_path / f"cache-{caches}", caches + 1
        ended = False
        while not ended:
            log = tmp_path / f"{kills}-{caches}.log"
            before = jobs.committed(cache)
            child = jobs.start(jobs.extraction, asked, cache, log, 0, True)
            child.join(moments.uniform(0, seconds))
            child.kill()
            child.join()
            ended = child.exitcode == 0
            kills += child.exitcode == -signal.SIGKILL
            assert child.exitcode in {0, -signal.SIGKILL}
            assert not before.keys() & jobs.forwarded(log)
            after = jobs.committed(cache)
            assert not after or {shard: after[shard] for shard in before} == before
            log.unlink(missing_ok=True)
        assert jobs.contents(jobs.only_run(cache)) == jobs.contents(whole)
        jobs.check_tidy(jobs.only_run(cache))
    assert whole.facts["skipped"] == [{"file": "040.png", "reason": "no image, or its header is damaged"}]
    assert whole.images == PICTURES - 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "metrics"),
    [((), ("attention", "vectors", "grams")), (("attention",), ("attention", "entropy", "gallery", "vectors"))],
)
def test_killed_before_every_single_change_on_disk(
    tmp_path: Path, first: tuple[str, ...], metrics: tuple[str, ...]
) -> None:
    """Creating, renaming, linking and removing anything in the cache: the lock, states, records, results, leftovers.

    Once in a new run, and once while metrics are added to a finished one.
    """
    data = jobs.pictures(tmp_path / "pictures", 40)  # two shards
    (data / "003.png").write_bytes(b"")
    asked, begun = jobs.request(data, metrics=metrics), tmp_path / "begun"
    begun.mkdir()
    if first:
        run_to_the_end(jobs.request(data, metrics=first), begun, tmp_path / "first.log")
    shutil.copytree(begun, tmp_path / "whole")
    run_to_the_end(asked, tmp_path / "whole", tmp_path / "whole.log", durable=False)
    whole = jobs.contents(jobs.only_run(tmp_path / "whole"))
    changes = jobs.changes_of(tmp_path / "whole.log")
    assert changes > 40
    for number in range(1, changes + 1, 2):
        pair = range(number, min(number + 2, changes + 1))
        caches = [shutil.copytree(begun, tmp_path / str(change)) for change in pair]
        killed = [
            jobs.start(jobs.extraction, asked, cache, tmp_path / "killed.log", change, False)
            for cache, change in zip(caches, pair, strict=True)
        ]
        assert [jobs.exit_code(child) for child in killed] == [-signal.SIGKILL] * len(pair)
        before = [jobs.committed(cache) for cache in caches]
        logs = [tmp_path / f"{change}.log" for change in pair]
        resumed = [
            jobs.start(jobs.extraction, asked, cache, log, 0, False) for cache, log in zip(caches, logs, strict=True)
        ]
        assert [jobs.exit_code(child) for child in resumed] == [0] * len(pair)
        for cache, log, finished, change in zip(caches, logs, before, pair, strict=True):
            assert not finished.keys() & jobs.forwarded(log)
            assert jobs.contents(jobs.only_run(cache)) == whole, f"killed before change {change}"
            jobs.check_tidy(jobs.only_run(cache))
            shutil.rmtree(cache)
