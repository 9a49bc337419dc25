"""What the tests of the fault suite share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import commands, table
from tests.faults.sound import Sound, built
from tests.run import jobs
from tests.run.conftest import one_thread  # noqa: F401 (a fixture)


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Iterator[Callable[[str, table.Outcome], None]]:
    """`tried(group, end)`: a case of a group has ended so."""
    counted: Counter[tuple[str, str]] = Counter()

    def count(group: str, end: table.Outcome) -> None:
        assert group in table.GROUPS
        counted[group, end] += 1

    yield count
    for (group, end), times in counted.items():
        record_property(table.PROPERTY, f"{group} {end} {times}")


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 pictures: two shards. Do not write in it."""
    return jobs.pictures(tmp_path_factory.mktemp("few"), 36)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, few: Path) -> Iterator[Sound]:
    """A cache to be damaged in copies; as long as it is there, commands are quick."""
    with commands.quick():
        yield built(few, tmp_path_factory.mktemp("sound"))
