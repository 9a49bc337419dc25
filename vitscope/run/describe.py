"""What is known of a model before it has weights: its shape, found on a model without memory, and what timm says."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from vitscope.errors import ModelError
from vitscope.models import hub, huggingface, names, noise
from vitscope.models.shape import geometry_of, own_size


def describe(name: str) -> dict[str, Any]:
    """The facts about the model called `name`, as JSON can hold them; what cannot be known without weights is null.

    Nothing is downloaded: of a repository of the Hub that is not in its cache, little is known. Raises UnknownName,
    ModelError (not a plain ViT), WeightsError (a config.json that cannot be read).
    """
    named = names.resolve(name)
    timm = named.timm.partition(".")[0] if named.untrained else named.timm
    facts: dict[str, Any] = {"timm": timm or None, "repository": named.repository or None}
    if name == names.RANDOM:
        return facts | _shape(name, noise.build())
    if named.repository and not named.timm:
        config = hub.cached(named.repository, [huggingface.CONFIG])
        if config is None:
            return facts
        described = huggingface.describe(config.parent)
        named = names.Named(name, described.timm, arguments=described.arguments)
        facts["timm"] = described.timm
    elif not named.untrained:
        facts["repository"] = hub.repository_of(named.timm) or None
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # what torch remarks about parameters without memory
        module = named.create(None)
    facts |= _shape(name, module.eval()) | _stated(module)
    return facts | ({"licence": None} if named.untrained else {})


def _shape(name: str, module: nn.Module) -> dict[str, Any]:
    """Layers, width, heads, tokens and parameters; null where they cannot be told without running the model."""
    size = own_size(module)
    facts: dict[str, Any] = {
        "image_size": list(size),
        "width": getattr(module, "embed_dim", None),
        "millions": round(sum(parameter.numel() for parameter in module.parameters()) / 1e6, 2),
    }
    try:
        geometry = geometry_of(name, module, size)
    except NotImplementedError:  # something in it needs numbers
        return facts
    except ModelError as error:
        if "meta" in str(error):
            return facts
        raise
    return facts | {
        "layers": geometry.layers,
        "heads": geometry.heads,
        "tokens": geometry.tokens,
        "prefix": list(geometry.prefix),
        "grid": [geometry.rows, geometry.columns],
    }


def _stated(module: nn.Module) -> dict[str, Any]:
    """What timm says of the weights."""
    config: Any = module.pretrained_cfg
    return {
        "licence": config.get("license"),
        "mean": list(config["mean"]),
        "std": list(config["std"]),
        "crop": config.get("crop_pct"),
    }
