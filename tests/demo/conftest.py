"""The world, written once for all tests that read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitscope.demo import world


@pytest.fixture(scope="session")
def world_roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The roots of all six data sets. Do not write in them."""
    return world.write(tmp_path_factory.mktemp("world"))
