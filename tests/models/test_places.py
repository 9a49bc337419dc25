"""Tokens at every tapped place of a block, for every class of block that timm's plain Vision Transformers have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from timm.models.beit import Beit
from timm.models.deepseek_vit import DeepseekVitBlock
from timm.models.eva import Eva, EvaBlock, EvaBlockPostNorm
from timm.models.gemma4_vit import Gemma4Block
from timm.models.vision_transformer import Block, ParallelScalingBlock, ParallelThingsBlock, ResPostBlock
from timm.models.vision_transformer_relpos import ResPostRelPosBlock, VisionTransformerRelPos
from torch import Tensor, nn

from tests.models.zoo import SIZE, TRAITS, build, images
from vitscope.batch import NORMS, OUTPUT, PLACES, RESIDUAL
from vitscope.models.places import tokens_of
from vitscope.models.tap import blocks_of, tap

TRAITS_OF_BLOCKS = {
    "plain": Block,
    "LayerScale, pre-norm": Block,
    "norm after": ResPostBlock,
    "rotary positions": EvaBlock,
    "rotary, registers": EvaBlock,
    "relative position table": None,
    "flexible": Block,
    "relative position MLP": None,
}
NO_RESIDUAL = {"parallel blocks": ParallelScalingBlock}
OTHER_NORMS = {"two attentions a block": ParallelThingsBlock}


def tapped(model: nn.Module, pixels: Tensor, *, attention: bool) -> dict[tuple[int, str], Tensor]:
    """(layer, place) → tokens; each place of a layer is handed over once."""
    found: dict[tuple[int, str], Tensor] = {}

    def keep(layer: int, tokens: Tensor, place: str) -> None:
        assert (layer, place) not in found
        found[layer, place] = tokens.clone()

    sinks = {place: partial(keep, place=place) for place in PLACES}
    with torch.inference_mode(), tap(model, (lambda _: None) if attention else None, places=sinks):
        model(pixels)
    return found


def check_sums(model: nn.Module, pixels: Tensor, *, attention: bool) -> None:
    """skip + branch is the next stream, the first skip is the block's input, the last sum its output."""
    inputs, outputs = [], []
    handles = [block.register_forward_pre_hook(lambda _m, i: inputs.append(i[0].clone())) for block in blocks_of(model)]
    handles += [
        block.register_forward_hook(lambda _m, _i, out: outputs.append(out.clone())) for block in blocks_of(model)
    ]
    found = tapped(model, pixels, attention=attention)
    for handle in handles:
        handle.remove()
    assert {layer for layer, _ in found} == set(range(len(outputs)))
    for layer, (given, output) in enumerate(zip(inputs, outputs, strict=True)):
        skip, branch, after, mlp = (found[layer, place] for place in RESIDUAL)
        assert branch.abs().max() > 1e-3
        assert mlp.abs().max() > 1e-3
        assert not torch.equal(branch, mlp)
        torch.testing.assert_close(skip, given, atol=0, rtol=0)
        torch.testing.assert_close(skip + branch, after, atol=1e-5, rtol=0)
        torch.testing.assert_close(after + mlp, output, atol=1e-5, rtol=0)
        torch.testing.assert_close(found[layer, OUTPUT], output, atol=0, rtol=0)
        if layer:
            torch.testing.assert_close(given, outputs[layer - 1], atol=0, rtol=0)


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("trait", sorted(TRAITS.keys() - NO_RESIDUAL.keys()))
def test_skip_and_branch_add_up_to_the_next_stream(trait, attention):
    model, pixels = build(trait), images(trait)
    expected = TRAITS_OF_BLOCKS.get(trait)
    assert expected is None or {type(block) for block in blocks_of(model)} == {expected}
    check_sums(model, pixels, attention=attention)
    tokens = tokens_of(model, tuple(pixels.shape[-2:]))
    assert tokens.places >= {OUTPUT, *RESIDUAL}
    assert tokens.width == 48


def seeded(model: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


OTHERS = {
    "EvaBlock with gamma": (partial(Eva, **SIZE, init_values=0.5), EvaBlock),
    "EvaBlockPostNorm": (partial(Eva, **SIZE, use_post_norm=True), EvaBlockPostNorm),
    "beit.Block with gamma": (
        partial(Beit, **SIZE, use_abs_pos_emb=False, use_rel_pos_bias=True, init_values=0.5), None,
    ),
    "ResPostRelPosBlock": (partial(VisionTransformerRelPos, **SIZE, block_fn=ResPostRelPosBlock), ResPostRelPosBlock),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_classes_of_blocks_that_no_trait_has(name):
    make, expected = OTHERS[name]
    model, pixels = seeded(make()), images("plain")
    assert expected is None or {type(block) for block in blocks_of(model)} == {expected}
    check_sums(model, pixels, attention=True)
    assert tokens_of(model, (32, 32)).places == set(PLACES)


def test_the_branch_is_what_is_added_after_gamma():
    model, pixels = seeded(Beit(**SIZE, use_abs_pos_emb=False, use_rel_pos_bias=True, init_values=0.5)), images("plain")
    block = model.blocks[1]
    raw: list[Tensor] = []
    handles = [
        part.register_forward_hook(lambda _m, _i, out: raw.append(out.clone())) for part in (block.attn, block.mlp)
    ]
    found = tapped(model, pixels, attention=False)
    for handle in handles:
        handle.remove()
    with torch.inference_mode():
        torch.testing.assert_close(found[1, "attention-branch"], block.gamma_1 * raw[0])
        torch.testing.assert_close(found[1, "mlp-branch"], block.gamma_2 * raw[1])


@pytest.mark.parametrize("trait", sorted(TRAITS.keys() - NO_RESIDUAL.keys() - OTHER_NORMS.keys()))
def test_norms_are_those_of_the_block(trait):
    model, pixels = build(trait), images(trait)
    seen: dict[tuple[int, str], Tensor] = {}
    for layer, block in enumerate(blocks_of(model)):
        for name in NORMS:
            block.get_submodule(name).register_forward_hook(
                lambda _m, _i, out, at=(layer, name): seen.__setitem__(at, out.clone())
            )
    found = tapped(model, pixels, attention=True)
    assert len(seen) == 2 * len(blocks_of(model))
    for key, tokens in seen.items():
        torch.testing.assert_close(found[key], tokens, atol=0, rtol=0)
    assert tokens_of(model, tuple(pixels.shape[-2:])).places == set(PLACES)


def test_parallel_blocks_have_no_stream_between_attention_and_mlp():
    """They add both at once: neither residual taps nor two norms."""
    assert tokens_of(build("parallel blocks"), (32, 32)).places == {OUTPUT}


def test_blocks_with_more_norms_have_no_norm1_and_norm2():
    assert tokens_of(build("two attentions a block"), (32, 32)).places == {OUTPUT, *RESIDUAL}


class Branch(nn.Module):
    """Attention or MLP of the blocks below."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.linear(tokens) + tokens  # an addition of its own, of the stream


class InPlace(nn.Module):
    """A block that adds in place: to the stream, then to the branch."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens += self.one(tokens)
        return self.two(tokens).add_(tokens)


class Weighted(InPlace):
    """A block whose second sum is weighted, so that its operand is not what is added."""

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.one(tokens)
        return torch.add(tokens, self.two(tokens), alpha=0.5)


class Thrice(InPlace):
    """A block with three sums."""

    def forward(self, tokens: Tensor) -> Tensor:
        return super().forward(tokens) + self.one(tokens)


class Model(nn.Module):
    def __init__(self, block: Callable[[], nn.Module]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(3, 4)
        self.blocks = nn.ModuleList([block(), block()])

    def forward(self, pixels: Tensor) -> Tensor:
        tokens = self.stem(pixels.flatten(2).transpose(1, 2))
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


def test_sums_in_place_are_seen_before_they_overwrite_anything():
    model, pixels = Model(InPlace), torch.randn(2, 3, 4, 4)
    found = tapped(model, pixels, attention=False)
    with torch.inference_mode():
        tokens = model.stem(pixels.flatten(2).transpose(1, 2))
        for layer, block in enumerate(model.blocks):
            torch.testing.assert_close(found[layer, "attention-skip"], tokens)
            torch.testing.assert_close(found[layer, "attention-branch"], block.one(tokens))
            tokens = tokens + block.one(tokens)
            torch.testing.assert_close(found[layer, "mlp-skip"], tokens)
            torch.testing.assert_close(found[layer, "mlp-branch"], block.two(tokens))
            tokens = tokens + block.two(tokens)
            torch.testing.assert_close(found[layer, OUTPUT], tokens)
    assert tokens_of(model, (4, 4)).places == {OUTPUT, *RESIDUAL}


@pytest.mark.parametrize("block", [Weighted, Branch, nn.Identity, Thrice])
def test_blocks_whose_sums_are_others_have_no_residual_places(block):
    assert tokens_of(Model(block), (4, 4)).places == {OUTPUT}


class Sandwich(nn.Module):
    """timm's Gemma4Block without rotation."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Gemma4Block(dim=4, num_heads=2, head_dim=4, intermediate_size=8)

    @property
    def norm1(self) -> nn.Module:
        return self.block.norm1

    @property
    def norm2(self) -> nn.Module:
        return self.block.norm2

    @property
    def norm3(self) -> nn.Module:
        return self.block.norm3

    def forward(self, tokens: Tensor) -> Tensor:
        turn = torch.ones(*tokens.shape[:2], 4)
        return self.block(tokens, turn, 0 * turn)


@pytest.mark.parametrize(("block", "norms"), [(partial(DeepseekVitBlock, 4, 1), set(NORMS)), (Sandwich, set())])
def test_blocks_of_the_vision_towers_of_language_models(block, norms):
    """With four norms, the second is not the one before the MLP: there are no two to speak of."""
    model, pixels = seeded(Model(block)), torch.randn(2, 3, 4, 4)
    check_sums(model, pixels, attention=True)
    assert tokens_of(model, (4, 4)).places == {OUTPUT, *RESIDUAL, *norms}
