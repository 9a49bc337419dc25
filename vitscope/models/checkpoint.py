"""Checkpoint files, read without running anything that is in them."""

from __future__ import annotations

import argparse
import hashlib
import pickle
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vitscope.errors import WeightsError, out_of_memory
from vitscope.models import archives, pickles
from vitscope.models.archives import TorchScript

NESTED = ("state_dict_ema", "model_ema", "state_dict", "model", "module")
"""Keys under which training scripts keep the weights."""

PAIRED = ("student", "teacher")
"""DINO keeps two networks side by side."""

NOT_USED = ("head.", "head_dist.", "fc_norm.", "attn_pool.", "mask_token")
"""What a checkpoint may hold besides the blocks: classifiers and training aids, which no analysis reads."""


def read(path: Path, torchscript: TorchScript = "refuse") -> dict[str, Tensor]:
    """Name → tensor of a .safetensors or .npz file, or of one written by torch.save (loaded with weights_only=True).

    Raises WeightsError when the file is missing, damaged, no checkpoint, or holds anything but tensors and containers.
    """
    if not path.is_file():
        raise WeightsError(
            f"no checkpoint at {path}: {'it is a folder' if path.is_dir() else 'there is no such file'}."
        )
    if path.suffix == ".safetensors":
        content = _safetensors(path)
    elif path.suffix == ".npz":
        content = _npz(path)
    elif archives.is_archive(path):
        content = archives.read(path, torchscript)
    else:
        content = _torch(path)
    tensors = _named(content)
    if not tensors:
        raise WeightsError(f"{path} is not a checkpoint: it holds no named tensors.")
    if strange := [name for name, tensor in tensors.items() if not _is_plain(tensor)]:
        raise WeightsError(
            f"{path} holds tensors that are not stored as they are ({_list(strange, 'such as')}): sparse, quantised or "
            "larger than what is behind them. Save its state dict alone, as plain numbers."
        )
    return tensors


def _is_plain(tensor: Tensor) -> bool:
    """Whether there is a stored number behind every number of a tensor."""
    if tensor.layout != torch.strided or tensor.is_nested or tensor.is_quantized or tensor.device.type != "cpu":
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _named(content: Any) -> dict[str, Tensor]:
    """The named tensors of what a file holds, out of the container that a training script put them in."""
    if not isinstance(content, dict):
        return {}
    if all(isinstance(content.get(side), dict) for side in PAIRED):
        content = {f"{side}.{name}": value for side in PAIRED for name, value in content[side].items()}
    for key in NESTED:
        if isinstance(content.get(key), dict):
            content = content[key]
            break
    return {str(name).removeprefix("module."): value for name, value in content.items() if torch.is_tensor(value)}


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, RuntimeError, MemoryError) as error:
        raise WeightsError(_not_whole(path, error, "a safetensors file")) from error


def _npz(path: Path) -> dict[str, Tensor]:
    archives.check_packing(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files}
    except Exception as error:  # numpy's parser of headers and the many ways to pack an archive raise any class
        raise WeightsError(_not_whole(path, error, "an .npz file of plain arrays")) from error


def _torch(path: Path) -> Any:
    archives.check_packing(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch remarks about odd files says nothing to the user
            with torch.serialization.safe_globals([argparse.Namespace]):  # what MAE and DINO keep their options in
                return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(_unsafe(path, error)) from error
    except Exception as error:  # a file that is no checkpoint can make the unpickler raise anything
        raise WeightsError(_not_whole(path, error, "a checkpoint that torch.save has written")) from error


def _not_whole(path: Path, error: Exception, kind: str) -> str:
    """One sentence for a file that is no checkpoint of this kind, or no longer; what torch says of it fills a page."""
    if out_of_memory(error):
        return archives.too_large(path)
    if isinstance(error, OSError) and error.strerror:
        return f"{path} cannot be read ({error.strerror})."
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        return f"{path} is not a checkpoint: the file is empty."
    if head == b"PK\x03\x04" and not _is_zip(path):
        return f"{path} is not a whole checkpoint: the file is cut short, so copy it again."
    return f"{path} is not {kind}, or it is cut short or damaged: give another file, or copy this one again."


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except Exception:  # an archive in several pieces
        return False


def _unsafe(path: Path, error: Exception) -> str:
    """One sentence for a pickle that torch refuses: it names code to run, or it is no pickle at all."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not a zip file, as torch.save writes since version 1.6
        names = pickles.imports(path)
    names = [name for name in names if name != "argparse.Namespace"]
    if names:
        return (
            f"{path} was not loaded: besides tensors it holds Python objects ({', '.join(sorted(names)[:3])}), which "
            f"could run code. Save its state dict alone as .safetensors and try again."
        )
    return _not_whole(path, error, "a checkpoint that torch.save has written")


def fill(model: nn.Module, tensors: dict[str, Tensor], source: str, name: str) -> list[str]:
    """Load `tensors` into `model` as float32, strictly; returns the names of what was left out (classifiers and such).

    `source` and `name` are what messages call the file and the model. Raises WeightsError naming the tensors that are
    missing, unexpected, of another shape, whole numbers (quantised, without their scale), or not finite.
    """
    wanted = model.state_dict()
    dropped = [name for name in tensors if name not in wanted and name.startswith(NOT_USED)]
    given = {name: tensor for name, tensor in tensors.items() if name not in dropped}
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    if missing or extra:
        raise WeightsError(
            f"{source} does not fit {name}: "
            f"{_list(missing, 'missing')}{'; ' if missing and extra else ''}{_list(extra, 'not expected')}."
        )
    wrong = [
        f"{name} is {_shape(given[name])}, the model has {_shape(wanted[name])}"
        for name in wanted
        if given[name].shape != wanted[name].shape
    ]
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        raise WeightsError(f"{source} was made for a model of another shape: {'; '.join(wrong[:3])}{more}.")
    whole = [name for name in wanted if wanted[name].is_floating_point() and not given[name].is_floating_point()]
    if whole:
        raise WeightsError(
            f"{source} holds whole numbers in place of weights ({_list(whole, 'such as')}), as quantised models do, "
            "and not what they were made from: give the weights before they were quantised."
        )
    broken = [name for name, tensor in given.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise WeightsError(f"{source} holds values that are not finite: {_list(broken, 'tensors with NaN or Inf')}.")
    model.load_state_dict(given, strict=True)
    return dropped


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape))


def _list(names: list[str], what: str) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{what}: {', '.join(names[:3])}{more}"


def weights_digest(model: nn.Module, changes: Iterable[str] = ()) -> str:
    """sha256 over the names, shapes and bytes of all parameters and buffers: the same weights, the same digest.

    `changes` says how the model differs from its architecture besides ("LayerNorm eps 1e-12"), and counts as well.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        value = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    for change in changes:
        digest.update(f"{change}\n".encode())
    return f"sha256:{digest.hexdigest()}"
