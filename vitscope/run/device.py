"""Which device computes, and how much memory it has left."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from vitscope.amounts import counted
from vitscope.errors import DeviceError, out_of_memory


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
        return f"cpu ({platform.machine()}, {counted(torch.get_num_threads(), 'thread')})"
    return str(device)


def too_small(device: torch.device, batch_size: int, smaller: int) -> str:
    """The sentence for a batch that did not fit."""
    return f"{describe(device)} has too little memory for batches of {batch_size} images: {smaller} at a time now"


def release(device: torch.device) -> None:
    """Give back the memory that torch keeps for later, so that a smaller batch finds room."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


@contextmanager
def memory_of(device: torch.device) -> Iterator[None]:
    """Raise DeviceError where memory runs out inside, there or in a process that decodes; everything else passes."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error)
        if text.startswith("DataLoader worker"):  # raised by a signal handler, wherever the main process stands
            raise DeviceError(
                "a process that decodes images was ended by the system, which does that when memory or shared memory "
                "is short: try fewer --workers, or --workers 0; what was finished is kept."
            ) from error
        if not out_of_memory(error):
            raise
        raise DeviceError(
            f"{describe(device)} has too little memory for this model and these images: use a smaller --batch-size or "
            "--image-size, fewer --metrics, or another --device; what was finished is kept."
        ) from error


def free_memory(device: torch.device) -> int | None:
    """Bytes free for new arrays, those that hold nothing but cached files included; None where the system is silent."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None
