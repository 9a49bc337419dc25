"""The table of the fault suite: what it names is there, and it adds up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.table import ELSEWHERE, FILES, GROUPS, Elsewhere, Tally

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("case", ELSEWHERE, ids=lambda case: case.test.rpartition(":")[2])
def test_what_is_counted_elsewhere_is_there(case: Elsewhere) -> None:
    file, _, name = case.test.partition("::")
    assert f"\ndef {name}(" in (ROOT / file).read_text()
    assert case.group in GROUPS


def test_every_file_of_the_suite_has_a_group() -> None:
    files = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    assert set(FILES) == files - {Path(__file__).stem}
    assert set(FILES.values()) <= set(GROUPS)


def test_the_table_adds_up() -> None:
    tally = Tally()
    tally.add("disk", "right", 1200)
    tally.add("disk", "refused", 34)
    tally.add("large", "lost")
    lines = list(tally.lines())
    assert lines[2 + list(GROUPS).index("disk")].endswith("| 1,234 | 1,200 | 34 | 0 |")
    assert lines[-1] == "| **all** | **1,235** | **1,200** | **34** | **1** |"
    with pytest.raises(KeyError):
        tally.add("fire", "right")
