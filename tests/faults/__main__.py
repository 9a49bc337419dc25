"""`python -m tests.faults [--long]`: run the fault suite and print how many of its cases ended how."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.table import ELSEWHERE, FILES, PROPERTY, Tally

USUAL = "not long and not sweep"
WHOLE = (
    "(long or not long) and not sweep and not weights"  # tests that are long have to be named: see tests/conftest.py
)


class Counting:
    """A plugin of pytest that fills a tally."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._elsewhere = {case.test: case for case in ELSEWHERE}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what a test has told; one that fails is a case that is lost, besides what it counted before."""
        if report.when == "teardown":
            for _, told in (entry for entry in report.user_properties if entry[0] == PROPERTY):
                group, end, count = str(told).split()
                self.tally.add(group, end, int(count))
        case = self._elsewhere.get(report.nodeid.partition("[")[0])
        if report.failed:
            file = Path(report.nodeid.partition("::")[0]).stem
            self.tally.add(case.group if case else FILES[file], "lost")
        elif report.when == "call" and case and report.passed:
            self.tally.add(case.group, case.ends)


def main() -> int:
    """Run it; the exit code of pytest."""
    counting = Counting()
    which = ["-m", WHOLE if "--long" in sys.argv[1:] else USUAL]
    chosen = ["tests/faults", *sorted({case.test for case in ELSEWHERE})]
    code = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", *which, *chosen], [counting])
    print("\n".join(counting.tally.lines()))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
