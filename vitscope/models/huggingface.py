"""A folder as the Hugging Face Hub keeps models: config.json says what is built, and how it is normalised."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from timm import is_model
from timm.layers import SwiGLUPacked
from torch import nn

from vitscope.errors import WeightsError
from vitscope.models.layouts.base import Traits
from vitscope.paper import HALF, IMAGENET, OPENAI, Normalisation

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""What weights are called in a repository, the best first."""

Config = Mapping[str, Any]
LARGEST, DEEPEST = 1 << 16, 1 << 10
"""No number that describes a model is larger, and no model has more layers."""

FORBIDDEN = frozenset({"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"})


@dataclass(frozen=True)
class Described:
    """What config.json says of a model."""

    timm: str  # the architecture
    arguments: Mapping[str, Any] = field(default_factory=dict)
    traits: Traits = field(default_factory=Traits)
    normalisation: Normalisation | None = None  # None: the architecture's


def weights_of(folder: Path) -> Path:
    """The file of weights in a folder; raises WeightsError when there is none."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    if sorted(folder.glob("*.index.json")):
        raise WeightsError(f"{folder} holds weights in several pieces: save them as one model.safetensors.")
    raise WeightsError(f"no weights in {folder}: it should hold {' or '.join(WEIGHTS[:2])}.")


def describe(folder: Path) -> Described:
    """What the config.json of a folder says; raises WeightsError when it cannot be read or is of no ViT known here."""
    config = _json(folder / CONFIG)
    if isinstance(config.get("architecture"), str):
        return _timm(config, folder)
    kind = str(config.get("model_type"))
    if kind not in KINDS:
        raise WeightsError(
            f"{folder / CONFIG} describes a model of type {kind!r}: vitscope reads {', '.join(sorted(KINDS))}, and "
            "repositories of timm."
        )
    defaults, build, usual = KINDS[kind]
    inner = config.get("vision_config") if kind == "clip" else config
    try:
        return _transformers({**defaults, **(inner if isinstance(inner, dict) else {})}, build, folder, usual)
    except (TypeError, ValueError, KeyError, ArithmeticError, AttributeError) as error:
        raise WeightsError(f"{folder / CONFIG} does not describe a model of type {kind}: {error}.") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON"
        raise WeightsError(f"{path} cannot be read ({reason}).") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} is no description of a model: it holds no object.")
    return content


def _timm(config: dict[str, Any], folder: Path) -> Described:
    """A repository that timm has written."""
    architecture, arguments = str(config["architecture"]), config.get("model_args") or {}
    if not is_model(architecture):
        raise WeightsError(f"{folder / CONFIG} asks for {architecture!r}, which this version of timm does not have.")
    if not isinstance(arguments, dict) or FORBIDDEN & arguments.keys():
        raise WeightsError(f"{folder / CONFIG} asks for what a description of a model has no business to.")
    stated = config.get("pretrained_cfg")
    _within_bounds(arguments, folder)
    normalised = _normalisation(stated if isinstance(stated, dict) else config, "mean", "std")
    return Described(architecture, arguments, normalisation=normalised)


def _transformers(
    config: Config, build: Callable[[Config], tuple[str, dict[str, Any]]], folder: Path, usual: Normalisation
) -> Described:
    architecture, more = build(config)
    width = int(config["hidden_size"])
    arguments = {
        "img_size": _side(config["image_size"]),
        "patch_size": _side(config["patch_size"]),
        "embed_dim": width,
        "depth": int(config["num_hidden_layers"]),
        "num_heads": int(config["num_attention_heads"]),
        "mlp_ratio": config["intermediate_size"] / width if "intermediate_size" in config else config["mlp_ratio"],
        **more,
    }
    _within_bounds(arguments, folder)
    preprocessor = folder / PREPROCESSOR
    stated = _normalisation(_json(preprocessor), "image_mean", "image_std") if preprocessor.is_file() else None
    gated = bool(config.get("use_swiglu_ffn"))
    traits = Traits(
        float(config["layer_norm_eps"]), None if gated else str(config["hidden_act"]), arguments["num_heads"]
    )
    return Described(architecture, arguments, traits, stated or usual)


def _within_bounds(arguments: Any, folder: Path, name: str = "") -> None:
    """Raise WeightsError for a number that no model has, before anything is built of that size."""
    inside = arguments.items() if isinstance(arguments, dict) else enumerate(arguments)
    for key, value in inside:
        if isinstance(value, dict | list | tuple):
            _within_bounds(value, folder, str(key))
        elif isinstance(value, int | float) and not abs(value) <= (DEEPEST if key == "depth" else LARGEST):
            asked = name or key
            raise WeightsError(f"{folder / CONFIG} asks for a model whose {asked} is {value:.3g}, as no model has it.")


def _side(value: Any) -> Any:
    """A side in pixels, or a pair of sides as a tuple."""
    return tuple(map(int, value)) if isinstance(value, list) else int(value)


def _normalisation(config: Config, mean: str, std: str) -> Normalisation | None:
    numbers = config.get(mean), config.get(std)
    if not all(isinstance(each, list) and len(each) == 3 for each in numbers):
        return None
    (r, g, b), (x, y, z) = numbers  # type: ignore[misc]
    try:
        found = (float(r), float(g), float(b)), (float(x), float(y), float(z))
    except (TypeError, ValueError, OverflowError):
        raise WeightsError(f"the model is described with a {mean} and {std} that are not three numbers each.") from None
    if not all(math.isfinite(number) for triple in found for number in triple) or 0 in found[1]:
        raise WeightsError(f"the model is described with a {mean} of {found[0]} and {std} of {found[1]}.")
    return found


def _vit(config: Config) -> tuple[str, dict[str, Any]]:
    return "vit_base_patch16_224", {"qkv_bias": bool(config["qkv_bias"])}


def _clip(_config: Config) -> tuple[str, dict[str, Any]]:
    return "vit_base_patch16_clip_224", {}


def _beit(config: Config) -> tuple[str, dict[str, Any]]:
    """Mean pooling has a norm of its own, and takes the place of the last; masked pre-training has the last."""
    pre_trained = "BeitForMaskedImageModeling" in (config.get("architectures") or ())
    relative = config["use_relative_position_bias"] or config["use_shared_relative_position_bias"]
    return "beit_base_patch16_224", {
        "global_pool": "token" if pre_trained or not config["use_mean_pooling"] else "avg",
        "use_abs_pos_emb": bool(config["use_absolute_position_embeddings"]),
        "use_rel_pos_bias": bool(relative),
        "init_values": float(config["layer_scale_init_value"]) or None,
    }


def _dinov2(config: Config) -> tuple[str, dict[str, Any]]:
    registers = int(config.get("num_register_tokens", 0))
    more: dict[str, Any] = {"init_values": 1.0, "qkv_bias": bool(config["qkv_bias"])}
    if registers:
        more |= {"reg_tokens": registers, "no_embed_class": True}
    if config["use_swiglu_ffn"]:
        hidden = (int(int(config["hidden_size"] * config["mlp_ratio"]) * 2 / 3) + 7) // 8 * 8
        more |= {
            "mlp_ratio": 2 * hidden / config["hidden_size"],
            "mlp_layer": SwiGLUPacked,
            "act_layer": nn.SiLU,
        }
    return "vit_small_patch14_dinov2", more


_BASE = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "hidden_act": "gelu",
}
_VIT = _BASE | {"intermediate_size": 3072, "patch_size": 16, "layer_norm_eps": 1e-12, "qkv_bias": True}
_CLIP = _VIT | {"patch_size": 32, "layer_norm_eps": 1e-5, "hidden_act": "quick_gelu"}
_BEIT = _VIT | {
    "use_absolute_position_embeddings": False,
    "use_relative_position_bias": False,
    "use_shared_relative_position_bias": False,
    "use_mean_pooling": True,
    "layer_scale_init_value": 0.1,
}
_DINOV2 = _BASE | {"mlp_ratio": 4, "patch_size": 14, "layer_norm_eps": 1e-6, "qkv_bias": True, "use_swiglu_ffn": False}

KINDS: dict[str, tuple[dict[str, Any], Callable[[Config], tuple[str, dict[str, Any]]], Normalisation]] = {
    "vit": (_VIT, _vit, HALF),
    "vit_mae": (_VIT, _vit, IMAGENET),
    "beit": (_BEIT, _beit, HALF),
    "clip": (_CLIP, _clip, OPENAI),
    "clip_vision_model": (_CLIP, _clip, OPENAI),
    "dinov2": (_DINOV2, _dinov2, IMAGENET),
    "dinov2_with_registers": (_DINOV2 | {"num_register_tokens": 4}, _dinov2, IMAGENET),
}
"""`model_type` of transformers → its defaults, what timm builds, and its usual normalisation."""
