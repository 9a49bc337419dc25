"""What the tests of the fault suite share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.faults import table
from tests.run import jobs


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than they bring with models this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
