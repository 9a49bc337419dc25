"""Ranks as torchrun starts them, for tests that want to lose some: several processes and the store between them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from torch.distributed import TCPStore

from tests.run import fakes, jobs
from vitscope import catalog
from vitscope.run import team
from vitscope.store.writer import RunWriter

SILENCE = 60.0  # seconds for which a rank that died before it said anything is waited for


@dataclass(frozen=True)
class Ended:
    """What became of a rank."""

    code: int | None
    out: str
    said: list[str]


@dataclass(frozen=True)
class Killed:
    """Kill -9 for a rank, when it is about to commit this shard."""

    rank: int
    shard: int


def together(folder: Path, commands: Sequence[Sequence[str | Path]], killed: Sequence[Killed] = ()) -> list[Ended]:
    """Run one command a rank at the same time; `folder` gets what they write on stdout and stderr."""
    folder.mkdir(parents=True, exist_ok=True)
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)  # torchrun has one, too
    processes = [
        jobs.start(as_rank, rank, len(commands), store.port, killed, folder / f"{rank}", *map(str, command))
        for rank, command in enumerate(commands)
    ]
    return [_ended(process, folder / f"{rank}") for rank, process in enumerate(processes)]


def alone(out: Path, *command: str | Path, killed_at: int | None = None) -> Ended:
    """Run one command in a process without others; kill it when it is about to commit a shard."""
    killed = [] if killed_at is None else [Killed(0, killed_at)]
    return _ended(jobs.start(as_rank, 0, 1, 0, killed, out, *map(str, command)), out)


def _ended(process: BaseProcess, out: Path) -> Ended:
    code = jobs.exit_code(process)
    return Ended(
        code, *((out.read_text(), out.with_suffix(".err").read_text().splitlines()) if out.exists() else ("", []))
    )


def as_rank(rank: int, size: int, port: int, killed: Sequence[Killed], out: Path, *command: str) -> None:
    """For `jobs.start`: the program as a rank."""
    if size > 1:
        os.environ |= {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(size),
            "MASTER_ADDR": "localhost",
            "MASTER_PORT": str(port),
            "TORCHELASTIC_USE_AGENT_STORE": "True",
        }
    team.SILENCE = SILENCE
    catalog.TASKS.update(fakes.TASKS)
    fatal = {one.shard for one in killed if one.rank == rank}
    put = RunWriter.put_shard

    def put_shard(self: RunWriter, shard: int, *what: object, **how: object) -> None:
        if shard in fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        put(self, shard, *what, **how)  # type: ignore[arg-type]

    RunWriter.put_shard = put_shard
    jobs.command(out, *command)
