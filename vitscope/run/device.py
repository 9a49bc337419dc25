"""Which device computes, and how much memory it has left."""

from __future__ import annotations

import os
import platform

import torch

from vitscope.errors import DeviceError


def choose(name: str) -> torch.device:
    """The device for "auto", "cpu", "cuda", "cuda:1" or "mps"; raises DeviceError when it is not there."""
    if name == "auto":
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"no device is called {name!r}; use auto, cpu, cuda, cuda:0 … or mps.") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"asked for {name}, but this machine has {torch.cuda.device_count()} CUDA devices; use auto or cpu."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("asked for mps, but this machine has none; use auto or cpu.")
    if device.type not in {"cpu", "cuda", "mps"}:
        raise DeviceError(f"cannot compute on {name!r}; use auto, cpu, cuda, cuda:0 … or mps.")
    return device


def describe(device: torch.device) -> str:
    """The device in words, such as "cuda:0 (NVIDIA H100)"."""
    if device.type == "cuda":
        return f"cuda:{device.index or 0} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({platform.machine()}, {torch.get_num_threads()} threads)"
    return str(device)


def free_memory(device: torch.device) -> int | None:
    """Bytes free for new arrays; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
