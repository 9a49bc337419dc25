"""Weights that are no weights, do not fit, would run code, or are not there: one clear sentence, never random ones."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.run import jobs
from tests.run.program import World, sentence_of

Weights = dict[str, torch.Tensor]


# What is given as a checkpoint


class Trap:
    """What a hostile pickle does when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.mark),)


def changed(weights: Weights, **changes: torch.Tensor | None) -> Weights:
    """Some tensors replaced, or left out where None; dots are written as double underscores."""
    named = {name.replace("__", "."): tensor for name, tensor in changes.items()}
    return {name: tensor for name, tensor in {**weights, **named}.items() if tensor is not None}


def other_architecture() -> Weights:
    return timm.create_model("test_vit3", img_size=64, num_classes=0).state_dict()


NO_CHECKPOINT: dict[str, tuple[str, Callable[[Path, Path], object]]] = {
    "text.pth": ("is not a checkpoint", lambda path, good: path.write_text("hello\n")),
    "text.safetensors": ("is not a safetensors file, or", lambda path, good: path.write_text("hello, world\n")),
    "empty.pth": ("the file is empty", lambda path, good: path.write_bytes(b"")),
    "empty.safetensors": ("the file is empty", lambda path, good: path.write_bytes(b"")),
    "zeros.pth": ("is not a checkpoint", lambda path, good: path.write_bytes(bytes(5000))),
    "cut.safetensors": ("cut short", lambda path, good: path.write_bytes(good.read_bytes()[:-100])),
    "head.safetensors": ("cut short", lambda path, good: path.write_bytes(good.read_bytes()[:1000])),
    "cut.pth": ("the file is cut short", lambda path, good: cut(path, load_file(good), True)),
    "old-and-cut.pth": ("cut short", lambda path, good: cut(path, load_file(good), False)),
    "archive.pth": ("is not a checkpoint", lambda path, good: zipfile.ZipFile(path, "w").writestr("a", "b")),
    "list.pth": ("holds no named tensors", lambda path, good: torch.save([1, 2], path)),
    "folder.pth": ("no weights in", lambda path, good: path.mkdir()),
    "missing.pth": ("there is no such file", lambda path, good: None),
}


def cut(path: Path, weights: Weights, as_zip: bool) -> None:
    torch.save(weights, path, _use_new_zipfile_serialization=as_zip)
    path.write_bytes(path.read_bytes()[:-3000])


@pytest.mark.parametrize("name", NO_CHECKPOINT)
def test_a_file_that_is_no_checkpoint(refused: Callable[..., str], world: World, tmp_path: Path, name: str) -> None:
    reason, write = NO_CHECKPOINT[name]
    write(tmp_path / name, world.checkpoint)
    sentence = refused("--checkpoint", tmp_path / name)
    assert str(tmp_path / name) in sentence
    assert reason in sentence
    assert "weights_only" not in sentence  # torch's advice is to run the code in the file


DOES_NOT_FIT: dict[str, tuple[str, Callable[[Weights], Weights]]] = {
    "shape": (
        "another shape: cls_token is 1×1×32, the model has 1×1×64; norm.weight is 7, the model has 64",
        lambda good: changed(good, cls_token=torch.zeros(1, 1, 32), norm__weight=torch.zeros(7)),
    ),
    "architecture": (
        "holds 9 layers of width 96 with patches of 16×16, and timm/test_vit has 6 layers of width 64",
        lambda good: other_architecture(),
    ),
    "missing": (
        "missing: blocks.2.norm1.bias, norm.weight",
        lambda good: changed(good, norm__weight=None, blocks__2__norm1__bias=None),
    ),
    "unexpected": (
        "not expected: blocks.9.norm1.bias",
        lambda good: changed(good, blocks__9__norm1__bias=torch.ones(64)),
    ),
    "nan": (
        "tensors with NaN or Inf: blocks.1.attn.proj.bias",
        lambda good: changed(good, blocks__1__attn__proj__bias=torch.full((64,), torch.nan)),
    ),
    "infinite": (
        "tensors with NaN or Inf: norm.bias",
        lambda good: changed(good, norm__bias=torch.full((64,), torch.inf)),
    ),
    "hostile name": ("not expected: a\ufffd[2Jb", lambda good: {**good, "a\x1b[2Jb": torch.ones(1)}),
}


@pytest.mark.parametrize("case", DOES_NOT_FIT)
def test_a_checkpoint_that_does_not_fit(refused: Callable[..., str], world: World, tmp_path: Path, case: str) -> None:
    expected, change = DOES_NOT_FIT[case]
    save_file(change(load_file(world.checkpoint)), tmp_path / "given.safetensors")
    sentence = refused("--checkpoint", tmp_path / "given.safetensors")
    assert sentence.startswith("given.safetensors ")
    assert expected in sentence


@pytest.mark.parametrize("how", ["torch.save", "torch.save before 1.6", "pickle", "pickle of long ago"])
def test_a_pickle_that_would_run_code(refused: Callable[..., str], world: World, tmp_path: Path, how: str) -> None:
    mark, path = tmp_path / "ran", tmp_path / "given.pth"
    content = {"model": load_file(world.checkpoint), "args": Trap(mark)}
    if how.startswith("torch"):
        torch.save(content, path, _use_new_zipfile_serialization=how == "torch.save")
    else:
        path.write_bytes(pickle.dumps(Trap(mark), protocol=4 if how == "pickle" else 0))
    sentence = refused("--checkpoint", path)
    assert sentence.startswith(f"{path} was not loaded: ")
    assert "posix.mkdir" in sentence
    assert not mark.exists()
    assert pickle.loads(path.read_bytes()) is None if how.startswith("pickle") else True
    assert mark.exists() == how.startswith("pickle")  # it would have run


def test_an_archive_of_torchscript_without_permission(refused: Callable[..., str], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated
        torch.jit.save(torch.jit.script(torch.nn.Linear(3, 2)), tmp_path / "given.pt")
    for options in ((), ("--allow-torchscript",)):
        sentence = refused("--checkpoint", tmp_path / "given.pt", *options)
        assert "is a TorchScript archive, by its sha256 none that OpenAI published" in sentence
        assert "--allow-any-torchscript loads it, if you trust" in sentence
    sentence = refused("--checkpoint", tmp_path / "given.pt", "--allow-any-torchscript")
    assert "no layout of a Vision Transformer" in sentence


def test_a_checkpoint_of_another_method(refused: Callable[..., str], world: World, tmp_path: Path) -> None:
    state = {f"module.base_encoder.{name}": tensor for name, tensor in load_file(world.checkpoint).items()}
    torch.save({"state_dict": state}, tmp_path / "moco.pth.tar")
    sentence = refused("--checkpoint", tmp_path / "moco.pth.tar", model="mae")
    assert sentence.startswith(
        "moco.pth.tar is a checkpoint in the layout of MoCo-v3 (its base encoder), and mae stands"
    )


def test_a_folder_that_describes_no_model(refused: Callable[..., str], world: World, tmp_path: Path) -> None:
    shutil.copy(world.checkpoint, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "a\\u001b[2Jb"}')
    sentence = refused("--checkpoint", tmp_path, model="hf-hub:somebody/something")
    assert "config.json describes a model of type 'a" in sentence
    assert "\x1b" not in sentence


def test_a_model_that_has_to_be_supplied_by_hand(refused: Callable[..., str]) -> None:
    sentence = refused(model="moco")
    assert "get vit-b-300ep.pth.tar from https://github.com/facebookresearch/moco-v3" in sentence
    assert "--checkpoint vit-b-300ep.pth.tar" in sentence


def test_a_checkpoint_for_a_random_model(refused: Callable[..., str], world: World) -> None:
    assert "random weights by definition" in refused("--checkpoint", world.checkpoint, model=jobs.UNTRAINED)


# Weights that are not there


@pytest.mark.slow
def test_no_weights_and_no_network(world: World, tmp_path: Path) -> None:
    """Told to stay offline, or finding nobody: said at once, without retries, and never random weights instead."""
    offline = {"HF_HUB_OFFLINE": "1"}
    nobody = {"HF_ENDPOINT": "http://127.0.0.1:9"}  # a port that refuses
    started = {}
    for name, variables in (("offline", offline), ("nobody", nobody)):
        home, cache = tmp_path / name, tmp_path / f"{name}-cache"
        home.mkdir()
        program = (sys.executable, "-m", "vitscope", "extract", "--model", jobs.MODEL, "--data", world.data)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGINGFACE"))}
        started[name] = subprocess.Popen(
            [*map(str, program), "--cache", str(cache)],
            env={**environment, "HF_HOME": str(home), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    for name, reason in (("offline", "HF_HUB_OFFLINE is set"), ("nobody", "Connection refused")):
        out, err = started[name].communicate()
        sentence = sentence_of(started[name].returncode, out, err)
        assert sentence.startswith(
            "no weights for timm/test_vit: model.safetensors of timm/test_vit.r160_in1k is neither"
        )
        assert str(tmp_path / name) in sentence
        assert reason in sentence
        assert all(way in sentence for way in ("reach the Hub once", "HF_HOME", "--checkpoint", "random/test_vit"))
        assert not (tmp_path / f"{name}-cache").exists()


def test_a_model_that_timm_has_no_weights_of(refused: Callable[..., str]) -> None:
    sentence = refused(model="timm/test_vit_relpos")
    assert sentence.startswith("no weights for timm/test_vit_relpos: timm knows none")
    assert "--checkpoint" in sentence
