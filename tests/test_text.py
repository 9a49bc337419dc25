"""What is true of every text file here."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = {".py", ".md", ".toml", ".tcss", ".txt", ".json", ""}
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_bytes()
    for pattern in ("*", "docs/*", "vitscope/**/*", "tests/**/*", ".ci/*")
    for path in sorted(ROOT.glob(pattern))
    if path.is_file() and path.name != ".git" and path.suffix in KINDS and "__pycache__" not in path.parts
}
PACKAGE = {name: text.decode("utf-8") for name, text in FILES.items() if re.fullmatch(r"vitscope/.*\.py", name)}
SOMEBODYS_FOLDER = rb"(?<![\w.])/(work|root|mnt|home/\w+|Users/\w+)/"
SCRATCH_FOLDER = r"(?<![\w.])/(tmp|var/tmp|dev/shm)\b"
LOOKS = "vitscope/run/machine.py"
"""Asks how much shared memory is free, and keeps nothing there."""
RUNS_CODE = (
    r"\b(pickle|marshal|dill|joblib)\.(load|Unpickler)|allow_pickle=True|weights_only=False|(?<![.\w])(eval|exec)\("
)


def test_text_is_clean():
    dirty = [
        name
        for name, text in FILES.items()
        if b"\r" in text or (text and not text.endswith(b"\n")) or re.search(rb"[ \t]$", text, re.MULTILINE)
    ]
    assert dirty == []


def test_nothing_knows_the_folders_of_one_machine():
    assert [name for name, text in FILES.items() if re.search(SOMEBODYS_FOLDER, text)] == []
    assert [name for name, text in PACKAGE.items() if re.search(SCRATCH_FOLDER, text)] == [LOOKS]


GUARDED = "vitscope/data/revisited.py"
"""Reads the pickles of ROxford5k and RParis6k by an unpickler that knows no names: tests/data tries hostile ones."""


def test_nothing_is_read_that_could_run_code():
    assert [name for name, text in PACKAGE.items() if re.search(RUNS_CODE, text)] == [GUARDED]


def test_modules_say_what_they_are_and_stay_small():
    assert [name for name, text in PACKAGE.items() if not text.startswith('"""')] == []
    assert {name: lines for name, text in PACKAGE.items() if (lines := text.count("\n")) > 300} == {}


def test_the_files_are_found():
    assert {"vitscope/cli/app.py", "vitscope/store/reader.py"} <= set(PACKAGE)
    assert {"README.md", "docs/keys.md", "pyproject.toml", ".ci/run", "tests/makers.py"} <= set(FILES)
