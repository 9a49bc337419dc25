"""TorchScript archives, as OpenAI published CLIP: loading one compiles code that is in it, so it has to be allowed."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from vitscope import catalog
from vitscope.amounts import bytes_in_words
from vitscope.errors import WeightsError, out_of_memory

TorchScript = Literal["refuse", "known", "any"]
"""Which archives are loaded: none, published ones by their sha256, any."""

PACKED, SMALL = 20, 256 << 20
"""An archive of weights unpacks to at most so many times its size, if that is more than so many bytes."""


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """sha256 (or another digest) of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def is_archive(path: Path) -> bool:
    """Whether a file is a TorchScript archive: a zip with compiled code and constants."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # what is no archive, or one of a kind that is not read here
        return False
    return any("/code/" in name for name in names) and any(name.endswith("/constants.pkl") for name in names)


def check_packing(path: Path) -> None:
    """Raise WeightsError for an archive whose entries are far larger than itself; one that cannot be read passes."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except Exception:  # as above: its reader says what is wrong with it
        return
    if size > max(SMALL, PACKED * path.stat().st_size):
        raise WeightsError(
            f"{path} was not loaded: it unpacks to {size / 1e9:,.1f} GB, more than {PACKED} times its size: weights "
            "are not packed so tightly."
        )


def too_large(path: Path) -> str:
    """One sentence for a file with which memory ran out; one that is damaged may claim any size."""
    return (
        f"{path} has {bytes_in_words(path.stat().st_size)} and asks for more memory than this machine has left: end "
        "other programs, or take another machine; if it should fit, the file is damaged, so copy it again."
    )


def published() -> dict[str, str]:
    """sha256 → name of the files whose whole digest is known."""
    files = [model.original for model in catalog.MODELS.values() if model.original]
    return {file.digest.removeprefix("sha256:"): file.file for file in files if len(file.digest) == len("sha256:") + 64}


def read(path: Path, allowed: TorchScript) -> dict[str, Tensor]:
    """The tensors of an archive; raises WeightsError unless its sha256 is known and `allowed`, or any is."""
    known = published().get(file_digest(path))
    if allowed == "refuse" or (allowed == "known" and known is None):
        whose = f"OpenAI's {known}, by its sha256" if known else "by its sha256 none that OpenAI published"
        option = "--allow-torchscript" if known else "--allow-any-torchscript"
        raise WeightsError(
            f"{path} is a TorchScript archive, {whose}: loading it compiles code that is in it, so it was not loaded; "
            f"{option} loads it{'' if known else ', if you trust where it came from'}."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is deprecated helps nobody here
            state = torch.jit.load(path, map_location="cpu").state_dict()
    except Exception as error:  # an archive that is damaged can make the compiler raise anything
        said = f"{path} is a TorchScript archive that cannot be loaded: copy it again."
        raise WeightsError(too_large(path) if out_of_memory(error) else said) from error
    return dict(state)
