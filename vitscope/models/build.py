"""A model's name, and perhaps a checkpoint → an eval model that is ready to be tapped."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
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
PACKAGE = Path(__file__).parents[1]


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


@dataclass(frozen=True)
class _Kind:
    """What a name stands for, before anything is built."""

    name: str  # as the user gave it
    timm: str  # architecture, perhaps with a tag
    untrained: bool = False
    file: Path | None = None  # weights that vitscope ships
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def create(self, image_size: tuple[int, int] | None, *, pretrained: bool = False) -> nn.Module:
        """timm's model without its classifier, at another image size when one is asked for; raises ModelError."""
        arguments = {**self.arguments, **({} if image_size is None else {"img_size": image_size})}
        try:
            module = timm.create_model(self.timm, pretrained=pretrained, num_classes=0, **arguments)
        except (TypeError, AssertionError, ValueError) as error:
            asked = "" if image_size is None else f" for images of {image_size[0]}×{image_size[1]} pixels"
            raise ModelError(f"{self.name} cannot be built{asked}: {str(error).splitlines()[0]}") from error
        _check_patches(self.name, module, image_size)
        return module


def load(name: str, checkpoint: Path | None = None, image_size: tuple[int, int] | None = None) -> Loaded:
    """Build the model called `name` with its own weights, or with those of `checkpoint`.

    `name` is a catalog name, timm/NAME with or without a tag, random, or random/NAME for an untrained model.
    Raises UnknownName, ModelError (cannot be built so), WeightsError (no weights, or wrong ones).
    """
    kind = _resolve(name)
    notes: list[str] = []
    if checkpoint is not None and kind.untrained:
        raise ModelError(f"{name} has random weights by definition: give either --checkpoint or a random model.")
    file = checkpoint or kind.file
    if kind.untrained:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            module = kind.create(image_size)
    elif file is not None:
        module = _from_file(kind, file, image_size, notes)
    else:
        module = _from_hub(kind, image_size)
    module.eval().requires_grad_(False)
    config = cast("dict[str, Any]", module.pretrained_cfg)
    half = (0.5, 0.5, 0.5)
    return Loaded(
        name=name,
        module=module,
        weights=f"random:{SEED}" if kind.untrained else checkpoints.weights_digest(module),
        image_size=image_size or _size(module),
        mean=half if name == RANDOM else tuple(config["mean"]),
        std=half if name == RANDOM else tuple(config["std"]),
        checkpoint=None if file is None else {"file": file.name, "sha256": checkpoints.file_digest(file)},
        notes=tuple(notes),
    )


def _resolve(name: str) -> _Kind:
    """What `name` stands for; raises UnknownName."""
    if name == RANDOM:
        return _Kind(name, RANDOM_ARCHITECTURE, untrained=True)
    family, _, rest = name.partition("/")
    if (entry := catalog.MODELS.get(rest if family == RANDOM else name)) is not None:
        untrained = family == RANDOM
        file = PACKAGE / entry.file if entry.file and not untrained else None
        return _Kind(name, entry.timm, untrained, file, entry.arguments)
    if family in {"timm", RANDOM} and rest:
        _known(rest)
        return _Kind(name, rest, untrained=family == RANDOM)
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


def _check_patches(name: str, module: nn.Module, image_size: tuple[int, int] | None) -> None:
    """Raise ModelError when patches do not fill an image of this size."""
    patch = _patch(module)
    if image_size is None or patch is None or not (image_size[0] % patch[0] or image_size[1] % patch[1]):
        return
    near = "×".join(str(max(round(side / edge), 1) * edge) for side, edge in zip(image_size, patch, strict=True))
    raise ModelError(
        f"{name} has patches of {patch[0]}×{patch[1]} pixels, which do not fill images of "
        f"{image_size[0]}×{image_size[1]}; {near} would work."
    )


def _patch(module: nn.Module) -> tuple[int, int] | None:
    """Height and width of a patch in pixels, where the model says so."""
    return getattr(getattr(module, "patch_embed", None), "patch_size", None)


def _size(module: nn.Module) -> tuple[int, int]:
    """Height and width that the model was built for."""
    fixed = getattr(getattr(module, "patch_embed", None), "img_size", None)
    height, width = fixed or module.pretrained_cfg["input_size"][1:]  # type: ignore[index,call-overload]
    return int(height), int(width)


def _from_hub(kind: _Kind, image_size: tuple[int, int] | None) -> nn.Module:
    """The weights of timm's tag, from the Hugging Face cache or the Hub; never random ones instead."""
    hub.check(kind.name, kind.timm)
    try:
        return kind.create(image_size, pretrained=True)
    except (OSError, RuntimeError, HfHubHTTPError) as error:
        raise hub.missing(kind.name, kind.timm, error) from error


def _from_file(kind: _Kind, path: Path, image_size: tuple[int, int] | None, notes: list[str]) -> nn.Module:
    """The architecture with the weights of a file, at the image size asked for, else that of the file's position table.

    A position table of another size is resampled by timm (bicubic), as it does with its own weights.
    """
    tensors = checkpoints.read(path)
    module = kind.create(image_size)
    implied = _implied_size(module, tensors)
    if implied is not None:
        module = kind.create(implied)
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
