"""Locks of parts of a run: those that share no shard are held side by side, all others exclude each other."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.test_lock import dead, leave, takers
from vitscope.errors import BusyError
from vitscope.store.files import temporary
from vitscope.store.lock import lock, overlap
from vitscope.store.process import Owner

PARTS = [(number, count) for count in (1, 2, 3, 4, 6) for number in range(1, count + 1)]


@pytest.mark.parametrize(("one", "other"), list(itertools.product(PARTS, PARTS)))
def test_parts_overlap_where_a_shard_is_in_both(one: tuple[int, int], other: tuple[int, int]) -> None:
    shards = [{shard for shard in range(1, 61) if shard % part[1] == part[0] % part[1]} for part in (one, other)]
    assert overlap(one, other) == bool(shards[0] & shards[1])
    assert overlap(None, one)
    assert overlap(one, None)


def test_parts_without_a_common_shard_are_held_side_by_side(tmp_path: Path) -> None:
    with ExitStack() as held:
        for part in ((1, 2), (2, 4), (4, 4)):
            held.enter_context(lock(tmp_path, part))
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"lock.1-of-2", "lock.2-of-4", "lock.4-of-4"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("held", "asked"), [((1, 2), None), (None, (1, 2)), ((1, 2), (3, 4)), ((1, 2), (1, 2))])
def test_what_overlaps_is_refused_and_leaves_nothing(
    tmp_path: Path, held: tuple[int, int] | None, asked: tuple[int, int] | None
) -> None:
    with lock(tmp_path, held):
        before = set(tmp_path.iterdir())
        with pytest.raises(BusyError, match="is being written by process") as refused, lock(tmp_path, asked):
            pass
        assert ("(--shard 1/2)" in str(refused.value)) == (held is not None)
        assert set(tmp_path.iterdir()) == before
    with lock(tmp_path, asked):
        pass


def test_the_whole_waits_for_a_part_in_another_process(tmp_path: Path) -> None:
    with takers(1) as (other,):
        assert other.take(tmp_path) == "won"
        with pytest.raises(BusyError, match=f"process {other.process.pid} "), lock(tmp_path, (1, 2)):
            pass
        other.say("")
        while (tmp_path / "lock").exists():  # until it has let go
            time.sleep(0.01)
        with lock(tmp_path, (1, 2)):
            assert other.take(tmp_path).startswith(f"busy: {tmp_path} (--shard 1/2) is being written by process")
            other.say("")
        assert other.take(tmp_path) == "won"


def test_parts_of_the_dead_hinder_nobody_and_the_whole_sweeps_them(tmp_path: Path) -> None:
    leave(tmp_path, dead(), "lock.1-of-2")
    leave(tmp_path, replace(Owner.me(), pid=dead().pid, start="1"), "lock.2-of-3")
    temporary(tmp_path).touch()
    with lock(tmp_path, (1, 2)):  # taken over; what is not its own stays, since others may be writing
        assert len(list(tmp_path.iterdir())) == 4  # and the claim by which it was taken
    with lock(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_part_sweeps_no_file_of_others(tmp_path: Path) -> None:
    with lock(tmp_path, (2, 2)):
        file = temporary(tmp_path)
        file.touch()
        with lock(tmp_path, (1, 2)):
            assert file.exists()
