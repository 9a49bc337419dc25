"""Checkpoints are read without running anything in them, and fit strictly or not at all."""

from __future__ import annotations

import pickle
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vitscope.errors import WeightsError
from vitscope.models.checkpoint import fill, read, weights_digest


@pytest.fixture
def weights(tiny):
    return {name: tensor.clone() for name, tensor in tiny.state_dict().items()}


@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"model": w}, lambda w: {"state_dict": w, "epoch": 3}])
def test_layouts_of_training_scripts(tmp_path, weights, wrap):
    torch.save(wrap(weights), tmp_path / "weights.pth")
    assert {name: tuple(t.shape) for name, t in read(tmp_path / "weights.pth").items()} == {
        name: tuple(t.shape) for name, t in weights.items()
    }


def test_data_parallel_prefix_and_half_precision(tmp_path, tiny, weights):
    save_file({f"module.{name}": tensor.half() for name, tensor in weights.items()}, tmp_path / "w.safetensors")
    before = weights_digest(tiny)
    assert fill(tiny, read(tmp_path / "w.safetensors"), "w.safetensors") == []
    assert {tensor.dtype for tensor in tiny.state_dict().values()} == {torch.float32}
    assert weights_digest(tiny) != before, "rounded to half, so other weights"
    for name, tensor in tiny.state_dict().items():
        torch.testing.assert_close(tensor, weights[name].half().float())


def test_the_digest_is_of_the_weights_not_of_the_file(tmp_path, tiny, weights):
    before = weights_digest(tiny)
    torch.save({"model": dict(reversed(weights.items()))}, tmp_path / "a.pth")
    fill(tiny, read(tmp_path / "a.pth"), "a.pth")
    assert weights_digest(tiny) == before


def test_classifiers_are_left_out_and_named(tiny, weights):
    weights |= {"head.weight": torch.zeros(5, 48), "head.bias": torch.zeros(5)}
    assert fill(tiny, weights, "file") == ["head.weight", "head.bias"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda w: w.pop("blocks.1.attn.qkv.weight"), "missing: blocks.1.attn.qkv.weight"),
        (lambda w: w.update(extra=torch.zeros(1)), "not expected: extra"),
        (lambda w: w.update({"cls_token": torch.zeros(1, 1, 9)}), "cls_token is 1×1×9, the model has 1×1×48"),
        (lambda w: w["norm.weight"].fill_(torch.nan), "tensors with NaN or Inf: norm.weight"),
        (lambda w: w["norm.weight"].fill_(torch.inf), "tensors with NaN or Inf: norm.weight"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(tiny, weights, change, sentence):
    before = weights_digest(tiny)
    change(weights)
    with pytest.raises(WeightsError, match=sentence):
        fill(tiny, weights, "file")
    assert weights_digest(tiny) == before


class Trap:
    """What a hostile pickle does when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("save", [torch.save, lambda obj, path: path.write_bytes(pickle.dumps(obj))])
def test_a_pickle_that_would_run_code_does_not(tmp_path, weights, save):
    mark, path = tmp_path / "ran", tmp_path / "hostile.pth"
    save({"model": weights, "trap": Trap(mark)}, path)
    with pytest.raises(WeightsError, match="hostile"):
        read(path)
    assert not mark.exists()


def test_the_message_names_what_the_file_holds(tmp_path, weights):
    torch.save({"model": weights, "args": Namespace(lr=1)}, tmp_path / "full.pth")
    with pytest.raises(WeightsError, match=r"argparse.Namespace.*could run code"):
        read(tmp_path / "full.pth")


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.pt", "w.bin"])
@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x80\x02", b"PK\x03\x04", bytes(range(256)) * 9])
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=rf"{name} (is not a|was not loaded)"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_file_cut_short(tmp_path, weights, name):
    path = tmp_path / name
    torch.save(weights, path) if name == "w.pth" else save_file(weights, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="cut short"):
        read(path)


def test_no_file(tmp_path):
    with pytest.raises(WeightsError, match="there is no such file"):
        read(tmp_path / "nothing.pth")
    with pytest.raises(WeightsError, match="it is a folder"):
        read(tmp_path)


def test_no_tensors(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds no named tensors"):
        read(tmp_path / "w.pth")
