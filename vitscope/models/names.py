"""What `--model` stands for: a name of the catalog, timm/NAME, hf-hub:ORG/NAME, random or random/NAME."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import timm
from torch import nn

from vitscope import catalog
from vitscope.errors import ModelError, UnknownName, VitscopeError, first_line

RANDOM = "random"
HUB = "hf-hub:"


@dataclass(frozen=True)
class Named:
    """What a name stands for, before anything is built."""

    name: str  # as the user gave it
    timm: str = ""  # architecture, perhaps with a tag; empty: the repository's config.json says it
    entry: catalog.Model | None = None  # the line of the catalog
    untrained: bool = False
    repository: str = ""  # of the Hub: ORG/NAME, perhaps @REVISION
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def create(self, image_size: tuple[int, int] | None, *, pretrained: bool = False) -> nn.Module:
        """timm's model without its classifier, at another image size when one is asked for; raises ModelError."""
        arguments = {**self.arguments, **({} if image_size is None else {"img_size": image_size})}
        try:
            module = timm.create_model(self.timm, pretrained=pretrained, num_classes=0, **arguments)
        except (TypeError, AssertionError, ValueError) as error:
            asked = "" if image_size is None else f" for images of {image_size[0]}×{image_size[1]} pixels"
            raise ModelError(f"{self.name} cannot be built{asked}: {first_line(error)}.") from error
        _check_patches(self.name, module, image_size)
        return module


def resolve(name: str) -> Named:
    """What `name` stands for; raises UnknownName with the nearest names."""
    if name == RANDOM:
        return Named(name)
    if name.startswith(HUB):
        return _on_the_hub(name)
    family, _, rest = name.partition("/")
    untrained = family == RANDOM
    if (entry := catalog.MODELS.get(rest if untrained else name)) is not None:
        return Named(name, entry.timm, entry, untrained, arguments=entry.arguments)
    if family in {"timm", RANDOM} and rest:
        _known(rest)
        return Named(name, rest, untrained=untrained)
    known = [*catalog.MODELS, RANDOM]
    if timm.is_model(name.partition(".")[0]):
        known.append(f"timm/{name}")
    elif "/" in name:
        known.append(f"{HUB}{name}")
    raise UnknownName("model", name, known)


def _on_the_hub(name: str) -> Named:
    """A repository; those that are timm's own go timm's way."""
    repository = name.removeprefix(HUB)
    organisation, _, rest = repository.partition("/")
    if organisation == "timm" and timm.is_model(rest.partition(".")[0]):
        _known(rest)
        return Named(name, rest)
    if not organisation or not rest or "/" in rest:
        raise ModelError(f"{name} names no repository of the Hub: write {HUB}ORGANISATION/NAME.")
    return Named(name, repository=repository)


def _known(timm_name: str) -> None:
    """Raise UnknownName unless timm has this architecture, and weights with this tag."""
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
    patch = patch_of(module)
    if image_size is None or patch is None or not (image_size[0] % patch[0] or image_size[1] % patch[1]):
        return
    near = "×".join(str(max(round(side / edge), 1) * edge) for side, edge in zip(image_size, patch, strict=True))
    raise ModelError(
        f"{name} has patches of {patch[0]}×{patch[1]} pixels, which do not fill images of "
        f"{image_size[0]}×{image_size[1]}; {near} would work."
    )


def patch_of(module: nn.Module) -> tuple[int, int] | None:
    """Height and width of a patch in pixels, where the model says so."""
    return getattr(getattr(module, "patch_embed", None), "patch_size", None)


def quick_gelu(timm_name: str) -> bool:
    """Whether these weights of timm were trained with QuickGELU, but `timm_name` is the model with the exact GELU.

    timm lists such weights under both names; under the plain one they load and compute other numbers.
    """
    architecture, _, tag = timm_name.partition(".")
    twin = architecture.replace("_clip_", "_clip_quickgelu_")
    return tag.startswith("openai") and "_ft_" not in tag and twin != architecture and timm.is_model(twin)
