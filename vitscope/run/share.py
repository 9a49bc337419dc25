"""Which shards of a run, or units of a task, one of several processes measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Share:
    """The numbers that are `first` modulo `step`; all of them where nothing is said.

    >>> half = Share.of_part((2, 2))
    >>> [number for number in range(12) if number in half]
    [1, 3, 5, 7, 9, 11]
    >>> [number for number in range(12) if number in half.among(1, 3)]
    [3, 9]
    """

    first: int = 0
    step: int = 1

    @classmethod
    def of_part(cls, part: tuple[int, int] | None) -> Self:
        """The share of `--shard I/N`, whose I counts from 1; None: everything."""
        return cls() if part is None else cls(part[0] - 1, part[1])

    def among(self, position: int, processes: int) -> Share:
        """What falls to one of several processes that divide this share; `position` counts from 0."""
        return Share(self.first + self.step * position, self.step * processes)

    def __contains__(self, number: int) -> bool:
        return number % self.step == self.first % self.step
