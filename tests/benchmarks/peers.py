"""Other ways to the same two numbers: mean attention maps and attention distance of every layer and head.

Each contender is a function of (model, batches of pixels) → a work that goes through all batches and returns what it
found. They share the arithmetic of `Sums`, which is vitscope's own where that is fastest, so that only the way to the
attention differs. A package that is not installed raises ImportError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitscope.batch import Images
from vitscope.geometry import Geometry, patch_distance
from vitscope.metrics import Setting
from vitscope.metrics.attention import Attention
from vitscope.metrics.distance import Distance
from vitscope.models.build import Loaded
from vitscope.models.places import tokens_of
from vitscope.models.shape import geometry_of
from vitscope.run import loader
from vitscope.run.measure import Pass
from vitscope.run.plan import plan
from vitscope.spec import Resources


@dataclass(frozen=True)
class Found:
    """What every contender gives: float32 (layer, head, query, key) and (layer, head), means over images."""

    maps: Tensor
    distance: Tensor


Work = Callable[[], Found]


class Sums:
    """Sums over images of attention and of its distance, from whole attention of one layer at a time."""

    def __init__(self, g: Geometry, device: torch.device) -> None:
        self.prefix, self.images = len(g.prefix), 0
        self.distance_PP = torch.from_numpy(patch_distance(g)).to(torch.float32).to(device)
        self.maps = torch.zeros(g.layers, g.heads, g.tokens, g.tokens, device=device)
        self.distances = torch.zeros(g.layers, g.heads, device=device)

    def add(self, layer: int, attention_BHTT: Tensor) -> None:
        """Add the attention of some images in one layer."""
        self.maps[layer] += attention_BHTT.sum(0)
        spatial = attention_BHTT[..., self.prefix :, self.prefix :]
        reach_BHP = torch.linalg.vecdot(spatial, self.distance_PP) / spatial.sum(-1)
        self.distances[layer] += reach_BHP.mean(-1).sum(0)
        self.images += len(attention_BHTT) * (layer == 0)

    def add_all(self, layers: Iterable[Tensor]) -> None:
        """Add the attention of some images in every layer."""
        for layer, attention in enumerate(layers):
            self.add(layer, attention.to(self.maps.device))

    def found(self) -> Found:
        """The means."""
        return Found(self.maps / self.images, self.distances / self.images)


def vitscope(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """The pass of `vitscope extract --metrics attention,distance`, from pixels on."""
    device, size = batches[0].device, len(batches[0])
    geometry, tokens = (
        geometry_of(model.name, model.module, model.image_size),
        tokens_of(model.module, model.image_size),
    )
    images = size * len(batches)
    setting = Setting(geometry, device, 0, (), tokens.width, tokens.places, tuple(range(images)))
    metrics = {"attention": Attention, "distance": Distance}
    planned = plan(metrics.values(), setting, Resources(batch_size=size))

    def work() -> Found:
        current = Pass(metrics, model, setting, planned)
        current._normalised = lambda pixels: pixels  # as the others get them
        for start, pixels in zip(range(0, images, size), batches, strict=True):
            places = tuple(range(start, start + size))
            current.run(loader.Loaded(0, size, Images(pixels, None, places), ()))
        states = current.states()
        return Found(*(torch.from_numpy(one.adds.compute(states[name])["mean"]) for name, one in metrics.items()))

    return work


def unfused(module: nn.Module) -> list[nn.Module]:
    """The attention modules of a timm model, each told to compute its attention where a hook sees it."""
    found = [one for one in module.modules() if hasattr(one, "fused_attn")]
    for one in found:
        one.fused_attn = False
    return found


def hooked(module: nn.Module, kept: list[Tensor]) -> None:
    """Keep what goes into every dropout of attention, as it comes."""
    for one in unfused(module):
        one.attn_drop.register_forward_hook(lambda _module, inputs, _output: kept.append(inputs[0]))


def hook_all(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """A hook that stores all attention of all images, stacked, and reduced afterwards."""
    kept: list[Tensor] = []
    hooked(model.module, kept)
    geometry = geometry_of(model.name, model.module, model.image_size)
    kept.clear()

    def work() -> Found:
        each = [_layers_of(model, kept, pixels) for pixels in batches]
        whole_LBHTT = torch.cat(each, 1)
        each.clear()
        sums = Sums(geometry, whole_LBHTT.device)
        sums.add_all(whole_LBHTT)
        return sums.found()

    return work


def _layers_of(model: Loaded, kept: list[Tensor], pixels: Tensor) -> Tensor:
    with torch.inference_mode():
        model.module(pixels)
    whole = torch.stack(kept)
    kept.clear()
    return whole


def hook_batch(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """The same hook, with the attention of one batch, all layers, at a time."""
    kept: list[Tensor] = []
    hooked(model.module, kept)
    return _batch_by_batch(model, batches, lambda pixels: _taken(model.module, kept, pixels))


def _taken(module: nn.Module, kept: list[Tensor], pixels: Tensor) -> list[Tensor]:
    kept.clear()
    module(pixels)
    return kept


def _batch_by_batch(model: Loaded, batches: Sequence[Tensor], attention: Callable[[Tensor], Iterable[Tensor]]) -> Work:
    """A work that gets all layers' attention of a batch, adds them up, and goes on."""
    geometry = geometry_of(model.name, model.module, model.image_size)

    def work() -> Found:
        sums = Sums(geometry, batches[0].device)
        with torch.inference_mode():
            for pixels in batches:
                sums.add_all(attention(pixels))
        return sums.found()

    return work


def timm_fx(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """timm's AttentionExtract on a traced graph, its default."""
    return _timm(model, batches, "fx")


def timm_hook(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """timm's AttentionExtract by hooks."""
    return _timm(model, batches, "hook")


def _timm(model: Loaded, batches: Sequence[Tensor], method: str) -> Work:
    from timm.utils import AttentionExtract

    unfused(model.module)
    extract = AttentionExtract(model.module, method=method)
    return _batch_by_batch(model, batches, lambda pixels: extract(pixels).values())


def transformers_eager(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """ViTModel of transformers with `output_attentions`, eager, with the same weights."""
    from transformers import ViTConfig, ViTModel

    source, g = model.module, geometry_of(model.name, model.module, model.image_size)
    state = source.state_dict()
    config = ViTConfig(
        hidden_size=(width := state["pos_embed"].shape[-1]), num_hidden_layers=g.layers, num_attention_heads=g.heads,
        intermediate_size=len(state["blocks.0.mlp.fc1.bias"]), layer_norm_eps=1e-6, image_size=model.image_size[0],
        patch_size=g.patch[0], attn_implementation="eager",
    )  # fmt: skip
    vit = ViTModel(config, add_pooling_layer=False)
    vit.load_state_dict(as_transformers(state, vit.state_dict(), width))
    vit.eval().to(batches[0].device)
    del state
    model.module.to("meta")
    return _batch_by_batch(model, batches, lambda pixels: vit(pixels, output_attentions=True).attentions)


def as_transformers(state: dict[str, Tensor], like: dict[str, Tensor], width: int) -> dict[str, Tensor]:
    """timm's names and fused q, k, v → those of transformers' ViTModel, in the order in which its own state has them.

    Both list a block's arrays in the order of the computation, so that names of a kind need not be known exactly.
    """
    pieces: dict[str, Tensor] = {}
    for name, value in state.items():
        if ".attn.qkv." in name:
            pieces |= {name.replace("qkv", part): value[i * width : (i + 1) * width] for i, part in enumerate("qkv")}
        else:
            pieces[name] = value
    words = (  # timm's, and what may stand for it in transformers
        ("blocks.", ("encoder.layer.", "layers.")),
        ("patch_embed.proj", ("embeddings.patch_embeddings.projection",)),
        ("cls_token", ("embeddings.cls_token",)),
        ("pos_embed", ("embeddings.position_embeddings",)),
        ("norm1", ("layernorm_before",)),
        ("norm2", ("layernorm_after",)),
        ("attn.q.", ("attention.attention.query.", "attention.q_proj.")),
        ("attn.k.", ("attention.attention.key.", "attention.k_proj.")),
        ("attn.v.", ("attention.attention.value.", "attention.v_proj.")),
        ("attn.proj", ("attention.output.dense", "attention.o_proj")),
        ("mlp.fc1", ("intermediate.dense", "mlp.fc1")),
        ("mlp.fc2", ("output.dense", "mlp.fc2")),
        ("norm.", ("layernorm.",)),
    )
    return {theirs: pieces[_in_timm(theirs, words)] for theirs in like}


def _in_timm(theirs: str, words: Sequence[tuple[str, Sequence[str]]]) -> str:
    for ours, names in words:
        for name in names:
            theirs = theirs.replace(name, ours)
    return theirs


def fast_vit_rollout(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """The hooks of fast-vit-rollout, without its rollout; fused attention, which they do not see, switched off."""
    from fast_vit_rollout import ViTAttentionRollout

    unfused(model.module)
    rollout = ViTAttentionRollout(model.module)

    def attention(pixels: Tensor) -> list[Tensor]:
        rollout.attentions = []
        model.module(pixels)
        return rollout.attentions

    return _batch_by_batch(model, batches, attention)


def prisma(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """HookedViT of vit-prisma with the same weights, keeping the hooks of attention patterns only."""
    from vit_prisma.configs.HookedViTConfig import HookedViTConfig
    from vit_prisma.models.base_vit import HookedViT
    from vit_prisma.prisma_tools.loading_from_pretrained import convert_timm_weights

    g, state = geometry_of(model.name, model.module, model.image_size), model.module.state_dict()
    width = state["pos_embed"].shape[-1]
    classes = {"head.weight": torch.zeros(1, width), "head.bias": torch.zeros(1)}
    config = HookedViTConfig(
        n_layers=g.layers, d_model=width, d_head=width // g.heads, n_heads=g.heads,
        d_mlp=len(state["blocks.0.mlp.fc1.bias"]), eps=1e-6, patch_size=g.patch[0], image_size=model.image_size[0],
        n_classes=1, device=str(batches[0].device),
    )  # fmt: skip
    vit = HookedViT(config)
    converted = convert_timm_weights({**classes, **state}, config)
    missing = vit.load_state_dict(converted, strict=False)
    assert not missing.missing_keys, missing
    vit.eval().to(batches[0].device)
    model.module.to("meta")
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(g.layers)]

    def attention(pixels: Tensor) -> list[Tensor]:
        _, cache = vit.run_with_cache(pixels, names_filter=names, return_cache_object=False)
        return [cache[name] for name in names]

    return _batch_by_batch(model, batches, attention)


def torchlens(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """A trace of torchlens that keeps what softmax gives; fused attention switched off."""
    import torchlens as lens  # wraps every function of torch at its first trace, for good

    unfused(model.module)

    def attention(pixels: Tensor) -> list[Tensor]:
        trace = lens.trace(model.module, pixels, save=lens.func("softmax"))
        return [trace[label].out for label in trace.layer_labels if label.startswith("softmax")]

    return _batch_by_batch(model, batches, attention)


def paper(model: Loaded, batches: Sequence[Tensor]) -> Work:
    """In the manner of the paper's code: batches of two, all layers stacked, every metric on the whole of them."""
    from tests.benchmarks.paper_loop import AttentionDistance, AverageAttention, stacked_attention

    unfused(model.module)
    pairs = [pair for pixels in batches for pair in pixels.split(2)]

    def work() -> Found:
        maps, distance = AverageAttention(), AttentionDistance(model)
        for pixels in pairs:
            whole_BLHTT = stacked_attention(model.module, pixels)
            for metric in (maps, distance):
                metric.add(whole_BLHTT)
        return Found(maps.result(), distance.result())

    return work


CONTENDERS: dict[str, Callable[[Loaded, Sequence[Tensor]], Work]] = {
    "vitscope": vitscope,
    "a hook, all attention kept": hook_all,
    "a hook, a batch kept": hook_batch,
    "timm AttentionExtract (fx)": timm_fx,
    "timm AttentionExtract (hook)": timm_hook,
    "transformers output_attentions": transformers_eager,
    "fast-vit-rollout's hooks": fast_vit_rollout,
    "vit-prisma run_with_cache": prisma,
    "torchlens trace": torchlens,
    "manner of the paper's code": paper,
}
