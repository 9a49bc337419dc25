"""A call of the system fails, under the cache or under the images: the n-th of a command, for n all over it.

The usual run takes a few places of every command and fault; with `-m long` it is every single one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import commands, disk
from tests.faults.commands import COMMANDS, Stage
from tests.faults.disk import Fault

PLACES = 2  # of every command and fault, in the usual run
WRITING = [name for name, command in COMMANDS.items() if not command.reads]
READING = [name for name, command in COMMANDS.items() if command.reads]
UNDER_CACHE = [(name, fault) for name in WRITING for fault in disk.EVERY] + [
    (name, fault) for name in READING for fault in disk.OF_READING
]
UNDER_DATA = [(name, fault) for name in ("extract", "evaluate units") for fault in disk.OF_READING]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, few: Path) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        commands.kept_models(patch)
        commands.tasks(patch)
        commands.without_disk(patch)
        yield Stage(tmp_path_factory.mktemp("stage"), few)


def sweep(stage: Stage, name: str, fault: Fault, under: str, tried: Callable[..., None], places: int) -> None:
    """Let one call after another fail; `places`: at most so many of them, spread evenly and with the last; 0: all."""
    made = stage.calls(name, fault, under)
    assert made
    step = max(len(made) // places, 1) if places else 1
    for at in range(len(made), 0, -step):
        try:
            end = stage.spoiled(name, fault, at, under)
        except Exception as error:
            error.add_note(f"{name}: {fault.name} at call {at} of {len(made)}: {made[at - 1]}")
            raise
        tried("disk" if under == "cache" else "source", end)


@pytest.mark.parametrize(("name", "fault"), UNDER_CACHE, ids=lambda value: getattr(value, "name", value))
def test_a_call_under_the_cache_fails(stage: Stage, name: str, fault: Fault, tried: Callable[..., None]) -> None:
    sweep(stage, name, fault, "cache", tried, PLACES)


@pytest.mark.parametrize(("name", "fault"), UNDER_DATA, ids=lambda value: getattr(value, "name", value))
def test_a_call_under_the_images_fails(stage: Stage, name: str, fault: Fault, tried: Callable[..., None]) -> None:
    sweep(stage, name, fault, "data", tried, PLACES)


@pytest.mark.long
@pytest.mark.parametrize(("name", "fault"), UNDER_CACHE, ids=lambda value: getattr(value, "name", value))
def test_every_call_under_the_cache_fails(stage: Stage, name: str, fault: Fault, tried: Callable[..., None]) -> None:
    sweep(stage, name, fault, "cache", tried, 0)


@pytest.mark.long
@pytest.mark.parametrize(("name", "fault"), UNDER_DATA, ids=lambda value: getattr(value, "name", value))
def test_every_call_under_the_images_fails(stage: Stage, name: str, fault: Fault, tried: Callable[..., None]) -> None:
    sweep(stage, name, fault, "data", tried, 0)
