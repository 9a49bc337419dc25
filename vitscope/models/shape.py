"""Is this a plain Vision Transformer, and where do its tokens stand? Asked of the model by running it on one image."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from vitscope.errors import ModelError, first_line
from vitscope.geometry import Geometry
from vitscope.models.tap import Piece, blocks_of, tap

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-3, torch.float16: 5e-3}

NOT_PLAIN = {
    "DiffAttention": "its attention is the difference of two maps per head, which can be negative",
    "DiffParallelScalingBlock": "its attention is the difference of two maps per head, which can be negative",
    "TalkingHeadAttn": "its heads are mixed after the softmax (talking heads), so that rows do not sum to 1",
    "XCA": "it attends between channels, not between tokens",
    "XCABlock": "it attends between channels, not between tokens",
    "CrossCovarianceAttn": "it attends between channels, not between tokens",
    "ChannelAttention": "it attends between channels, not between tokens",
    "WindowAttention": "it attends inside windows, not between all tokens",
    "GlobalWindowAttention": "it attends inside windows, not between all tokens",
    "WindowMultiHeadAttention": "it attends inside windows, not between all tokens",
    "LocallyGroupedAttn": "it attends inside windows, not between all tokens",
    "MaskUnitAttention": "it attends inside windows, not between all tokens",
    "AttentionPartitionCl": "it attends inside windows, not between all tokens",
    "PartitionAttentionCl": "it attends inside windows, not between all tokens",
    "ParallelPartitionAttention": "it attends inside windows, not between all tokens",
    "MultiScaleAttention": "its keys are pooled, so that queries and keys are not the same tokens",
    "AttentionSubsample": "its tokens are subsampled between layers",
    "AttentionDownsample": "its tokens are subsampled between layers",
    "VisionTransformerSAM": "most of its layers attend inside windows, not between all tokens",
    "GPSA": "its attention is gated with positions after the softmax",
}
"""Class of a module in timm → why there is no token-to-token softmax attention to see."""


@dataclass(frozen=True)
class _Seen:
    """What one block handed over for one image."""

    shape: tuple[int, ...]
    heads: int
    error: float  # how far rows are from summing to 1


def geometry_of(name: str, model: nn.Module, image_size: tuple[int, int]) -> Geometry:
    """The geometry of a model at an image size (height, width), after checking each layer's attention on one image.

    A model on the device "meta" is asked too, for all but its numbers. Raises ModelError with the reason when the model
    is not a plain ViT, or does not take images of this size.
    """
    for module in model.modules():
        reason = NOT_PLAIN.get(type(module).__name__)
        if reason:
            raise _refused(name, f"{reason} ({type(module).__name__})")
    blocks = blocks_of(model)
    if not blocks or not hasattr(model, "forward_intermediates"):
        raise _refused(name, f"{type(model).__name__} has no plain sequence of transformer blocks")
    like = next(model.parameters())
    image = torch.randn(1, 3, *image_size, generator=torch.Generator().manual_seed(0)).to(like)
    rows, columns = _grid(name, model, image)
    seen = _look(name, model, image)
    prefix = _prefix(model)
    geometry = Geometry(
        layers=len(blocks),
        heads=seen[0].heads if 0 in seen else 0,
        prefix=prefix,
        rows=rows,
        columns=columns,
        patch=(image_size[0] // rows, image_size[1] // columns),
    )
    for layer, block in enumerate(blocks):
        _check(name, layer, block, seen.get(layer), geometry, TOLERANCE.get(like.dtype, 1e-4))
    return geometry


def own_size(model: nn.Module) -> tuple[int, int]:
    """Height and width in pixels of the images that a model was built for."""
    fixed = getattr(getattr(model, "patch_embed", None), "img_size", None)
    height, width = fixed or getattr(model, "pretrained_cfg", {}).get("input_size", (3, 224, 224))[1:]
    return int(height), int(width)


def check_architecture(name: str, create: Callable[[], nn.Module], image_size: tuple[int, int] | None) -> None:
    """Raise ModelError as `geometry_of` does, without weights: before a large file is fetched for nothing.

    `create` builds the model; it is called once, with no memory behind its parameters. An architecture that cannot be
    built or run so passes, and is found out later. `image_size` None: that of the model.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch remarks about parameters without memory
        with torch.device("meta"):
            try:
                model = create().eval()
            except (NotImplementedError, RuntimeError):
                return
        try:
            geometry_of(name, model, image_size or own_size(model))
        except NotImplementedError:
            return
        except ModelError as error:
            if "meta" in str(error):
                return
            raise


def _refused(name: str, reason: str) -> ModelError:
    return ModelError(
        f"{name} is not a plain Vision Transformer: {reason}. Known to work: any timm model whose "
        "blocks attend from every token to every token (ViT, DeiT, BEiT, EVA, DINOv2, DINOv3, CLIP, …)."
    )


def _grid(name: str, model: nn.Module, image: Tensor) -> tuple[int, int]:
    """Rows and columns of patches, from the one call that every plain ViT of timm answers."""
    try:
        with torch.inference_mode():
            maps = model.forward_intermediates(image, indices=1, output_fmt="NCHW", intermediates_only=True)  # type: ignore[operator]
    except torch.OutOfMemoryError:
        raise  # no fault of the model's: the extraction says what to do
    except (AssertionError, RuntimeError, ValueError, TypeError) as error:
        size = f"{image.shape[-2]}×{image.shape[-1]}"
        raise ModelError(f"{name} does not take images of {size} pixels: {first_line(error)}.") from error
    return int(maps[0].shape[-2]), int(maps[0].shape[-1])


def _prefix(model: nn.Module) -> tuple[str, ...]:
    """Names of the tokens before the patches: cls, dist, then registers."""
    encoder = getattr(model, "encoder", model)
    count = int(getattr(model, "num_prefix_tokens", getattr(encoder, "num_prefix_tokens", 0)) or 0)
    owner = getattr(model, "embeds", model)  # NaFlexVit keeps its prefix tokens there
    names = [name for name in ("cls", "dist") if getattr(owner, f"{name}_token", None) is not None][:count]
    return tuple(names + [f"reg{i + 1}" for i in range(count - len(names))])


def _look(name: str, model: nn.Module, image: Tensor) -> dict[int, _Seen]:
    """What every block hands over for `image`; attention modules of one block count together."""
    seen: dict[int, _Seen] = {}

    def look(piece: Piece) -> None:
        attention = piece.attention_BHQT
        before = seen.get(piece.layer)
        error = 0.0 if attention.is_meta else float((attention.sum(-1) - 1).abs().max())
        heads = attention.shape[1] if attention.ndim == 4 else 0
        seen[piece.layer] = _Seen(
            shape=tuple(attention.shape),
            heads=heads + (before.heads if before else 0),
            error=max(error, before.error) if before else error,
        )

    try:
        with torch.inference_mode(), tap(model, look):
            model(image)
    except torch.OutOfMemoryError:
        raise  # no fault of the model's: the extraction says what to do
    except (AssertionError, RuntimeError, ValueError, TypeError, IndexError) as error:
        raise _refused(name, f"its attention could not be followed ({first_line(error)})") from error
    return seen


def _check(name: str, layer: int, block: nn.Module, seen: _Seen | None, geometry: Geometry, tolerance: float) -> None:
    """Raise ModelError unless this layer handed over a (1, H, T, T) map of the heads it says it has."""
    where = f"layer {layer + 1}"
    kinds = sorted({type(m).__name__ for n, m in block.named_modules() if "attn" in n.rsplit(".", 1)[-1]})
    if seen is None:
        raise _refused(
            name, f"{where} ({', '.join(kinds) or type(block).__name__}) has no scaled-dot-product attention"
        )
    tokens = geometry.tokens
    if len(seen.shape) != 4 or seen.shape[0] != 1 or seen.shape[2:] != (tokens, tokens):
        shape = "×".join(map(str, seen.shape))
        raise _refused(name, f"{where} attends in maps of {shape} where one image has {tokens} tokens")
    attentions = [m for m in block.modules() if hasattr(m, "num_heads") and hasattr(m, "fused_attn")]
    stated = sum(cast("int", attention.num_heads) for attention in attentions)
    if (stated and seen.heads != stated) or seen.heads != geometry.heads:
        raise _refused(name, f"{where} has {seen.heads} maps for {stated or geometry.heads} heads")
    if not seen.error < tolerance:
        raise ModelError(
            f"{name}: attention of {where} sums to 1 only within {seen.error:.1e}; the weights or the "
            f"precision are damaged (not-a-number counts as damage): try --precision fp32, or another checkpoint."
        )
