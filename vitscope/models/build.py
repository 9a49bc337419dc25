"""A model's name, and perhaps a checkpoint → an eval model that is ready to be tapped."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import timm
import torch
from huggingface_hub.errors import HfHubHTTPError
from torch import Tensor, nn

from vitscope import catalog
from vitscope.errors import ModelError, UnknownName, VitscopeError
from vitscope.models import checkpoint as checkpoints
from vitscope.models import hub

RANDOM = "random"
RANDOM_ARCHITECTURE = "vit_base_patch16_224"
SEED = 0


@dataclass(frozen=True)
class Loaded:
    """An eval model in float32 on the CPU, and what is known of it."""

    name: str  # as the user named it
    module: nn.Module
    weights: str  # identity of the weights: "sha256:…", or "random:SEED"
    image_size: tuple[int, int]  # height, width
    mean: tuple[float, float, float]  # normalisation, RGB in 0 … 1
    std: tuple[float, float, float]
    checkpoint: dict[str, str] | None  # file and its sha256
    notes: tuple[str, ...]  # sentences for the user: what was dropped, which size was taken

    @property
    def normalization(self) -> str:
        """Mean and standard deviation in clear."""
        return f"mean {self.mean} std {self.std}"


def load(name: str, checkpoint: Path | None = None, image_size: tuple[int, int] | None = None) -> Loaded:
    """Build the model called `name` with its own weights, or with those of `checkpoint`.

    `name` is a catalog name, timm/NAME with or without a tag, random, or random/NAME for the untrained architecture.
    Raises UnknownName, ModelError (cannot be built so), WeightsError (no weights, or wrong ones).
    """
    architecture, untrained = _resolve(name)
    notes: list[str] = []
    if checkpoint is not None:
        if untrained:
            raise ModelError(f"{name} has random weights by definition: give either --checkpoint or a random model.")
        module = _from_file(name, architecture, checkpoint, image_size, notes)
    elif untrained:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            module = _create(name, architecture, image_size)
    else:
        module = _from_hub(name, architecture, image_size)
    module.eval().requires_grad_(False)
    config = cast("dict[str, Any]", module.pretrained_cfg)
    half = (0.5, 0.5, 0.5)
    return Loaded(
        name=name,
        module=module,
        weights=f"random:{SEED}" if untrained else checkpoints.weights_digest(module),
        image_size=image_size or _size(module),
        mean=half if name == RANDOM else tuple(config["mean"]),
        std=half if name == RANDOM else tuple(config["std"]),
        checkpoint=None
        if checkpoint is None
        else {"file": checkpoint.name, "sha256": checkpoints.file_digest(checkpoint)},
        notes=tuple(notes),
    )


def _resolve(name: str) -> tuple[str, bool]:
    """timm's name of the architecture (and tag), and whether its weights are random."""
    if name == RANDOM:
        return RANDOM_ARCHITECTURE, True
    family, _, rest = name.partition("/")
    if family in {"timm", RANDOM} and rest:
        _known(rest)
        return rest, family == RANDOM
    if name in catalog.MODELS:
        return catalog.MODELS[name].timm, False
    known = [*catalog.MODELS, RANDOM]
    if timm.is_model(name.partition(".")[0]):
        known.append(f"timm/{name}")
    raise UnknownName("model", name, known)


def _known(timm_name: str) -> None:
    architecture, _, tag = timm_name.partition(".")
    if not timm.is_model(architecture):
        family = architecture.split("_")[0]
        near = timm.list_models(f"{family}_*") or timm.list_models(f"*{family}*") or timm.list_models("vit_*")
        raise _Near("timm model", architecture, near)
    if tag and timm_name not in timm.list_pretrained(f"{architecture}.*"):
        raise _Near("weights tag", timm_name, timm.list_pretrained(f"{architecture}.*"))


class _Near(UnknownName):
    """Of hundreds of names, the message shows only the nearest."""

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or sorted(known)[:3]
        VitscopeError.__init__(self, f"no {kind} is called {name!r}. Did you mean {' or '.join(near)}?")


def _create(name: str, architecture: str, image_size: tuple[int, int] | None, *, pretrained: bool = False) -> nn.Module:
    """timm's model without its classifier; at another image size when one is asked for."""
    size: dict[str, Any] = {} if image_size is None else {"img_size": image_size}
    try:
        module = timm.create_model(architecture, pretrained=pretrained, num_classes=0, **size)
    except (TypeError, AssertionError, ValueError) as error:
        if image_size is None:
            raise ModelError(f"{name} cannot be built: {str(error).splitlines()[0]}") from error
        asked = f"{image_size[0]}×{image_size[1]}"
        raise ModelError(
            f"{name} cannot be built for images of {asked} pixels: {str(error).splitlines()[0]}"
        ) from error
    patch = _patch(module)
    if image_size is not None and patch is not None and (image_size[0] % patch[0] or image_size[1] % patch[1]):
        near = "×".join(str(max(round(side / edge), 1) * edge) for side, edge in zip(image_size, patch, strict=True))
        raise ModelError(
            f"{name} has patches of {patch[0]}×{patch[1]} pixels, which do not fill images of "
            f"{image_size[0]}×{image_size[1]}; {near} would work."
        )
    return module


def _patch(module: nn.Module) -> tuple[int, int] | None:
    """Height and width of a patch in pixels, where the model says so."""
    return getattr(getattr(module, "patch_embed", None), "patch_size", None)


def _size(module: nn.Module) -> tuple[int, int]:
    """Height and width that the model was built for."""
    fixed = getattr(getattr(module, "patch_embed", None), "img_size", None)
    height, width = fixed or module.pretrained_cfg["input_size"][1:]  # type: ignore[index,call-overload]
    return int(height), int(width)


def _from_hub(name: str, architecture: str, image_size: tuple[int, int] | None) -> nn.Module:
    """The weights of timm's tag, from the Hugging Face cache or the Hub; never random ones instead."""
    hub.check(name, architecture)
    try:
        return _create(name, architecture, image_size, pretrained=True)
    except (OSError, RuntimeError, HfHubHTTPError) as error:
        raise hub.missing(name, architecture, error) from error


def _from_file(
    name: str, architecture: str, path: Path, image_size: tuple[int, int] | None, notes: list[str]
) -> nn.Module:
    """The architecture with the weights of a file, at the image size asked for, else that of the file's position table.

    A position table of another size is resampled by timm (bicubic), as it does with its own weights.
    """
    tensors = checkpoints.read(path)
    module = _create(name, architecture, image_size)
    implied = _implied_size(module, tensors)
    if implied is not None:
        module = _create(name, architecture, implied)
    dropped = checkpoints.fill(module, tensors, path.name)
    if implied is not None and image_size is None:
        notes.append(f"images of {_pixels(implied)} pixels, as the checkpoint's position table says")
    elif implied is not None and image_size is not None:
        module.set_input_size(img_size=image_size)  # type: ignore[operator]
        notes.append(f"position table resampled from images of {_pixels(implied)} to {_pixels(image_size)} pixels")
    if dropped:
        notes.append(f"left out of {path.name}: {', '.join(sorted(dropped)[:4])}{' …' if len(dropped) > 4 else ''}")
    return module


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def _implied_size(module: nn.Module, tensors: dict[str, Tensor]) -> tuple[int, int] | None:
    """The square image size of the file's position table when it differs from the model's; None when they agree."""
    table, own = tensors.get("pos_embed"), getattr(module, "pos_embed", None)
    patch = _patch(module)
    if table is None or own is None or patch is None or table.ndim != 3 or table.shape == own.shape:
        return None
    prefix = own.shape[1] - module.patch_embed.num_patches  # type: ignore[union-attr,operator]
    edge = math.isqrt(max(table.shape[1] - prefix, 0))
    if edge * edge != table.shape[1] - prefix or edge == 0:
        return None
    return edge * patch[0], edge * patch[1]
