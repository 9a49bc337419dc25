"""timm's architectures at a small size, and what becomes of each: tapped and checked, or refused with a reason."""

from __future__ import annotations

from typing import Any

import timm
import torch
from timm.models import _registry
from torch import nn

from tests.models.test_tap import by_hooks, by_tap
from tests.models.zoo import widen
from vitscope.errors import ModelError
from vitscope.models.shape import geometry_of

PLAIN = (
    "beit", "deepseek_vit", "deit", "eva", "gemma4_vit", "naflexvit", "qwen3_vit", "vision_transformer",
    "vision_transformer_hybrid", "vision_transformer_relpos", "vitamin",
)  # fmt: skip
"""The modules of timm whose classes have one sequence of blocks that attend from every token to every token."""
OTHERS = ("cait", "convit", "mlp_mixer", "vision_transformer_sam", "xcit")
"""Modules with such a sequence of blocks, but another kind of attention or none."""

SMALL = ({"embed_dim": 48, "depth": 2, "num_heads": 4}, {"depth": 2}, {})
SIDES = (64, 56, 128, 96)  # of images, in pixels: one of them is filled by patches of 8, 14, 16, 32 or 48


def names(module: str) -> list[str]:
    """The architectures of one of timm's modules."""
    return [name for name in timm.list_models() if module_of(name) == module]


def module_of(name: str) -> str:
    """The module of timm in which an architecture is defined."""
    return _registry._model_to_module[name]


def build(name: str, side: int) -> tuple[nn.Module, tuple[int, int]]:
    """The architecture with two narrow layers, as far as it allows that, and the size of the images it then takes."""
    config = timm.get_pretrained_cfg(name)
    own = (224, 224) if config is None else tuple(config.input_size[1:])
    more = {"num_kv_heads": 2} if "sapiens2" in name else {}
    problem: Exception | None = None
    for sized in ({"img_size": side}, {}):
        for smaller in SMALL:
            arguments: dict[str, Any] = {**smaller, **sized, **more}
            try:
                torch.manual_seed(0)
                model = timm.create_model(name, pretrained=False, num_classes=0, **arguments)
            except (TypeError, AssertionError, ValueError, AttributeError) as error:
                problem = error
                continue
            return widen(model).eval(), (side, side) if sized else own
    raise AssertionError(f"{name} cannot be built: {problem}")


def outcome(name: str) -> str:
    """ "tapped", or the reason for which the architecture is refused; AssertionError where the tap sees other maps.

    The other way to the maps runs every attention unfused and reads its dropout.
    """
    reason = ""
    for side in SIDES:
        model, size = build(name, side)
        try:
            geometry = geometry_of(name, model, size)
            break
        except ModelError as error:
            reason = str(error).partition(": ")[2].partition(". Known to work")[0]
            if "does not take images" not in str(error):
                return reason
    else:
        return reason
    pixels = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(2))
    hooked, expected = by_hooks(model, pixels)
    tapped, output = by_tap(model, pixels, geometry.heads)
    assert len(tapped) == len(hooked) == geometry.layers, f"{name}: {len(tapped)} and {len(hooked)} layers"
    for layer, (one, other) in enumerate(zip(tapped, hooked, strict=True)):
        assert one.shape == other.shape == (2, geometry.heads, geometry.tokens, geometry.tokens), name
        assert one.std() > 1e-5, f"{name}: attention of layer {layer + 1} is uniform, which proves nothing"
        apart = float((one - other).abs().max())
        assert apart < 1e-5, f"{name}: the maps of layer {layer + 1} are {apart:.1e} apart"
    torch.testing.assert_close(output, expected, atol=1e-3, rtol=1e-3)
    return "tapped"
