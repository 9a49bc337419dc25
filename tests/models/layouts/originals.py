"""The models of the methods as their authors describe them, in plain torch and with the authors' names of tensors.

Nothing of timm is in here. Every forward pass returns what it saw: attention and output of every block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

EDGE, PATCH, WIDTH, DEPTH, HEADS = 32, 8, 128, 3, 2
GRID = EDGE // PATCH
TOKENS = GRID * GRID + 1


@dataclass
class Seen:
    """Per block: attention (B, H, T, T) and output (B, T, D)."""

    attention: list[Tensor] = field(default_factory=list)
    output: list[Tensor] = field(default_factory=list)


def attend(
    query_BHTd: Tensor, key_BHTd: Tensor, value_BHTd: Tensor, bias_HTT: Tensor | float = 0
) -> tuple[Tensor, Tensor]:
    """softmax(q·kᵀ/√d + bias) and its product with the values, heads side by side: (B, H, T, T) and (B, T, D)."""
    logits = torch.einsum("bhqd,bhkd->bhqk", query_BHTd, key_BHTd) / query_BHTd.shape[-1] ** 0.5 + bias_HTT
    weights = logits.exp() / logits.exp().sum(-1, keepdim=True)
    mixed = torch.einsum("bhqk,bhkd->bqhd", weights, value_BHTd)
    return weights, mixed.flatten(2)


def normed(tokens: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """LayerNorm (Ba et al. 2016) over the last axis."""
    mean = tokens.mean(-1, keepdim=True)
    variance = ((tokens - mean) ** 2).mean(-1, keepdim=True)
    return (tokens - mean) / (variance + eps).sqrt() * weight + bias


def gelu(values: Tensor) -> Tensor:
    """x·Φ(x) (Hendrycks and Gimpel 2016)."""
    return values * 0.5 * (1 + torch.erf(values / 2**0.5))


def quick_gelu(values: Tensor) -> Tensor:
    """x·σ(1.702x), as clip/model.py has it."""
    return values * torch.sigmoid(1.702 * values)


def seeded(model: nn.Module, seed: int = 0, wide: float = 0.15) -> nn.Module:
    """All parameters from a seed, wide enough that attention is far from uniform and activations bend."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(wide * torch.randn(parameter.shape, generator=generator))
            if parameter.ndim == 1:
                parameter.add_(0.5)
    return model.eval().requires_grad_(False)


def pixels(count: int = 2, edge: int = EDGE) -> Tensor:
    """Normalised images (B, 3, edge, edge) from a seed."""
    return torch.randn(count, 3, edge, edge, generator=torch.Generator().manual_seed(1))


class Block(nn.Module):
    """A pre-norm block as DINO's and MAE's vision_transformer name it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})


class ViT(nn.Module):
    """The backbone of DINO, MoCo-v3 and MAE: patches, CLS in front, absolute positions, pre-norm blocks."""

    def __init__(self, heads: int = HEADS, width: int = WIDTH, depth: int = DEPTH) -> None:
        super().__init__()
        self.heads = heads
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, TOKENS, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, PATCH, PATCH)})
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, images: Tensor) -> Seen:
        patches = self.patch_embed["proj"](images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1) + self.pos_embed
        seen = Seen()
        for block in self.blocks:
            assert isinstance(block, Block)
            inner = normed(tokens, block.norm1.weight, block.norm1.bias, 1e-6)
            qkv = block.attn["qkv"](inner).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
            weights, mixed = attend(qkv[0], qkv[1], qkv[2])
            tokens = tokens + block.attn["proj"](mixed)
            inner = normed(tokens, block.norm2.weight, block.norm2.bias, 1e-6)
            tokens = tokens + block.mlp["fc2"](gelu(block.mlp["fc1"](inner)))
            seen.attention.append(weights)
            seen.output.append(tokens)
        return seen


class Residual(nn.Module):
    """ResidualAttentionBlock of clip/model.py: torch's own attention module, tokens outermost."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(WIDTH, 4 * WIDTH), "c_proj": nn.Linear(4 * WIDTH, WIDTH)})


class Visual(nn.Module):
    """VisionTransformer of clip/model.py, without its projection's use: no patch bias, ln_pre, QuickGELU, eps 1e-5."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(WIDTH))
        self.positional_embedding = nn.Parameter(torch.zeros(TOKENS, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = nn.ModuleDict({"resblocks": nn.ModuleList(Residual() for _ in range(DEPTH))})
        self.proj = nn.Parameter(torch.zeros(WIDTH, 40))

    def forward(self, images: Tensor, activation=quick_gelu) -> Seen:
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        first = self.class_embedding + torch.zeros(len(images), 1, WIDTH)
        tokens = torch.cat([first, patches], 1) + self.positional_embedding
        tokens = normed(tokens, self.ln_pre.weight, self.ln_pre.bias, 1e-5).transpose(0, 1)
        seen = Seen()
        for block in self.transformer["resblocks"]:  # type: ignore[union-attr]
            assert isinstance(block, Residual)
            inner = normed(tokens, block.ln_1.weight, block.ln_1.bias, 1e-5)
            mixed, weights = block.attn(inner, inner, inner, need_weights=True, average_attn_weights=False)
            tokens = tokens + mixed
            inner = normed(tokens, block.ln_2.weight, block.ln_2.bias, 1e-5)
            tokens = tokens + block.mlp["c_proj"](activation(block.mlp["c_fc"](inner)))
            seen.attention.append(weights)
            seen.output.append(tokens.transpose(0, 1))
        return seen


class Clip(nn.Module):
    """CLIP with a text tower of the right names; OpenAI's archives also hold three numbers as tensors."""

    def __init__(self, *, numbers: bool) -> None:
        super().__init__()
        self.visual = Visual()
        self.transformer = nn.ModuleDict({"resblocks": nn.ModuleList([Residual()])})
        self.token_embedding = nn.Embedding(11, WIDTH)
        self.text_projection = nn.Parameter(torch.zeros(WIDTH, 40))
        self.logit_scale = nn.Parameter(torch.zeros(()))
        for name, number in (("input_resolution", EDGE), ("context_length", 77), ("vocab_size", 11)):
            if numbers:
                self.register_buffer(name, torch.tensor(number))

    def forward(self, images: Tensor) -> Tensor:
        return self.visual(images).output[-1]


class BeitBlock(nn.Module):
    """A block of BEiT's modeling_finetune.py: bias of queries and values only, LayerScale called gamma."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.gamma_1, self.gamma_2 = nn.Parameter(torch.ones(WIDTH)), nn.Parameter(torch.ones(WIDTH))
        self.attn = nn.Module()
        self.attn.q_bias, self.attn.v_bias = nn.Parameter(torch.ones(WIDTH)), nn.Parameter(torch.ones(WIDTH))
        self.attn.qkv, self.attn.proj = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(WIDTH, 4 * WIDTH), "fc2": nn.Linear(4 * WIDTH, WIDTH)})


class Beit(nn.Module):
    """VisionTransformerForMaskedImageModeling of BEiT: one table of relative positions, no absolute ones."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token, self.mask_token = nn.Parameter(torch.zeros(1, 1, WIDTH)), nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, WIDTH, PATCH, PATCH)})
        self.rel_pos_bias = nn.Module()
        self.rel_pos_bias.relative_position_bias_table = nn.Parameter(torch.zeros((2 * GRID - 1) ** 2 + 3, HEADS))
        self.rel_pos_bias.register_buffer("relative_position_index", self._index())
        self.blocks = nn.ModuleList(BeitBlock() for _ in range(DEPTH))
        self.norm, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 7)

    @staticmethod
    def _index() -> Tensor:
        """Row of the table for every (query, key), as BEiT's own code numbers them, pair by pair."""
        span = 2 * GRID - 1
        index = torch.zeros(TOKENS, TOKENS, dtype=torch.long)
        for query in range(GRID * GRID):
            for key in range(GRID * GRID):
                down = query // GRID - key // GRID + GRID - 1
                right = query % GRID - key % GRID + GRID - 1
                index[1 + query, 1 + key] = down * span + right
        index[0, 1:], index[1:, 0], index[0, 0] = span**2, span**2 + 1, span**2 + 2
        return index

    def forward(self, images: Tensor) -> Seen:
        patches = self.patch_embed["proj"](images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1)
        table, index = self.rel_pos_bias.relative_position_bias_table, self.rel_pos_bias.relative_position_index
        assert isinstance(table, Tensor)
        assert isinstance(index, Tensor)
        bias = table[index].permute(2, 0, 1)
        seen = Seen()
        for block in self.blocks:
            inner = normed(tokens, block.norm1.weight, block.norm1.bias, 1e-6)
            query, key, value = block.attn.qkv(inner).chunk(3, -1)
            split = [
                part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
                for part in (query + block.attn.q_bias, key, value + block.attn.v_bias)
            ]
            weights, mixed = attend(split[0], split[1], split[2], bias)
            tokens = tokens + block.gamma_1 * block.attn.proj(mixed)
            inner = normed(tokens, block.norm2.weight, block.norm2.bias, 1e-6)
            tokens = tokens + block.gamma_2 * block.mlp["fc2"](gelu(block.mlp["fc1"](inner)))
            seen.attention.append(weights)
            seen.output.append(tokens)
        return seen


def jax_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays as Google's JAX code writes them."""
    generator = np.random.default_rng(seed)
    shapes = {
        "embedding/kernel": (PATCH, PATCH, 3, WIDTH),
        "embedding/bias": (WIDTH,),
        "cls": (1, 1, WIDTH),
        "Transformer/posembed_input/pos_embedding": (1, TOKENS, WIDTH),
        "Transformer/encoder_norm/scale": (WIDTH,),
        "Transformer/encoder_norm/bias": (WIDTH,),
        "head/kernel": (WIDTH, 5),
        "head/bias": (5,),
    }
    for layer in range(DEPTH):
        block = f"Transformer/encoderblock_{layer}"
        for part in ("query", "key", "value"):
            shapes[f"{block}/MultiHeadDotProductAttention_1/{part}/kernel"] = (WIDTH, HEADS, WIDTH // HEADS)
            shapes[f"{block}/MultiHeadDotProductAttention_1/{part}/bias"] = (HEADS, WIDTH // HEADS)
        shapes |= {
            f"{block}/MultiHeadDotProductAttention_1/out/kernel": (HEADS, WIDTH // HEADS, WIDTH),
            f"{block}/MultiHeadDotProductAttention_1/out/bias": (WIDTH,),
            f"{block}/MlpBlock_3/Dense_0/kernel": (WIDTH, 4 * WIDTH),
            f"{block}/MlpBlock_3/Dense_0/bias": (4 * WIDTH,),
            f"{block}/MlpBlock_3/Dense_1/kernel": (4 * WIDTH, WIDTH),
            f"{block}/MlpBlock_3/Dense_1/bias": (WIDTH,),
        }
        shapes |= {f"{block}/LayerNorm_{norm}/{part}": (WIDTH,) for norm in (0, 2) for part in ("scale", "bias")}
    return {
        name: (0.15 * generator.standard_normal(shape) + 0.5 * (len(shape) == 1)).astype(np.float32)
        for name, shape in shapes.items()
    }


def jax_forward(arrays: Mapping[str, np.ndarray], images: Tensor) -> Seen:
    """A ViT over arrays in JAX's order of axes (height, width, in, out; in, head, head width)."""
    has = {name: torch.from_numpy(array) for name, array in arrays.items()}
    cut = images.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)  # (B, 3, rows, columns, height, width)
    patches = torch.einsum("bcrshw,hwcd->brsd", cut, has["embedding/kernel"]).flatten(1, 2) + has["embedding/bias"]
    tokens = torch.cat([has["cls"].expand(len(images), -1, -1), patches], 1)
    tokens = tokens + has["Transformer/posembed_input/pos_embedding"]
    seen = Seen()
    for layer in range(DEPTH):
        block = f"Transformer/encoderblock_{layer}"
        attention = f"{block}/MultiHeadDotProductAttention_1"
        inner = normed(tokens, has[f"{block}/LayerNorm_0/scale"], has[f"{block}/LayerNorm_0/bias"], 1e-6)
        query, key, value = (
            torch.einsum("btd,dhe->bhte", inner, has[f"{attention}/{part}/kernel"])
            + has[f"{attention}/{part}/bias"][:, None]
            for part in ("query", "key", "value")
        )
        weights, mixed = attend(query, key, value)
        mixed = mixed.unflatten(-1, (HEADS, -1))
        out = torch.einsum("bthe,hed->btd", mixed, has[f"{attention}/out/kernel"])
        tokens = tokens + out + has[f"{attention}/out/bias"]
        inner = normed(tokens, has[f"{block}/LayerNorm_2/scale"], has[f"{block}/LayerNorm_2/bias"], 1e-6)
        hidden = gelu(inner @ has[f"{block}/MlpBlock_3/Dense_0/kernel"] + has[f"{block}/MlpBlock_3/Dense_0/bias"])
        tokens = tokens + hidden @ has[f"{block}/MlpBlock_3/Dense_1/kernel"] + has[f"{block}/MlpBlock_3/Dense_1/bias"]
        seen.attention.append(weights)
        seen.output.append(tokens)
    return seen
