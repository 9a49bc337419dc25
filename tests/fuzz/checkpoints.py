"""Readers of weights, and of what stands beside them."""

from __future__ import annotations

from pathlib import Path

import torch

from vitscope.errors import ModelError, WeightsError
from vitscope.models import checkpoint, huggingface, layouts

KNOWN = frozenset(torch.serialization.get_safe_globals())


def _read(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    tensors = checkpoint.read(path)
    assert all(isinstance(tensor, torch.Tensor) for tensor in tensors.values())
    assert frozenset(torch.serialization.get_safe_globals()) == KNOWN
    layouts.recognise(tensors, path.name).convert(tensors)


def safetensors(content: bytes, folder: Path) -> None:
    """A safetensors file."""
    _read(content, folder / "weights.safetensors")


def npz(content: bytes, folder: Path) -> None:
    """Google's archives of numpy arrays."""
    _read(content, folder / "weights.npz")


def torch_save(content: bytes, folder: Path) -> None:
    """What torch.save writes, today's archives and the pickles of old; TorchScript archives too."""
    _read(content, folder / "weights.pth")


def config(content: bytes, folder: Path) -> None:
    """The config.json of a model."""
    (folder / huggingface.CONFIG).write_bytes(content)
    found = huggingface.describe(folder)
    assert isinstance(found.timm, str)


def preprocessor(content: bytes, folder: Path) -> None:
    """The preprocessor_config.json beside it."""
    (folder / huggingface.CONFIG).write_text('{"model_type": "vit"}')
    (folder / huggingface.PREPROCESSOR).write_bytes(content)
    huggingface.describe(folder)


__all__ = ["ModelError", "WeightsError", "config", "npz", "preprocessor", "safetensors", "torch_save"]
