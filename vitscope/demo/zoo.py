"""The six small ViTs: what they are, and how to get one with its trained weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

SIDE, PATCH, WIDTH, DEPTH, HEADS = 80, 8, 96, 8, 6
"""Image side and patch side in pixels, width of a token, number of layers, heads in a layer; the same for all six."""
WEIGHTS = Path(__file__).parent / "weights"
MEAN = STD = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class DemoModel:
    """One small ViT; `supervision` is explicit, contrastive or reconstruction."""

    name: str
    method: str
    supervision: str
    title: str
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD

    @property
    def path(self) -> Path:
        """The float16 safetensors file, in timm's key names."""
        return WEIGHTS / f"{self.name}.safetensors"


DEMO_MODELS: dict[str, DemoModel] = {
    f"demo-{method}": DemoModel(f"demo-{method}", method, supervision, title)
    for method, supervision, title in (
        ("fs", "explicit", "class labels, cross entropy"),
        ("clip", "explicit", "image-caption contrast"),
        ("dino", "contrastive", "self-distillation with multi-crop"),
        ("moco", "contrastive", "contrast with a momentum encoder"),
        ("mae", "reconstruction", "pixels of masked patches"),
        ("beit", "reconstruction", "visual tokens of masked patches"),
    )
}
"""All six in the order of the paper: explicit, contrastive, reconstruction."""


def architecture(method: str) -> nn.Module:
    """An untrained ViT of the shape that a method's weights fit; `method` is fs, clip, dino, moco, mae or beit."""
    from timm.models.beit import Beit  # noqa: PLC0415 - timm takes seconds to import
    from timm.models.vision_transformer import VisionTransformer  # noqa: PLC0415

    if method == "beit":
        return Beit(
            img_size=SIDE, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS, num_classes=0,
            global_pool="token", use_abs_pos_emb=False, use_rel_pos_bias=True, init_values=0.1,
        )  # fmt: skip
    return VisionTransformer(
        img_size=SIDE, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS, num_classes=0
    )


def build(name: str) -> nn.Module:
    """One of `DEMO_MODELS` with its trained weights: float32, on the CPU, in eval mode.

    Raises KeyError for an unknown name, and torch's RuntimeError where a file does not fit its architecture.
    """
    from safetensors.torch import load_file  # noqa: PLC0415

    demo = DEMO_MODELS[name]
    model = architecture(demo.method)
    model.load_state_dict({key: value.float() for key, value in load_file(demo.path).items()}, strict=True)
    return model.eval()
