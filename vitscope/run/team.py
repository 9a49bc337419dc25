"""What the ranks of torchrun know of each other: a key-value store, and who is still there."""

from __future__ import annotations

import atexit
import json
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Self

from torch.distributed import PrefixStore, Store, TCPStore

from vitscope.errors import RankError

BEAT = 5.0  # seconds between two signs of life
SILENCE = 300.0  # seconds without one after which a rank counts as lost, with the host that it was on
ASK = 0.1  # seconds between two looks into the store
ENDED = "has ended"  # in order, and so has said whatever it had to say
CONNECT = timedelta(minutes=5)


class Team:
    """This rank and its view of the others. Every method raises RankError when the store does not answer any more."""

    def __init__(self, store: Store, rank: int, size: int, local: int = 0) -> None:
        self.rank, self.size, self.local = rank, size, local
        self._store = store
        self._counts = [0]
        self._heard: dict[int, tuple[dict[str, Any] | None, float]] = {}  # the last sign of life, and when it came
        self._listened = -math.inf

    @classmethod
    def joined(cls) -> Self:
        """The team of this process, which gives signs of life from now on until it ends."""
        team = cls.connected(hosts=True)
        team.left_at_exit()
        threading.Thread(target=team.beat, daemon=True).start()
        return team

    @classmethod
    def connected(cls, *, hosts: bool) -> Self:
        """The team as the environment describes it, with the names that torchrun uses.

        `hosts`: rank 0 makes the store where torchrun has not made it.
        """
        number = {name: int(os.environ.get(name, "0")) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT")}
        address, agent = os.environ.get("MASTER_ADDR", ""), os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        try:
            store = TCPStore(
                address,
                number["MASTER_PORT"],
                is_master=hosts and number["RANK"] == 0 and not agent,
                wait_for_workers=False,
                timeout=CONNECT,
            )
        except (RuntimeError, ValueError) as error:
            raise RankError(
                f"rank {number['RANK']} of {number['WORLD_SIZE']} cannot reach the others at MASTER_ADDR {address!r}, "
                f"MASTER_PORT {number['MASTER_PORT']}: start it with torchrun, or without WORLD_SIZE."
            ) from error
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        run = os.environ.get("TORCHELASTIC_RUN_ID", "")
        return cls(
            PrefixStore(f"vitscope/{run}/{attempt}", store), number["RANK"], number["WORLD_SIZE"], number["LOCAL_RANK"]
        )

    @contextmanager
    def naming(self) -> Iterator[str]:
        """The name of the next turn: its number, below that of the turn that it lies in."""
        self._counts[-1] += 1
        name = ".".join(map(str, self._counts))
        self._counts.append(0)
        try:
            yield name
        finally:
            self._counts.pop()

    def tell(self, key: str, value: dict[str, Any]) -> None:
        """Say something, for good."""
        with _answering():
            self._store.set(key, json.dumps(value))

    def hear(self, key: str, rank: int) -> dict[str, Any] | None:
        """Wait for what `rank` will say; None if it is lost before it has said it."""
        while True:
            lost = self.lost(rank)  # first, so that nothing said before that is missed
            if (value := self._said(key)) is not None:
                return value
            if lost:
                return None
            time.sleep(ASK)

    def lost(self, rank: int) -> str:
        """Why a rank will say nothing any more, as the end of a sentence; empty as long as it may."""
        if (gone := self._said(f"gone/{rank}")) is not None:
            return gone["how"]
        if self._said(f"left/{rank}") is not None:
            return ENDED
        now = time.monotonic()
        if now - self._listened >= BEAT:
            self._listened = now
            self._listen(now)
        silent = now - self._heard[rank][1] > SILENCE
        return f"has given no sign of life for {SILENCE:.0f} s" if silent else ""

    def mourn(self, how: str) -> None:
        """Say that this rank is gone, for it cannot any more; then wait for the others to end.

        Nobody is to leave earlier: torchrun ends all ranks as soon as one has failed.
        """
        self.tell(f"gone/{self.rank}", {"how": how})
        while not all(self.lost(rank) for rank in range(self.size)):
            time.sleep(ASK)

    def _listen(self, now: float) -> None:
        """Note who has given a new sign of life since the last time."""
        for rank in range(self.size):
            beat = self._said(f"beat/{rank}")
            if rank not in self._heard or beat != self._heard[rank][0]:
                self._heard[rank] = (beat, now)

    def left_at_exit(self) -> None:
        """Say so when this process ends in order."""

        def leave() -> None:
            with suppress(RankError):
                self.tell(f"left/{self.rank}", {})

        atexit.register(leave)

    def _said(self, key: str) -> dict[str, Any] | None:
        with _answering():
            return json.loads(self._store.get(key)) if self._store.check([key]) else None

    def beat(self) -> None:
        """Give signs of life until this process ends."""
        count = 0
        with suppress(RankError):
            while True:
                self.tell(f"beat/{self.rank}", {"count": count})
                count += 1
                time.sleep(BEAT)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RankError(
            "the ranks have lost each other: the store of torchrun does not answer any more; what was finished is kept."
        ) from error
