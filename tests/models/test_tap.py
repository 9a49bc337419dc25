"""The tap sees what the model computes, changes nothing, and leaves nothing behind."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from tests.models.zoo import TRAITS, build, images
from vitscope.models.shape import geometry_of
from vitscope.models.tap import Chunk, Piece, blocks_of, tap

BLOCK = re.compile(r"(?:^|\.)blocks\.(\d+)\.")


def by_hooks(model: nn.Module, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
    """The independent way: every attention unfused, hooks on its dropout; [layer] → (B, H, T, T), and the output."""
    maps: dict[int, list[Tensor]] = {}
    unfused = [module for module in model.modules() if getattr(module, "fused_attn", False)]
    handles = []
    for name, module in model.named_modules():
        block = BLOCK.search(f"{name}.")
        if name.endswith("attn_drop") and isinstance(module, nn.Module) and block:
            layer = int(block[1])
            handles.append(
                module.register_forward_hook(lambda _m, _i, out, at=layer: maps.setdefault(at, []).append(out))
            )
    for module in unfused:
        module.fused_attn = False  # type: ignore[assignment]
    try:
        with torch.inference_mode():
            output = model(pixels)
    finally:
        for module in unfused:
            module.fused_attn = True  # type: ignore[assignment]
        for handle in handles:
            handle.remove()
    return [torch.cat(maps[layer], 1) for layer in sorted(maps)], output


def by_tap(model: nn.Module, pixels: Tensor, heads: int, chunk: Chunk | None = None) -> tuple[list[Tensor], Tensor]:
    """The same through the tap, put together from its pieces."""
    maps: dict[int, Tensor] = {}

    def keep(piece: Piece) -> None:
        part = piece.attention_BHQT
        whole = maps.setdefault(
            piece.layer, torch.full((len(pixels), heads, part.shape[-1], part.shape[-1]), torch.nan)
        )
        whole[piece.images, :, piece.start : piece.start + part.shape[2]] = part

    options = {} if chunk is None else {"chunk": chunk}
    with torch.inference_mode(), tap(model, keep, heads=heads, **options):
        output = model(pixels)
    return [maps[layer] for layer in sorted(maps)], output


@pytest.mark.parametrize("trait", TRAITS)
def test_hooks_and_tap_see_the_same(trait):
    model, pixels = build(trait), images(trait)
    geometry = geometry_of(trait, model, tuple(pixels.shape[-2:]))
    hooked, _ = by_hooks(model, pixels)
    tapped, _ = by_tap(model, pixels, geometry.heads)
    assert len(tapped) == len(hooked) == geometry.layers
    for one, other in zip(tapped, hooked, strict=True):
        assert one.shape == (2, geometry.heads, geometry.tokens, geometry.tokens)
        assert one.std() > 1e-3, "attention should be far from uniform, or this test proves little"
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


@pytest.mark.parametrize("trait", TRAITS)
def test_the_output_is_the_untouched_models(trait):
    model, pixels = build(trait), images(trait)
    with torch.inference_mode():
        untouched = model(pixels)
    _, tapped = by_tap(model, pixels, geometry_of(trait, model, tuple(pixels.shape[-2:])).heads)
    torch.testing.assert_close(tapped, untouched, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("trait", TRAITS)
@pytest.mark.parametrize(
    "chunk", [Chunk(images=1, queries=1 << 30), Chunk(images=2, queries=5), Chunk(images=1, queries=1)]
)
def test_chunks_change_nothing(trait, chunk):
    model, pixels = build(trait), images(trait)
    heads = geometry_of(trait, model, tuple(pixels.shape[-2:])).heads
    whole, output = by_tap(model, pixels, heads)
    cut, same = by_tap(model, pixels, heads, chunk)
    for one, other in zip(cut, whole, strict=True):
        torch.testing.assert_close(one, other, atol=5e-6, rtol=0)  # rounding, grown over layers
    torch.testing.assert_close(same, output, atol=1e-5, rtol=1e-5)


def test_the_tap_leaves_no_trace():
    model, pixels = build("plain"), images("plain")
    attention = model.blocks[0].attn  # type: ignore[index,union-attr]
    attention.fused_attn = False
    before = {name: dict(module.__dict__) for name, module in model.named_modules()}
    seen: list[int] = []
    with pytest.raises(ZeroDivisionError), torch.inference_mode(), tap(model, lambda _: seen.append(1 // 0)):
        model(pixels)
    assert attention.fused_attn is False
    for name, module in model.named_modules():
        assert module.__dict__ == before[name]
    with torch.inference_mode():
        model(pixels)
    assert seen == []


def test_a_model_built_without_fused_kernels_is_tapped_all_the_same():
    model, pixels = build("plain"), images("plain")
    expected, _ = by_tap(model, pixels, 3)
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # type: ignore[assignment]
    tapped, _ = by_tap(model, pixels, 3)
    assert all(torch.equal(one, other) for one, other in zip(tapped, expected, strict=True))


@pytest.mark.parametrize(
    "trait", ["plain", "registers", "rotary positions", "relative position table", "parallel blocks"]
)
def test_features_of_every_layer_come_out_of_the_same_pass(trait):
    model, pixels = build(trait), images(trait)
    kept: list[Tensor] = []

    def features(layer: int, tokens: Tensor) -> None:
        assert layer == len(kept)
        kept.append(tokens)

    with torch.inference_mode(), tap(model, lambda _: None, features):
        model(pixels)
    with torch.inference_mode():
        expected = model.forward_intermediates(  # type: ignore[operator]
            pixels, output_fmt="NLC", intermediates_only=True, norm=False, return_prefix_tokens=True
        )
    assert len(kept) == len(blocks_of(model))
    for tokens, (patches, prefix) in zip(kept, expected, strict=True):
        torch.testing.assert_close(tokens, torch.cat([prefix, patches], 1), atol=1e-5, rtol=1e-5)


def test_half_precision_is_summed_from_float32():
    model, pixels = build("plain").bfloat16(), images("plain").bfloat16()
    tapped, output = by_tap(model, pixels, 3)
    assert output.dtype == torch.bfloat16
    for attention in tapped:
        assert attention.dtype == torch.float32
        torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:-1]), atol=1e-5, rtol=0)


def test_causal_and_grouped_calls_are_answered_like_torch_answers_them():
    class Caller(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([nn.Identity()])
            self.options: dict = {}

        def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            for hook in self.blocks[0]._forward_pre_hooks.values():
                hook(self.blocks[0], ())
            return nn.functional.scaled_dot_product_attention(query, key, value, **self.options)

    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, heads, 7, 8, generator=generator) for heads in (4, 2, 2))
    mask = torch.rand(2, 1, 7, 7, generator=generator) > 0.3
    mask |= torch.eye(7, dtype=torch.bool)
    caller = Caller()
    for options in (
        {"enable_gqa": True},
        {"enable_gqa": True, "is_causal": True},
        {"enable_gqa": True, "scale": 0.7},
        {"enable_gqa": True, "attn_mask": mask},
        {"enable_gqa": True, "attn_mask": torch.where(mask, 0.3, -5.0)},
    ):
        caller.options = options
        expected = caller(query, key, value)
        for chunk in (Chunk(2, 7), Chunk(1, 3)):
            with tap(caller, lambda _: None, chunk=chunk):
                torch.testing.assert_close(caller(query, key, value), expected, atol=1e-5, rtol=1e-5)
