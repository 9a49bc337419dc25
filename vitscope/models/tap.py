"""The tap: attention and tokens of every block, one layer at a time, while the model runs as it always does.

timm's plain Vision Transformers call `scaled_dot_product_attention`, whatever they add to it: rotary or relative
positions, registers, grouped queries, parallel blocks. The tap answers that call itself, so that it sees exactly the
queries, keys and masks that the fused kernel would have seen, and hands the attention on before it is dropped. Nothing
in the model is replaced; when the tap closes, nothing of it is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vitscope.batch import NORMS, OUTPUT, RESIDUAL
from vitscope.models.interrupt import deferred
from vitscope.models.stream import Stream


@dataclass(frozen=True)
class Piece:
    """Attention of some images and queries of one layer, in float32; images outermost, then queries."""

    layer: int
    images: slice
    start: int  # the first query
    attention_BHQT: Tensor
    logits_BHQT: Tensor


@dataclass(frozen=True)
class Chunk:
    """How much attention is held at once: images × queries of one layer."""

    images: int
    queries: int


Whole = Chunk(images=1 << 30, queries=1 << 30)


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """The transformer blocks in their order; empty when the model has no plain sequence of blocks."""
    for owner in (model, getattr(model, "encoder", None)):
        blocks = getattr(owner, "blocks", None)
        if isinstance(blocks, nn.ModuleList | nn.Sequential):
            return list(blocks)
    return []


Sink = Callable[[int, Tensor], None]
"""Who is handed a layer and its tokens (B, T, D)."""


@contextmanager
def tap(
    model: nn.Module,
    on_attention: Callable[[Piece], None] | None,
    on_features: Sink | None = None,
    *,
    places: Mapping[str, Sink] = MappingProxyType({}),
    chunk: Chunk = Whole,
    heads: int | None = None,
) -> Iterator[None]:
    """While open, hand every block's attention to `on_attention` and its output (B, T, D) to `on_features`.

    Both are called inside the forward pass, layer by layer; the tensors are theirs to read until they return. The
    features are those after both residual additions and before the final norm, as in the paper. `places` does the same
    for other names of `vitscope.batch.PLACES`; a block that has no such place hands nothing on there (see
    `vitscope.models.places`). `heads` is how many heads a block has: a parallel block's attention modules, which add up
    like more heads of one, are then joined to pieces of all heads. Without it every module's attention comes by itself.
    Ctrl-C waits for the next piece. Without `on_attention` the fused kernels run as they do in the model.
    """
    sinks = dict(places) if on_features is None else {**places, OUTPUT: on_features}
    with ExitStack() as stack:
        watch: _Watch | None = None
        if on_attention is not None or sinks.keys() & set(RESIDUAL):
            watch = _Watch(on_attention, Stream(sinks), chunk, heads, stack.enter_context(deferred()))
        if on_attention is not None:
            for module in model.modules():
                if getattr(module, "fused_attn", True) is False:  # timm: built with fused kernels switched off
                    stack.callback(setattr, module, "fused_attn", False)
                    setattr(module, "fused_attn", True)  # noqa: B010 (an attribute that nn.Module does not declare)
        for layer, block in enumerate(blocks_of(model)):
            for handle in _hooks(block, layer, watch, sinks):
                stack.callback(handle.remove)
        if watch is not None:
            stack.enter_context(watch)
        yield


def _hooks(
    block: nn.Module, layer: int, watch: _Watch | None, sinks: Mapping[str, Sink]
) -> Iterator[torch.utils.hooks.RemovableHandle]:
    if watch is not None:
        yield block.register_forward_pre_hook(lambda _module, inputs: watch.enter(layer, inputs))
        yield block.register_forward_hook(lambda *_: watch.leave())
    normed = not hasattr(block, "norm3")  # of four norms, as Gemma's blocks have, two are after attention and MLP
    for place, sink in sinks.items():
        owner = block if place == OUTPUT else getattr(block, place, None) if place in NORMS and normed else None
        if isinstance(owner, nn.Module):
            yield owner.register_forward_hook(_handing_on(layer, sink))


def _handing_on(layer: int, sink: Sink) -> Callable[[nn.Module, object, object], None]:
    """A forward hook that hands a module's output on; returning None keeps the output as it is."""

    def leave(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            sink(layer, output)

    return leave


class _Watch(TorchFunctionMode):
    """Answers `scaled_dot_product_attention` while a block runs, if anybody listens, and follows the stream."""

    def __init__(
        self,
        on_attention: Callable[[Piece], None] | None,
        stream: Stream,
        chunk: Chunk,
        heads: int | None,
        interrupt: Callable[[], None],
    ) -> None:
        super().__init__()
        self.interrupt = interrupt
        self.on_attention = on_attention
        self.stream = stream
        self.chunk = chunk
        self.heads = heads
        self.layer: int | None = None
        self.parts: dict[tuple[int, int], list[Piece]] = {}

    def enter(self, layer: int, inputs: Sequence[object]) -> None:
        self.layer, self.parts = layer, {}
        self.stream.enter(layer, inputs)
        self.interrupt()

    def leave(self) -> None:
        self.layer = None
        self.stream.leave()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention and self.layer is not None and self.on_attention is not None:
            return self._attend(*args, **kwargs)
        if self.layer is None or not self.stream.follow(func, args, kwargs):
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        self.stream.goes_on(result)
        return result

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,  # noqa: ARG002 (0 in eval mode)
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """The same product as the fused kernel's, chunk by chunk, in float32 up to the softmax."""
        if enable_gqa:
            groups = query.shape[-3] // key.shape[-3]
            key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
        scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        mask = _causal(query, key) if is_causal else attn_mask
        out = value.new_empty(*query.shape[:-1], value.shape[-1])
        for images in _slices(query.shape[0], self.chunk.images):
            key_t = key[images].float().transpose(-2, -1)
            for queries in _slices(query.shape[-2], self.chunk.queries):
                self.interrupt()
                logits = (query[images][..., queries, :].float() * scale) @ key_t
                logits = logits if mask is None else _masked(logits, mask, images, queries)
                attention = logits.softmax(-1)
                out[images][..., queries, :] = attention.to(value.dtype) @ value[images]
                self._hand_on(images, queries.start, attention, logits)
        return out

    def _hand_on(self, images: slice, start: int, attention: Tensor, logits: Tensor) -> None:
        assert self.layer is not None
        assert self.on_attention is not None
        piece = Piece(self.layer, images, start, attention, logits)
        if self.heads is None or attention.shape[1] == self.heads:
            self.on_attention(piece)
            return
        parts = self.parts.setdefault((images.start, start), [])
        parts.append(piece)
        if sum(part.attention_BHQT.shape[1] for part in parts) == self.heads:
            attention = torch.cat([part.attention_BHQT for part in parts], 1)
            logits = torch.cat([part.logits_BHQT for part in parts], 1)
            self.on_attention(Piece(self.layer, images, start, attention, logits))
            parts.clear()


def _slices(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _causal(query: Tensor, key: Tensor) -> Tensor:
    return torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()


def _masked(logits: Tensor, mask: Tensor, images: slice, queries: slice) -> Tensor:
    """The logits of a chunk with its part of the mask: added, or −inf where a boolean mask forbids."""
    if mask.ndim == logits.ndim and mask.shape[0] > 1:
        mask = mask[images]
    if mask.shape[-2] > 1:
        mask = mask[..., queries, :]
    return logits.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else logits + mask
