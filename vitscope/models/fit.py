"""Is this file for this model? One sentence where it is of another method, size or number of heads."""

from __future__ import annotations

import re
import warnings
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vitscope import catalog, paper
from vitscope.errors import WeightsError
from vitscope.models.layouts.base import Converted, Layout
from vitscope.models.names import Named
from vitscope.models.traits import heads_of

SPARE, LITTLE = 4, 10_000_000  # position tables of other sizes, parts that a file lacks
NORM = re.compile(r"blocks\.\d+\.norm1\.weight")


class Measures(NamedTuple):
    """What the shapes of tensors under timm's names tell."""

    layers: int
    width: int
    patch: int

    def __str__(self) -> str:
        return f"{self.layers} layers of width {self.width} with patches of {self.patch}×{self.patch}"


def measures_of(tensors: dict[str, Tensor]) -> Measures | None:
    """Layers, width and patch size; None where the tensors are no plain ViT's."""
    patches = tensors.get("patch_embed.proj.weight")
    layers = sum(bool(NORM.fullmatch(name)) for name in tensors)
    if patches is None or patches.ndim != 4 or not layers:
        return None
    return Measures(layers, patches.shape[0], patches.shape[-1])


def check_method(named: Named, layout: Layout, converted: Converted, source: str) -> None:
    """Raise WeightsError when the layout, or else the name of the file, is that of another method than the model's."""
    if named.entry is None:
        return
    if layout.methods and named.entry.method not in layout.methods:
        raise WeightsError(
            f"{source} is a checkpoint in the layout of {layout.name}, and {named.name} stands for "
            f"{named.entry.method}{_instead(named, layout, converted)}."
        )
    file = source.rpartition("/")[2]
    owner = next((name for name, model in paper.MODELS.items() if model.original and model.original.file == file), None)
    if owner and paper.MODELS[owner].method != named.entry.method:
        raise WeightsError(
            f"{source} is called like the file that was published for {owner}, and {named.name} stands for "
            f"{named.entry.method}; the names of its tensors do not tell, so try --model {owner}, or rename the file "
            "if it is another."
        )


def unsaid(named: Named, layout: Layout, source: str) -> list[str]:
    """A sentence where a model of the paper is given a file that could as well be of another method; else nothing."""
    entry = named.entry
    if entry is None or entry.original is None or len(layout.methods) == 1 or source == entry.original.file:
        return []
    return [f"nothing in {source} says by which method it was trained: taken for {entry.method}, as {named.name} is"]


def check_room(named: Named, converted: Converted, image_size: tuple[int, int] | None, source: str) -> None:
    """Raise WeightsError when a description asks for far more parameters than the file has numbers.

    The model is built with no memory behind its parameters; one that cannot be built so passes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch remarks about parameters without memory
        try:
            with torch.device("meta"):
                asked = sum(parameter.numel() for parameter in named.create(image_size).parameters())
        except (NotImplementedError, RuntimeError):
            return
    given = sum(tensor.numel() for tensor in converted.tensors.values())
    if asked > SPARE * given + LITTLE:
        raise WeightsError(
            f"{source} holds {given:,} numbers, and its config.json describes a model of {asked:,} parameters: they do "
            "not belong together."
        )


def check_size(named: Named, module: nn.Module, layout: Layout, converted: Converted, source: str) -> None:
    """Raise WeightsError when layers, width, patches or heads are not the model's."""
    given, own = measures_of(converted.tensors), measures_of(module.state_dict())
    if given and own and given != own:
        raise WeightsError(f"{source} holds {given}, and {named.name} has {own}{_instead(named, layout, converted)}.")
    heads, has = converted.traits.heads, heads_of(module)
    if heads and has and heads != has:
        raise WeightsError(
            f"{source} was made with {heads} heads a layer, and {named.name} has {has}"
            f"{_instead(named, layout, converted)}."
        )


def _instead(named: Named, layout: Layout, converted: Converted) -> str:
    """What would work: another file, or one of the models of the catalog that this one is for."""
    given = measures_of(converted.tensors)
    methods = layout.methods or ({named.entry.method} if named.entry else set())
    names = [
        name
        for name, model in catalog.MODELS.items()
        if model.method in methods
        and model.size
        and given
        and (model.size.layers, model.size.width) == (given.layers, given.width)
        and model.size.tokens == (224 // given.patch) ** 2 + 1
    ]
    return ": give a file of its own" + (f", or try --model {' or '.join(names)}" if names else "")
