"""What is no tensor and decides the numbers: LayerNorm's eps, the activation, the number of heads."""

from __future__ import annotations

from timm.layers import get_act_layer
from torch import nn

from vitscope.errors import WeightsError
from vitscope.models.layouts.base import Traits
from vitscope.models.tap import blocks_of

ACTIVATIONS = {
    "gelu": "gelu",
    "quick_gelu": "quick_gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""As transformers spells them → as timm does."""


def heads_of(module: nn.Module) -> int | None:
    """Heads of the first block, where it says so."""
    blocks = blocks_of(module)
    return getattr(getattr(blocks[0], "attn", None), "num_heads", None) if blocks else None


def pooling(module: nn.Module) -> tuple[str, ...]:
    """A sentence about a model without CLS whose patches are pooled by a query of its own; else nothing."""
    if getattr(module, "attn_pool", None) is None or getattr(module, "cls_token", None) is not None:
        return ()
    said = (
        "it has no CLS token; a query of its own pools the patches after the last layer, and that query's attention is "
        "not measured: where CLS is asked for, the first register stands in, or the mean of all patches"
    )
    return (said,)


def give(module: nn.Module, traits: Traits, source: str) -> list[str]:
    """Make eps and activation those of `traits`; returns what had to change, in words ("LayerNorm eps 1e-12").

    Raises WeightsError for an activation that vitscope does not know.
    """
    changes = []
    if traits.eps is not None:
        norms = [part for part in module.modules() if isinstance(part, nn.LayerNorm) and part.eps != traits.eps]
        for norm in norms:
            norm.eps = traits.eps
        changes += [f"LayerNorm eps {traits.eps:g}"] if norms else []
    if traits.activation is not None:
        changes += _activate(module, traits.activation, source)
    return changes


def _activate(module: nn.Module, name: str, source: str) -> list[str]:
    if name not in ACTIVATIONS:
        raise WeightsError(
            f"{source} was made with the activation {name!r}, which vitscope does not know: it knows "
            f"{', '.join(ACTIVATIONS)}."
        )
    kind = get_act_layer(ACTIVATIONS[name])
    assert isinstance(kind, type)
    parts = [mlp for block in blocks_of(module) if (mlp := getattr(block, "mlp", None)) is not None]
    other = [mlp for mlp in parts if hasattr(mlp, "act") and type(mlp.act).__name__ != kind.__name__]
    for mlp in other:
        mlp.act = kind()
    return [kind.__name__] if other else []
