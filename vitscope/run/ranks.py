"""Several processes, one run: each turn of work is done alone, or together with the ranks that torchrun started.

Ranks share the folder of the run, where every shard is committed by its own rank, and say very little to each other,
through the key-value store of torch.distributed that torchrun provides: which run it is and which shards are owed (rank
0, which holds the run's lock), that a rank has done its shards or why it could not, that rank 0 has folded them. So a
rank that dies takes nothing along: the others finish, rank 0 says what is missing, and the next start does only that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import torch

from vitscope.errors import RankError, VitscopeError, first_line
from vitscope.run.request import Watcher
from vitscope.run.share import Share
from vitscope.run.supervisor import launched, standing
from vitscope.run.team import ASK, ENDED, Team
from vitscope.spec import Resources, Spec
from vitscope.store.files import present
from vitscope.store.layout import RUN
from vitscope.store.lock import Part, lock
from vitscope.store.text import shown
from vitscope.store.writer import RunWriter

LAG = 60.0  # seconds after which a network file system shows everywhere what one host has written
AGAIN = "run the same command again, which measures only what is missing"


class Turn:
    """One extraction or evaluation by this process alone, of all shards or of the part that `--shard` names."""

    leads = True  # prepares the run and folds it

    def __init__(self, part: Part | None = None) -> None:
        self.part = part
        self.share = Share.of_part(part)

    @property
    def folds(self) -> bool:
        """Whether the results are made once the shards are measured: a part leaves that to a start without one."""
        return self.leads and self.part is None

    def device(self, asked: str) -> str:
        """The device that this process computes on where `asked` was asked for."""
        return asked

    def claimed(self, folder: Path) -> AbstractContextManager[None]:
        """Hold the lock of the run in `folder`, or of a part of it; BusyError."""
        return lock(folder, self.part)

    def begin(self, prepare: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `prepare` has found, JSON, which is called by one process only: by who leads."""
        return prepare()

    def opened(self, cache: Path, spec: Spec, facts: dict[str, Any], found: dict[str, Any]) -> RunWriter:
        """The writer of the run that `begin` has prepared, once it is."""
        del found
        return RunWriter(cache, spec, facts)

    def measure(self, work: Callable[[Share], None], missing: Callable[[], list[int]]) -> None:
        """Call `work` with the share of this process; who leads waits for all others, and RankError if one failed."""
        del missing
        work(self.share)


class Rank(Turn):
    """One of the ranks that work together. `name` is the same in each of them and in no other turn."""

    def __init__(self, team: Team, name: str, part: Part | None, watcher: Watcher) -> None:
        super().__init__(part)
        self.leads = team.rank == 0
        self._team, self._name, self._watcher = team, name, watcher
        self._begun = self._done = False
        self._members: list[int] = []
        self._missing: Callable[[], list[int]] = list

    def device(self, asked: str) -> str:
        """Each rank of a host has a GPU of its own, as long as there are enough."""
        if asked not in {"auto", "cuda"} or not torch.cuda.is_available():
            return asked
        return f"cuda:{self._team.local % torch.cuda.device_count()}"

    def claimed(self, folder: Path) -> AbstractContextManager[None]:
        """Rank 0 holds the lock for all, and should it be killed, its supervisor does until the others are through."""
        return lock(folder, self.part, standing()) if self.leads else nullcontext()

    def begin(self, prepare: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What rank 0 has found; RankError without words where it failed, since it says so itself."""
        if self.leads:
            found = prepare()
            members = [rank for rank in range(self._team.size) if rank == 0 or not self._team.lost(rank)]
            self._team.tell(f"{self._name}/go", {"found": found, "members": members})
        told = self._team.hear(f"{self._name}/go", 0)
        self._begun = True
        if told is None or "found" not in told:
            raise RankError("")
        self._members = told["members"]
        if self._team.rank not in self._members:
            raise RankError(f"rank {self._team.rank} was not heard of when the work was divided; {AGAIN}.")
        self.share = self.share.among(self._members.index(self._team.rank), len(self._members))
        if self.leads:
            self._watcher.tell(f"{len(self._members)} ranks divide the shards; progress is that of rank 0")
        return told["found"]

    def opened(self, cache: Path, spec: Spec, facts: dict[str, Any], found: dict[str, Any]) -> RunWriter:
        """The writer of the same run as that of rank 0; RankError where it sees another one here."""
        if found["run"] != spec.folder:
            raise RankError(
                f"it would measure {spec.folder}, rank 0 {found['run']}: model, images and settings must be the same "
                "everywhere."
            )
        folder, until = cache / spec.folder, time.monotonic() + LAG
        while not present(folder / RUN):
            if time.monotonic() > until:
                raise RankError(f"{shown(folder)} is not to be seen here: all ranks must share the cache.")
            time.sleep(ASK)
        return super().opened(cache, spec, facts, found)

    def measure(self, work: Callable[[Share], None], missing: Callable[[], list[int]]) -> None:
        """Rank 0 waits for the others whatever happens to itself; then RankError says which shards are missing."""
        self._missing = missing
        if not self.leads:
            work(self.share)
            self._tell_done(None)
            return
        try:
            work(self.share)
        except Exception:
            self._failures()
            raise
        failed = self._failures()
        if left := self._left():
            why = ", ".join(failed) or "not all ranks write into the same cache"
            raise RankError(f"{_numbers(left)} missing, since {why}: {AGAIN}.")

    def _left(self) -> list[int]:
        """The shards that all ranks together were to measure and did not."""
        asked = Share.of_part(self.part)
        return [shard for shard in self._missing() if shard in asked]

    def _failures(self) -> list[str]:
        """Wait until all others have done their shards; warn of every rank that could not, and name it."""
        failed = []
        for rank in self._members:
            told = self._team.hear(f"{self._name}/done/{rank}", rank) if rank else {"error": None}
            if told is None:
                failed.append(f"rank {rank} {self._team.lost(rank)}")
            elif told["error"] is not None:
                self._watcher.warn(f"rank {rank}: {told['error']}")
                failed.append(f"rank {rank} failed")
        return failed

    def _tell_done(self, error: str | None) -> None:
        if not self._done:
            self._done = True
            self._team.tell(f"{self._name}/done/{self._team.rank}", {"error": error})

    def close(self, error: Exception | None) -> None:
        """The end of the turn: rank 0 says whether all went well, which the others wait for; RankError if not."""
        words = None if error is None else str(error) if isinstance(error, VitscopeError) else _of_bug(error)
        if self.leads:
            if not self._begun:
                self._team.tell(f"{self._name}/go", {})
            self._team.tell(f"{self._name}/closed", {"well": error is None})
            return
        self._tell_done(words)
        closed = self._team.hear(f"{self._name}/closed", 0)
        if closed is None:
            raise RankError(self._without_rank_0()) from error
        if isinstance(error, VitscopeError) or not closed["well"]:
            raise RankError("") from error

    def _without_rank_0(self) -> str:
        """What is missing, said by the first rank that is left, when no other one can say it."""
        team = self._team
        if any(team.lost(rank) in {"", ENDED} for rank in range(1, team.rank)):
            return ""
        for rank in self._members:
            if rank not in {0, team.rank}:
                team.hear(f"{self._name}/done/{rank}", rank)
        left = self._left()
        return f"rank 0 {team.lost(0)}{f', {_numbers(left)} missing' if left else ''}: {AGAIN}."


@contextmanager
def turn(resources: Resources, watcher: Watcher) -> Iterator[Turn]:
    """One extraction or evaluation, whose steps this process takes alone or together with the other ranks.

    Turns may lie in each other. What goes wrong inside is told to the other ranks. Raises RankError where others
    failed; it has no words where another rank says them.
    """
    team = _team()
    if team is None:
        yield Turn(resources.shard)
        return
    with team.naming() as name:
        rank = Rank(team, name, resources.shard, watcher)
        try:
            yield rank
        except Exception as error:
            rank.close(error)
            raise
        rank.close(None)


@cache
def _team() -> Team | None:
    """The ranks of torchrun that this process belongs to."""
    return Team.joined() if launched() else None


def _of_bug(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _numbers(shards: list[int]) -> str:
    """Shards by number, counted from 1: "shards 2, 5 are"."""
    named = ", ".join(str(shard + 1) for shard in shards[:20]) + (" …" if len(shards) > 20 else "")
    return f"shard {named} is" if len(shards) == 1 else f"{len(shards)} shards ({named}) are"
