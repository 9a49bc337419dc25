"""Checkpoints are read without running anything in them, and fit strictly or not at all."""

from __future__ import annotations

import pickle
import warnings
from argparse import Namespace
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vitscope.errors import WeightsError
from vitscope.models import archives
from vitscope.models.archives import file_digest
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
    assert fill(tiny, read(tmp_path / "w.safetensors"), "w.safetensors", "tiny") == []
    assert {tensor.dtype for tensor in tiny.state_dict().values()} == {torch.float32}
    assert weights_digest(tiny) != before, "rounded to half, so other weights"
    for name, tensor in tiny.state_dict().items():
        torch.testing.assert_close(tensor, weights[name].half().float())


def test_the_digest_is_of_the_weights_not_of_the_file(tmp_path, tiny, weights):
    before = weights_digest(tiny)
    torch.save({"model": dict(reversed(weights.items()))}, tmp_path / "a.pth")
    fill(tiny, read(tmp_path / "a.pth"), "a.pth", "tiny")
    assert weights_digest(tiny) == before


def test_classifiers_are_left_out_and_named(tiny, weights):
    weights |= {"head.weight": torch.zeros(5, 48), "head.bias": torch.zeros(5)}
    assert fill(tiny, weights, "file", "tiny") == ["head.weight", "head.bias"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda w: w.pop("blocks.1.attn.qkv.weight"), "file does not fit tiny: missing: blocks.1.attn.qkv.weight"),
        (lambda w: w.update({"norm.weight": torch.ones(48, dtype=torch.int8)}), r"whole numbers .*norm.weight"),
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
        fill(tiny, weights, "file", "tiny")
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


def test_options_in_a_namespace_are_let_through(tmp_path, weights):
    """MAE's and DINO's training code keeps them there; nothing of them is taken."""
    torch.save({"model": weights, "args": Namespace(lr=1, names=["a"])}, tmp_path / "full.pth")
    assert read(tmp_path / "full.pth").keys() == weights.keys()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (Namespace(folder=Path("x")), "pathlib"),
        (defaultdict(int), "collections.defaultdict"),
        ({"loss": np.float64(1)}, "numpy"),
    ],
)
def test_nothing_else_is_let_through_and_the_message_names_it(tmp_path, weights, options, named):
    torch.save({"model": weights, "args": options}, tmp_path / "full.pth")
    with pytest.raises(WeightsError, match=rf"was not loaded: .*{named}.*could run code") as said:
        read(tmp_path / "full.pth")
    assert "Namespace" not in str(said.value)


def test_a_namespace_that_carries_a_trap(tmp_path, weights):
    mark = tmp_path / "ran"
    torch.save({"model": weights, "args": Namespace(trap=Trap(mark))}, tmp_path / "full.pth")
    with pytest.raises(WeightsError, match="was not loaded"):
        read(tmp_path / "full.pth")
    assert not mark.exists()


def test_arrays_of_objects_are_no_weights(tmp_path):
    mark = tmp_path / "ran"
    np.savez(tmp_path / "w.npz", a=np.array([Trap(mark)], dtype=object))
    with pytest.raises(WeightsError, match=r"w.npz is not an .npz file of plain arrays"):
        read(tmp_path / "w.npz")
    assert not mark.exists()


@pytest.mark.parametrize("cut", [50, 2000])
def test_arrays_cut_short(tmp_path, cut):
    np.savez(tmp_path / "w.npz", a=np.zeros(4000))
    (tmp_path / "w.npz").write_bytes((tmp_path / "w.npz").read_bytes()[:-cut])
    with pytest.raises(WeightsError, match="cut short"):
        read(tmp_path / "w.npz")


# TorchScript


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A TorchScript archive, and its digest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated
        scripted = torch.jit.script(torch.nn.Linear(3, 2).half())
        torch.jit.save(scripted, tmp_path / "archive.pt")
    return tmp_path / "archive.pt", file_digest(tmp_path / "archive.pt")


@pytest.mark.parametrize("allowed", ["refuse", "known"])
def test_an_archive_is_not_loaded_unless_it_is_allowed(archive, allowed):
    path, _ = archive
    with pytest.raises(
        WeightsError, match=r"TorchScript archive, by its sha256 none that OpenAI published: .*any-torchscript"
    ):
        read(path, allowed)


def test_an_archive_that_is_known_needs_the_option_all_the_same(archive, monkeypatch):
    path, digest = archive
    monkeypatch.setattr(archives, "published", lambda: {digest: "ViT-B-16.pt"})
    with pytest.raises(WeightsError, match=r"OpenAI's ViT-B-16.pt, by its sha256: .*; --allow-torchscript loads it\."):
        read(path)
    assert read(path, "known").keys() == {"weight", "bias"}


def test_any_archive_where_any_is_allowed(archive):
    assert {name: tuple(t.shape) for name, t in read(archive[0], "any").items()} == {"weight": (2, 3), "bias": (2,)}


def test_an_archive_cut_in_the_middle(archive):
    path, _ = archive
    damaged = bytearray(path.read_bytes())
    damaged[300:600] = bytes(300)
    path.write_bytes(bytes(damaged))
    with pytest.raises(WeightsError, match=r"archive\.pt (is|was)"):
        read(path, "any")


def test_the_digests_that_are_known():
    assert archives.published() == {
        "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af": "ViT-B-32.pt",
        "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f": "ViT-B-16.pt",
        "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836": "ViT-L-14.pt",
    }


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.pt", "w.bin", "w.npz"])
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


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 20.0 GiB for an array"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:116] DefaultCPUAllocator: can't allocate memory: 9 bytes"),
        OSError(12, "Cannot allocate memory"),
    ],
)
@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("w.safetensors", "vitscope.models.checkpoint.load_file"),
        ("w.npz", "numpy.load"),
        ("w.pth", "torch.load"),
        ("archive.pt", "torch.jit.load"),
    ],
)
def test_short_memory_is_not_taken_for_damage(tmp_path, weights, archive, monkeypatch, name, reader, error):
    def no_memory(*_, **__):
        raise error

    if name != archive[0].name:
        (tmp_path / name).write_bytes(bytes(4200))
    monkeypatch.setattr(reader, no_memory)
    with pytest.raises(WeightsError, match=rf"{name} has .* kB and asks for more memory than this machine has left"):
        read(tmp_path / name, "any")


def test_no_file(tmp_path):
    with pytest.raises(WeightsError, match="there is no such file"):
        read(tmp_path / "nothing.pth")
    with pytest.raises(WeightsError, match="it is a folder"):
        read(tmp_path)


def test_no_tensors(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds no named tensors"):
        read(tmp_path / "w.pth")
