"""Small files that ask for endless memory are refused in a sentence before any is taken."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.fuzz.bombs import BOMBS

SAID = {
    "json-deep": "is not valid JSON",
    "json-integer": "is not valid JSON",
    "run.json-deep": "it is not JSON",
    "config-deep": "it is no JSON",
    "config-large": "asks for a model whose depth is 1e+09",
    "config-timm": "asks for a model whose embed_dim is 1e+12",
    "array-claims": "it does not hold float32 of shape (2, 3)",
    "npz-claims": "if it should fit, the file is damaged",
    "npz-packed": "more than 20 times its size",
    "torch-packed": "more than 20 times its size",
    "torch-stretched": "tensors that are not stored as they are (such as: a)",
    "torch-sparse": "tensors that are not stored as they are (such as: a)",
    "safetensors-header": "is not a safetensors file",
    "safetensors-claims": "is not a safetensors file",
    "state-header": "it is not a safetensors file",
    "gnd-length": "must be a pickle of plain lists",
    "gnd-number": "it numbers a value",
    "gnd-laughs": "must be the name of an image",
    "parquet-rows": "it claims 3,000,000 rows, more than it has bytes",
    "png-60000-image": "too large",
    "png-60000-mask": "exceeds limit",
    "png-long-image": "too large",
    "png-long-mask": "exceeds limit",
}
PASSED_OVER = {"settings-deep", "settings-integer", "memory-deep", "runs-many", "runs-packed", "runs-large"}
"""Of these the reader says something itself (settings), or goes on without them (what is remembered, regions)."""
GROWTH = 300  # MiB that reading one of them may take


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, list]:
    """What was said of each, in a process that may take a GiB more than it has."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.bombs", str(tmp_path_factory.mktemp("bombs"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_all_of_them_are_tried(said):
    assert set(said) == set(SAID) | PASSED_OVER
    assert set(BOMBS) <= set(said)


@pytest.mark.parametrize("name", SAID)
def test_a_bomb_is_refused(said, name):
    sentence, grown = said[name]
    assert SAID[name] in sentence
    assert grown < GROWTH


@pytest.mark.parametrize("name", sorted(PASSED_OVER))
def test_a_bomb_is_passed_over(said, name):
    sentence, grown = said[name]
    assert sentence == ""
    assert grown < GROWTH
