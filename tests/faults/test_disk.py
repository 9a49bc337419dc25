"""A call of the system fails, under the cache or under the images: the n-th of a command, for n all over it.

Calls that do the same with files of the same kind are one place. `-m long` takes every place of a command, where it is
met first and where it is met last, each with another fault; the usual run takes a few of them, and each fault once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import commands, disk
from tests.faults.commands import COMMANDS, Stage
from tests.faults.disk import Fault

OF_WRITING = [name for name, command in COMMANDS.items() if not command.reads]
OF_DATA = ("extract", "evaluate units")
EVERY_CALL = Fault(0, disk.READS + disk.CHANGES)
FEW = len(disk.EVERY)  # places of a command that the usual run takes


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, few: Path) -> Iterator[Stage]:
    with commands.quick():
        yield Stage(tmp_path_factory.mktemp("stage"), few)


def place(call: str) -> str:
    """What a call does with which kind of file.

    >>> [place(call) for call in ("open 00001-grams@1.safetensors", "open all-range.npy", "mkdir grams@1", "stat lock")]
    ['open .safetensors', 'open .npy', 'mkdir @', 'stat lock']
    """
    what, name = call.split(" ", maxsplit=1)
    if Path(name).suffix and name not in {"run.json", "result.json"}:
        return f"{what} {Path(name).suffix}"
    return f"{what} {'@' if '@' in name else re.sub('[0-9a-f]{8,}', '#', name)}"


def chosen(made: list[str]) -> list[int]:
    """The calls, counted from 1, at which a place is met first or last, in order."""
    first = {place(call): at for at, call in reversed([*enumerate(made, 1)])}
    last = {place(call): at for at, call in enumerate(made, 1)}
    return sorted({*first.values(), *last.values()})


def sweep(stage: Stage, name: str, under: str, tried: Callable[..., None], most: int | None = None) -> None:
    """Let one call after another fail, with one fault after another; `most`: that many calls, spread evenly."""
    faults = disk.EVERY if name in OF_WRITING and under == "cache" else disk.OF_READING
    made = stage.calls(name, EVERY_CALL, under)
    calls = chosen(made)
    assert calls
    for number, at in enumerate(calls[:: -(-len(calls) // most)] if most else calls):
        able = [fault for fault in faults if made[at - 1].split()[0] in fault.calls]
        fault = able[number % len(able)]
        of_fault = sum(call.split()[0] in fault.calls for call in made[:at])
        try:
            end = stage.spoiled(name, fault, of_fault, under)
        except Exception as error:
            error.add_note(f"{name}: {fault.name} at call {at} of {len(made)}: {made[at - 1]}")
            raise
        tried("disk" if under == "cache" else "source", end)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_call_under_the_cache_fails(stage: Stage, name: str, tried: Callable[..., None]) -> None:
    sweep(stage, name, "cache", tried, FEW)


@pytest.mark.parametrize("name", OF_DATA)
def test_a_call_under_the_images_fails(stage: Stage, name: str, tried: Callable[..., None]) -> None:
    sweep(stage, name, "data", tried, FEW)


@pytest.mark.long
@pytest.mark.parametrize("name", COMMANDS)
def test_a_call_at_every_place_under_the_cache_fails(stage: Stage, name: str, tried: Callable[..., None]) -> None:
    sweep(stage, name, "cache", tried)


@pytest.mark.long
@pytest.mark.parametrize("name", OF_DATA)
def test_a_call_at_every_place_under_the_images_fails(stage: Stage, name: str, tried: Callable[..., None]) -> None:
    sweep(stage, name, "data", tried)
