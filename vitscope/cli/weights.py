"""Whose weights are on this machine: those that are shipped, those in the Hugging Face cache. Looks at files only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vitscope import catalog

SUFFIXES = frozenset((".safetensors", ".bin"))
READABLE = frozenset(
    ("beit", "clip", "clip_vision_model", "dinov2", "dinov2_with_registers", "vit", "vit_mae")
)  # model types of transformers, as vitscope.models.huggingface knows them
DIGITS = frozenset("0123456789abcdef")


def hub_cache() -> Path:
    """Where the Hugging Face hub keeps what it has downloaded."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository(timm: str) -> str:
    """The repository of weights with a tag, ORG/NAME; empty for an architecture without a tag.

    timm keeps the weights of its quickgelu variants with the model that has the plain GELU.

    >>> repository("vit_base_patch16_clip_quickgelu_224.openai")
    'timm/vit_base_patch16_clip_224.openai'
    """
    return f"timm/{timm.replace('_quickgelu_', '_')}" if "." in timm else ""


def cached(repository: str) -> Path | None:
    """The file of weights of ORG/NAME in the hub's local cache; None where there is none."""
    if not repository:
        return None
    folder = hub_cache() / f"models--{repository.replace('/', '--')}" / "snapshots"
    return next((file for file in sorted(folder.glob("*/*")) if file.suffix in SUFFIXES and file.is_file()), None)


def digest(file: Path) -> str:
    """The sha256 that the hub's cache calls a large file by; empty where it does not."""
    name = file.resolve().name
    return name if len(name) == 64 and set(name) <= DIGITS else ""


def state(model: catalog.Model) -> str:
    """Where the weights of a model of the catalog come from: shipped, cached, hub (a download), or by hand."""
    if model.file:
        return "shipped"
    if model.by_hand:
        return "by hand"
    return "cached" if cached(repository(model.timm)) else "hub"


def others() -> list[tuple[str, str]]:
    """(what --model takes, repository) of the other models in the hub's cache that look like Vision Transformers."""
    known = {repository(model.timm) for model in catalog.MODELS.values()}
    found = []
    for folder in sorted(hub_cache().glob("models--*--*")):
        name = folder.name.removeprefix("models--").replace("--", "/")
        if name in known or cached(name) is None:
            continue
        if name.startswith("timm/"):
            found.append((name, name))
        elif any(_readable(config) for config in sorted(folder.glob("snapshots/*/config.json"))):
            found.append((f"hf-hub:{name}", name))
    return found


def _readable(config: Path) -> bool:
    """Whether a config.json is of a kind of model that vitscope can read."""
    try:
        content: Any = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(content, dict):
        return False
    return content.get("model_type") in READABLE or isinstance(content.get("architecture"), str)
