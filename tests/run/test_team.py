"""What ranks know of each other: who has ended, died or gone silent, and a store that does not answer."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
import torch
from torch.distributed import HashStore

from vitscope.errors import RankError
from vitscope.run import ranks, supervisor, team
from vitscope.run.team import Team
from vitscope.spec import Resources


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> list[Team]:
    """Two ranks, in one process and impatient."""
    monkeypatch.setattr(team, "ASK", 0.001)
    store = HashStore()
    return [Team(store, rank, 2, rank) for rank in range(2)]


def test_what_is_said_is_heard_also_by_who_comes_late(pair: list[Team]) -> None:
    pair[1].tell("1/done/1", {"error": None})
    assert pair[0].hear("1/done/1", 1) == {"error": None}
    later = threading.Timer(0.05, pair[0].tell, ("1/go", {"shards": [1]}))
    later.start()
    assert pair[1].hear("1/go", 0) == {"shards": [1]}
    later.join()


def test_what_the_dead_have_said_is_heard_and_nothing_is_waited_for(pair: list[Team]) -> None:
    pair[1].tell("1/done/1", {"error": "x"})
    pair[1].tell("gone/1", {"how": "was killed by signal 9"})
    assert pair[0].lost(1) == "was killed by signal 9"
    assert pair[0].hear("1/done/1", 1) == {"error": "x"}
    assert pair[0].hear("2/done/1", 1) is None


def test_who_is_silent_for_long_counts_as_lost(pair: list[Team], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(team.time, "monotonic", lambda: now)
    for count in range(3):
        for other in pair:
            other.tell(f"beat/{other.rank}", {"count": count})
        assert pair[0].lost(1) == ""
        now += team.SILENCE - 10
    assert pair[0].lost(1) == ""
    pair[0].tell("beat/0", {"count": 3})
    now += 20
    assert pair[0].lost(0) == ""
    assert pair[0].lost(1) == f"has given no sign of life for {team.SILENCE:.0f} s"
    pair[1].tell("beat/1", {"count": 3})
    now += team.BEAT
    assert pair[0].lost(1) == ""


def test_all_that_are_silent_are_lost_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one after another, as they are waited for."""
    now = 1000.0
    monkeypatch.setattr(team.time, "monotonic", lambda: now)
    first = Team(HashStore(), 0, 4)
    assert first.lost(1) == ""
    now += team.SILENCE + 1
    assert all(first.lost(rank) for rank in (1, 2, 3))


def test_turns_inside_of_turns_have_names_of_their_own(pair: list[Team]) -> None:
    names = []
    for _ in range(2):
        with pair[0].naming() as outer:
            names.append(outer)
            for _ in range(2):
                with pair[0].naming() as inner:
                    names.append(inner)
    assert names == ["1", "1.1", "1.2", "2", "2.1", "2.2"]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Rank 1 of 2, of which rank 0 cannot be reached."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    for name, value in {"RANK": 1, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": port}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(team, "CONNECT", team.timedelta(milliseconds=300))
    ranks._team.cache_clear()
    yield monkeypatch
    ranks._team.cache_clear()


def test_nobody_is_there(launched: pytest.MonkeyPatch) -> None:
    with pytest.raises(RankError, match="rank 1 of 2 cannot reach the others"), ranks.turn(Resources(), None):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize(("size", "several"), [("1", False), ("", False), ("2", True)])
def test_one_process_under_torchrun_is_alone(launched: pytest.MonkeyPatch, size: str, several: bool) -> None:
    launched.setenv("WORLD_SIZE", size)
    assert supervisor.launched() == several
    assert supervisor.rank() == int(several)


def test_a_store_that_breaks_is_a_sentence(pair: list[Team], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("Connection reset by peer")

    monkeypatch.setattr(HashStore, "check", broken)
    with pytest.raises(RankError, match="the ranks have lost each other"):
        pair[0].hear("1/go", 1)


@pytest.mark.parametrize(
    ("local", "gpus", "asked", "chosen"),
    [
        (0, 2, "auto", "cuda:0"),
        (1, 2, "cuda", "cuda:1"),
        (3, 1, "auto", "cuda:0"),  # Slurm shows each process its own GPU as the first
        (1, 2, "cuda:0", "cuda:0"),
        (1, 2, "cpu", "cpu"),
        (1, 0, "auto", "auto"),
    ],
)
def test_every_rank_of_a_host_has_its_own_gpu(
    monkeypatch: pytest.MonkeyPatch, local: int, gpus: int, asked: str, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    rank = ranks.Rank(Team(HashStore(), local, 4, local), "1", None, None)  # type: ignore[arg-type]
    assert rank.device(asked) == chosen
    assert ranks.Turn().device(asked) == asked


def test_the_one_beside_a_rank_ends_as_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    mourned: list[int] = []
    monkeypatch.setattr(supervisor, "_mourn", mourned.append)
    monkeypatch.setattr(supervisor.signal, "signal", lambda *_: None)
    codes = []
    for end in (0, 1, 2, 130, -9):
        program = f"import os; os.kill(os.getpid(), {-end})" if end < 0 else f"raise SystemExit({end})"
        child = os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)
        codes.append(supervisor._outlive(child))
    assert codes == [0, 1, 2, 130, 1]
    assert mourned == [1, -9]  # others come to 2 and 130 at the same time
