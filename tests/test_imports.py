"""What the import rule of pyproject.toml cannot see: what is loaded when a part of vitscope is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import vitscope

HEAVY = {"torch", "torchvision", "timm", "transformers", "sklearn", "scipy", "matplotlib", "plotext"}
MAY_LOAD_TORCH = {"demo", "run", "tasks", "metrics", "models", "batch"}
PARTS = sorted(
    path.stem
    for path in Path(vitscope.__file__).parent.iterdir()
    if (path.suffix == ".py" or (path / "__init__.py").is_file()) and path.stem not in {"__init__", "__main__"}
)
IMPORT_ALL = """
import sys, pkgutil, importlib
part = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(getattr(part, "__path__", []), part.__name__ + "."):
    importlib.import_module(module.name)
print(*{name.partition(".")[0] for name in sys.modules})
"""


def loaded(code: str, *arguments: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has loaded after running `code`, which prints them."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("part", [part for part in PARTS if part not in MAY_LOAD_TORCH])
def test_every_module_of_a_light_part_loads_nothing_heavy(part):
    assert loaded(IMPORT_ALL, f"vitscope.{part}") & HEAVY == set()


@pytest.mark.parametrize("part", ["data", "derive", "store"])
def test_what_is_below_the_screen_loads_no_screen(part):
    assert loaded(IMPORT_ALL, f"vitscope.{part}") & {"rich", "textual", "typer"} == set()


def test_the_package_itself_loads_nothing():
    code = "import sys; before = set(sys.modules); import vitscope; print(*set(sys.modules) - before)"
    assert loaded(code) == {"vitscope"}


def test_the_parts_are_found():
    assert {"cli", "store", "derive", "data", "tui", "views", "export", "run", "metrics", "models"} <= set(PARTS)
