"""What is true of every text file here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
NUMBERED = r"(?i:\bprotocols? \d|[q]uirk|\bdata([\w-]*| page),? [A-E]\d)|\bQ\d{1,2}\b|\bB[1-9]\b| \(\d\.\d\)"
"""Paragraphs of a document that is not here. A section of the paper is called one, what its code does is said."""
PAGE = r"(?<![\w./{])(?:[\w-]+/)*([a-z][\w-]*\.md)\b"
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


def elsewhere(text: str) -> list[str]:
    """What a text cites that a stranger to this repository cannot look up."""
    here = {name.rpartition("/")[2] for name in FILES}
    found = [match[0] for match in re.finditer(NUMBERED, text)]
    return found + [page for page in re.findall(PAGE, text) if page not in here]


def test_nothing_cites_a_document_that_is_not_here():
    texts = {name: text.decode("utf-8", "replace") for name, text in FILES.items()}
    assert {name: found for name, text in texts.items() if (found := elsewhere(text))} == {}


@pytest.mark.parametrize(
    ("text", "place", "cited"),
    [
        ("HSIC of protocol {}.", "3.1", 1),
        ("Protocols {}: a square", "2.9", 1),
        ("stays 0 (protocol {}, null rule)", "2", 1),
        ("as the code does (Q{})", "18", 1),
        ("the evaluator (B{})", "4", 1),
        ("of each number (data-and-checkpoints A{})", "1", 1),
        ("see protocols{}", ".md", 1),
        ("at the edges ({}).", "4.4", 1),
        ("how far heads look (paper section {})", "4.3", 0),
        ("ViT-B/{}, docs/keys.md, --protocol paper", "16", 0),
    ],
)
def test_a_citation_is_noticed(text, place, cited):
    assert len(elsewhere(text.format(place))) == cited


def test_modules_say_what_they_are_and_stay_small():
    assert [name for name, text in PACKAGE.items() if not text.startswith('"""')] == []
    assert {name: lines for name, text in PACKAGE.items() if (lines := text.count("\n")) > 300} == {}


def test_the_files_are_found():
    assert {"vitscope/cli/app.py", "vitscope/store/reader.py"} <= set(PACKAGE)
    assert {"README.md", "docs/keys.md", "pyproject.toml", ".ci/run", "tests/makers.py"} <= set(FILES)
