"""One run divided over processes, with and without torchrun: the same to the last bit, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.run import crew, fakes, jobs
from tests.run.crew import Killed
from vitscope.errors import BusyError
from vitscope.run import supervisor
from vitscope.run.preview import Quiet
from vitscope.run.ranks import Rank
from vitscope.run.team import Team
from vitscope.store.lock import lock
from vitscope.store.reader import Run

PICTURES = 150  # five shards, of 32 pictures but for the last
AGAIN = "run the same command again, which measures only what is missing."


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, one of which cannot be read."""
    folder = jobs.pictures(tmp_path_factory.mktemp("many"), PICTURES)
    (folder / "040.png").write_bytes(b"no picture")
    jobs.warm_up()
    return folder


@pytest.fixture(scope="module")
def words(many: Path, checkpoint: Path) -> list[str]:
    """An extraction of everything that can be measured, but for its cache."""
    return ["extract", "--model", jobs.MODEL, *options(many, checkpoint), "--metrics", "all"]


def options(data: Path, checkpoint: Path) -> list[str]:
    return ["--checkpoint", str(checkpoint), "--data", str(data), "--image-size", "64", "--device", "cpu"]


@pytest.fixture(scope="module")
def whole(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What one process makes of it."""
    folder = tmp_path_factory.mktemp("whole")
    assert crew.alone(folder / "out", *words, "--cache", folder / "cache").code == 0
    run = jobs.only_run(folder / "cache")
    assert {name.partition("/")[0] for name in jobs.arrays(run)} == set(jobs.EVERYTHING) - {"class-attention"}
    return run


def check_same(cache: Path, whole: Run) -> None:
    run = jobs.only_run(cache)
    assert jobs.contents(run) == jobs.contents(whole)
    jobs.check_tidy(run)


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_give_the_same_bits_and_one_of_them_speaks(
    words: list[str], whole: Run, tmp_path: Path, size: int
) -> None:
    cache = tmp_path / "cache"
    first, *others = crew.together(tmp_path, [[*words, "--cache", cache]] * size)
    assert first.code == 0
    assert f"{size} ranks divide the shards; progress is that of rank 0" in first.said
    assert first.out == f"{jobs.only_run(cache).folder}\n"
    assert [(other.code, other.out, other.said) for other in others] == [(0, "", [])] * (size - 1)
    check_same(cache, whole)


def test_a_rank_is_killed_and_the_others_finish(words: list[str], whole: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    command = [*words, "--cache", cache]
    first, second = crew.together(tmp_path / "1", [command] * 2, [Killed(rank=1, shard=3)])
    assert (first.code, first.out, second.code, second.out, second.said) == (1, "", 1, "", [])
    assert first.said[-1] == f"vitscope: shard 4 is missing, since rank 1 was killed by signal 9: {AGAIN}"
    before = jobs.committed(cache)
    assert set(before) == {0, 1, 2, 4}
    assert not list(cache.glob("*/lock*"))
    first, second = crew.together(tmp_path / "2", [command] * 2, [Killed(rank=0, shard=shard) for shard in before])
    assert (first.code, second.code) == (0, 0)  # nobody measured again what was there
    check_same(cache, whole)


def test_rank_0_is_killed_and_the_next_speaks(words: list[str], whole: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    command = [*words, "--cache", cache]
    first, second, third = crew.together(tmp_path / "1", [command] * 3, [Killed(rank=0, shard=3)])
    assert [rank.code for rank in (first, second, third)] == [1, 1, 1]
    assert second.said == [f"vitscope: rank 0 was killed by signal 9, shard 4 is missing: {AGAIN}"]
    assert third.said == []
    assert set(jobs.committed(cache)) == {0, 1, 2, 4}
    assert crew.alone(tmp_path / "2", *command).code == 0  # takes the lock of the dead
    check_same(cache, whole)


def test_a_rank_that_fails_is_named(words: list[str], whole: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    command, lacking = [*words, "--cache", cache], list(words)
    lacking[lacking.index("--checkpoint") + 1] = str(tmp_path / "lost")
    first, second = crew.together(tmp_path / "1", [command, [*lacking, "--cache", str(cache)]])
    assert (first.code, second.code, second.said) == (1, 1, [])
    assert any(line.startswith("rank 1: ") and "lost" in line for line in first.said)
    assert first.said[-1].startswith("vitscope: 2 shards (2, 4) are missing, since rank 1 failed: ")
    assert crew.alone(tmp_path / "2", *command).code == 0
    check_same(cache, whole)


def test_what_is_wrong_everywhere_is_said_once(words: list[str], tmp_path: Path) -> None:
    command = [*words, "--cache", tmp_path / "cache"]
    command[command.index("--checkpoint") + 1] = tmp_path / "lost"
    first, second = crew.together(tmp_path, [command] * 2)
    assert (first.code, second.code, second.said) == (1, 1, [])
    assert "lost" in first.said[-1]


def test_ranks_that_see_different_images_do_not_mix(words: list[str], tmp_path: Path) -> None:
    command = [*words, "--cache", tmp_path / "cache"]
    first, second = crew.together(tmp_path, [command, [*command, "--limit", "140"]])
    assert (first.code, second.code) == (1, 1)
    assert any(line.startswith("rank 1: it would measure test_vit-") for line in first.said)
    assert set(jobs.committed(tmp_path / "cache")) == {0, 2, 4}


def test_ranks_that_do_not_share_the_cache(words: list[str], tmp_path: Path, many: Path) -> None:
    """Rank 1 has another folder, in which the same run was begun, so that it cannot notice."""
    here, there = tmp_path / "here", tmp_path / "there"
    assert crew.alone(tmp_path / "0", *words, "--cache", there, "--shard", "1/5").code == 0
    first, second = crew.together(tmp_path / "1", [[*words, "--cache", here], [*words, "--cache", there]])
    assert (first.code, second.code) == (1, 1)
    assert "since not all ranks write into the same cache" in first.said[-1]


def test_several_models_of_which_one_fails(words: list[str], whole: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    at = words.index("--checkpoint")
    rest = [*words[:at], *words[at + 2 :], "--model", jobs.UNTRAINED, "--cache", str(cache)]
    rest[rest.index(jobs.MODEL)] = "random/no_such_model"
    first, second = crew.together(tmp_path / "1", [rest] * 2)
    assert (first.code, second.code, second.said) == (1, 1, [])
    assert first.said[-1] == "vitscope: 1 of 2 models failed: random/no_such_model."
    jobs.check_tidy(jobs.only_run(cache))


@pytest.mark.parametrize("count", [2, 4, 7])
def test_parts_give_the_same_bits(words: list[str], whole: Run, tmp_path: Path, count: int) -> None:
    """All at the same time; the last of seven has nothing to do."""
    cache, order = tmp_path / "cache", [*range(count, 0, -1)]
    parts = [
        jobs.start(jobs.command, tmp_path / f"{number}", *words, "--cache", str(cache), "--shard", f"{number}/{count}")
        for number in order
    ]
    assert [jobs.exit_code(part) for part in parts] == [0] * count
    run = jobs.only_run(cache)
    assert not run.complete
    assert run.results() == {}
    assert set(jobs.committed(cache)) == set(range(5))
    said = [(tmp_path / f"{number}.err").read_text() for number in order]
    assert any("nothing is missing: the same command without --shard makes the results" in one for one in said)
    assert (tmp_path / "1").read_text() == f"{run.folder}\n"
    assert crew.alone(tmp_path / "fold", *words, "--cache", cache, killed_at=0).code == 0
    check_same(cache, whole)


def test_a_part_is_killed_and_a_part_of_ranks_goes_on(words: list[str], whole: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    command = [*words, "--cache", cache]
    assert crew.alone(tmp_path / "1", *command, "--shard", "1/2", killed_at=2).code == -9
    assert set(jobs.committed(cache)) == {0}
    ended = crew.together(tmp_path / "2", [[*command, "--shard", "1/2"]] * 2)
    assert [rank.code for rank in ended] == [0, 0]
    assert "still missing: shard 2, 4" in ended[0].said[-1]
    assert set(jobs.committed(cache)) == {0, 2, 4}
    ended = crew.together(tmp_path / "3", [command] * 2)
    assert [rank.code for rank in ended] == [0, 0]
    check_same(cache, whole)


def test_parts_with_a_common_shard_exclude_each_other(words: list[str], tmp_path: Path) -> None:
    command = [*words, "--cache", tmp_path / "cache"]
    assert crew.alone(tmp_path / "1", *command, "--shard", "5/6").code == 0
    with lock(jobs.only_run(tmp_path / "cache").folder, (1, 2)):
        refused = crew.alone(tmp_path / "2", *command, "--shard", "3/4")
        assert refused.code == 1
        assert "(--shard 1/2) is being written by process" in refused.said[-1]
        assert crew.alone(tmp_path / "3", *command).code == 1
        assert crew.alone(tmp_path / "4", *command, "--shard", "2/2").code == 0


@pytest.mark.parametrize("wrong", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", "1/0"])
def test_what_is_no_part_is_wrong_usage(words: list[str], tmp_path: Path, wrong: str) -> None:
    ended = crew.alone(tmp_path / "out", *words, "--cache", tmp_path / "cache", f"--shard={wrong}")
    assert (ended.code, ended.out) == (2, "")
    assert any("is not a part such as 1/4" in line for line in ended.said)


def test_a_part_cannot_restart_and_draws_no_world(words: list[str], tmp_path: Path) -> None:
    command = [*words, "--cache", tmp_path / "cache", "--shard", "1/2"]
    assert crew.alone(tmp_path / "1", *command, "--restart").code == 2
    at = command.index("--data")
    assert crew.alone(tmp_path / "2", *command[:at], *command[at + 2 :]).code == 2
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("task", sorted(fakes.TASKS))
def test_a_task_is_divided_too(many: Path, checkpoint: Path, tmp_path: Path, task: str) -> None:
    """One of units, one of vectors: by one process, by ranks of which one dies, by parts."""
    words = ["evaluate", task, "--model", jobs.MODEL, *options(many, checkpoint)]
    assert crew.alone(tmp_path / "whole.out", *words, "--cache", tmp_path / "whole").code == 0
    whole = {run.name: jobs.contents(run) for run in jobs.Cache(tmp_path / "whole").runs()}
    command = [*words, "--cache", tmp_path / "ranks"]
    first, second = crew.together(tmp_path / "1", [command] * 2, [Killed(rank=1, shard=1)])
    assert (first.code, second.code, second.said) == (1, 1, [])
    assert "missing, since rank 1 was killed by signal 9" in first.said[-1]
    first, second = crew.together(tmp_path / "2", [command] * 2)
    assert (first.code, second.code, second.said) == (0, 0, [])
    parts = [
        crew.alone(tmp_path / f"part{n}", *words, "--cache", tmp_path / "parts", "--shard", f"{n}/2") for n in (2, 1)
    ]
    assert [part.code for part in parts] == [0, 0]
    assert not any(run.results() for run in jobs.Cache(tmp_path / "parts").runs())
    assert crew.alone(tmp_path / "fold", *words, "--cache", tmp_path / "parts", killed_at=0).code == 0
    for cache in (tmp_path / "ranks", tmp_path / "parts"):
        runs = jobs.Cache(cache).runs()
        assert {run.name: jobs.contents(run) for run in runs} == whole
        for run in runs:
            jobs.check_tidy(run)


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def die_with_the_lock(folder: Path) -> None:
    """For `jobs.start`: rank 0 of two, killed while it holds the run; its supervisor waits for the other one."""

    def mourn(_: int) -> None:
        (folder.parent / "killed").touch()
        until((folder.parent / "through").exists)

    os.environ |= {"RANK": "0", "WORLD_SIZE": "2"}
    supervisor._mourn = mourn
    supervisor.watched()
    with Rank(cast("Team", SimpleNamespace(rank=0)), "", None, Quiet()).claimed(folder):
        os.kill(os.getpid(), signal.SIGKILL)


def test_nobody_takes_the_run_while_other_ranks_are_at_work(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = jobs.start(die_with_the_lock, folder)
    until((folder.parent / "killed").exists)
    with pytest.raises(BusyError, match=f"is being written by process {process.pid} on this host"), lock(folder):
        pass
    (tmp_path / "through").touch()
    assert jobs.exit_code(process) == 1
    with lock(folder):
        pass
