"""A model whose activations are no numbers: a sentence, and nothing of the shard is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.faults.commands import program
from tests.run import jobs
from tests.run.program import sentence_of
from vitscope.store.reader import Cache

METRICS = ("attention", "vectors", "grams", "token-norms", "gallery")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jobs.weights(tmp_path_factory.mktemp("weights") / "good.safetensors")


def spoilt(weights: Path, path: Path, name: str, value: float) -> Path:
    """The weights with one number changed."""
    state = load_file(weights)
    state[name].view(-1)[0] = value
    save_file(state, path)
    return path


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers(
    weights: Path, few: Path, tmp_path: Path, tried: Callable[..., None], metric: str, value: float
) -> None:
    checkpoint = spoilt(weights, tmp_path / "bad.safetensors", "blocks.2.mlp.fc1.bias", value)
    cache = tmp_path / "cache"
    given = ("--model", jobs.MODEL, "--checkpoint", checkpoint, "--image-size", "64", "--data", few, "--cache", cache)
    code, out, said = program("extract", "--quiet", "--metrics", metric, *given)
    sentence = sentence_of(code, out, said)
    assert "not finite" in sentence
    assert jobs.committed(cache) == {}
    assert all(not run.complete and run.results() == {} for run in Cache(cache).runs())
    tried("numbers", "refused")


@pytest.mark.parametrize("metric", METRICS)
def test_half_precision_that_overflows(
    weights: Path, few: Path, tmp_path: Path, tried: Callable[..., None], metric: str
) -> None:
    """In float32 the same weights are measured."""
    checkpoint = spoilt(weights, tmp_path / "big.safetensors", "blocks.1.mlp.fc2.bias", 1e6)
    given = ("--model", jobs.MODEL, "--checkpoint", checkpoint, "--image-size", "64", "--data", few)
    half = ("--precision", "fp16", "--cache", tmp_path / "half")
    sentence = sentence_of(*program("extract", "--quiet", "--metrics", metric, *given, *half))
    assert "--precision fp32" in sentence
    assert jobs.committed(tmp_path / "half") == {}
    tried("numbers", "refused")
    code, _, said = program("extract", "--quiet", "--metrics", metric, *given, "--cache", tmp_path / "full")
    assert code == 0 or ("not finite" in said and metric in {"vectors"}), said
    tried("numbers", "right" if code == 0 else "refused")
