"""Killed extractions: whatever the moment, the next start goes on, and the end is the same to the last bit."""

from __future__ import annotations

import random
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.run import jobs
from vitscope.run.extract import Request
from vitscope.store.reader import Cache, Run

KILLS = 20
PICTURES = 104  # seven shards


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """104 pictures, one of which cannot be read."""
    folder = jobs.pictures(tmp_path_factory.mktemp("many"), PICTURES)
    (folder / "040.png").write_bytes(b"no picture")
    return folder


def only_run(cache: Path) -> Run:
    (run,) = Cache(cache).runs()
    return run


def run_to_the_end(asked: Request, cache: Path, log: Path, *, durable: bool = True) -> float:
    """Extract in a new process; the seconds from its start to its end."""
    began = time.monotonic()
    child = jobs.start(jobs.extraction, asked, cache, log, 0, durable)
    child.join()
    assert child.exitcode == 0
    return time.monotonic() - began


@pytest.mark.slow
def test_killed_at_twenty_random_moments(many: Path, tmp_path: Path) -> None:
    asked = jobs.request(many)
    jobs.warm_up()
    seconds = run_to_the_end(asked, tmp_path / "whole", tmp_path / "whole.log")
    whole = only_run(tmp_path / "whole")
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
        assert jobs.contents(only_run(cache)) == jobs.contents(whole)
        jobs.check_tidy(only_run(cache))
    assert whole.facts["skipped"] == [{"file": "040.png", "reason": "no image, or its header is damaged"}]
    assert whole.images == PICTURES - 1


@pytest.mark.slow
@pytest.mark.parametrize("first", [(), ("attention",)], ids=["new", "adding to a finished run"])
def test_killed_before_every_single_change_on_disk(tmp_path: Path, first: tuple[str, ...]) -> None:
    """Creating, renaming, linking and removing anything in the cache: the lock, states, records, results, leftovers."""
    data = jobs.pictures(tmp_path / "pictures", 20)  # two shards
    (data / "003.png").write_bytes(b"")
    asked = jobs.request(data, metrics=("attention", "distance") if not first else (*first, "gallery"))
    start = tmp_path / "start"
    start.mkdir()
    if first:
        run_to_the_end(jobs.request(data, metrics=first), start, tmp_path / "first.log")
    shutil.copytree(start, tmp_path / "whole")
    run_to_the_end(asked, tmp_path / "whole", tmp_path / "whole.log", durable=False)
    whole = jobs.contents(only_run(tmp_path / "whole"))

    def killed(change: int) -> None:
        cache, log, again = (tmp_path / f"{change}{suffix}" for suffix in ("", ".log", ".again"))
        shutil.copytree(start, cache)
        child = jobs.start(jobs.extraction, asked, cache, log, change, False)
        child.join()
        assert child.exitcode == -signal.SIGKILL
        before = jobs.committed(cache)
        run_to_the_end(asked, cache, again, durable=False)
        assert not before.keys() & jobs.forwarded(again)
        assert jobs.contents(only_run(cache)) == whole, f"killed before change {change}"
        jobs.check_tidy(only_run(cache))

    changes = range(1, jobs.changes_of(tmp_path / "whole.log") + 1)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(killed, changes))
