"""Reading a cache needs numpy alone, and nothing that a network file system does not do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import vitscope.store

FOLDER = Path(vitscope.store.__file__).parent
MODULES = sorted(f"vitscope.store.{path.stem}" for path in FOLDER.glob("*.py") if path.stem != "__init__")


def test_no_torch_is_loaded():
    heavy = {"torch", "timm", "torchvision", "sklearn", "scipy", "matplotlib", "textual", "PIL"}
    code = f"import sys, {', '.join(MODULES)}; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_pickle_no_database_no_advisory_lock_no_shared_mapping():
    imported = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names == {"numpy", "platformdirs", "safetensors", "vitscope"}
    assert not imported & {"pickle", "shelve", "dbm", "sqlite3", "fcntl", "msvcrt", "mmap"}
