"""What a trained ViT has learnt: k-NN of every layer, attention's entropy and distance, and where CLS looks.

`python -m vitscope.demo.train.evaluate` measures the shipped weights and writes `curves/evaluation.csv`.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from vitscope.demo.train.pictures import VAL_PER_CLASS, Pictures, drawn, normalised
from vitscope.demo.zoo import DEMO_MODELS, DEPTH, PATCH, SIDE, architecture, build

if TYPE_CHECKING:
    from torch import nn

CURVES = Path(__file__).parents[1] / "curves"
NEIGHBOURS, TEMPERATURE = 20, 0.07
GALLERY_PER_CLASS = 60
"""Training pictures of each class that k-NN searches: those in the class folders that the world writes."""


def cls_features(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The CLS token of every layer's output before the final norm: float32 [layers, N, width], on the CPU."""
    return vectors(model, images)[0]


@torch.no_grad()
def vectors(model: nn.Module, images: torch.Tensor, *, batch: int = 200) -> torch.Tensor:
    """CLS, and the mean of the patches, of every layer's output: float32 [2, layers, N, width], on the CPU."""
    rows: list[list[torch.Tensor]] = [[] for _ in range(DEPTH)]
    blocks: Any = model.blocks
    hooks = [
        block.register_forward_hook(
            lambda _m, _i, out, row=row: row.append(torch.stack((out[:, 0], out[:, 1:].mean(1))).float().cpu())
        )
        for block, row in zip(blocks, rows, strict=True)
    ]
    training = model.training
    model.eval()
    for part in images.split(batch):
        model.forward_features(normalised(part))  # type: ignore[operator]
    model.train(training)
    for hook in hooks:
        hook.remove()
    return torch.stack([torch.cat(row, 1) for row in rows], 1)


def knn(gallery: torch.Tensor, labels: torch.Tensor, queries: torch.Tensor, truth: torch.Tensor) -> float:
    """Top-1 accuracy (0 to 1) of DINO's weighted k-NN: k = 20, T = .07, cosine; features [N, width]."""
    similarity = functional.normalize(queries, dim=1) @ functional.normalize(gallery, dim=1).T
    values, places = similarity.topk(min(NEIGHBOURS, len(gallery)), dim=1)
    votes = torch.zeros(len(queries), int(labels.max()) + 1)
    votes.scatter_add_(1, labels[places], (values / TEMPERATURE).exp())
    return float((votes.argmax(1) == truth).double().mean())


def knn_by_layer(
    gallery: torch.Tensor, labels: torch.Tensor, queries: torch.Tensor, truth: torch.Tensor
) -> list[float]:
    """The same of every layer, first to last; features [layers, N, width]."""
    return [knn(a, labels, b, truth) for a, b in zip(gallery, queries, strict=True)]


def spread(features: torch.Tensor) -> float:
    """How far features [N, width] are from collapse: 0 when all are equal, about 1 when they fill the sphere."""
    unit = functional.normalize(features, dim=1)
    return float(unit.std(0).square().sum().sqrt())


@torch.no_grad()
def attention_maps(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Every layer's attention: float32 [layers, B, heads, tokens, tokens], tapped where timm drops it out."""
    maps: list[torch.Tensor] = []
    blocks: Any = model.blocks
    hooks = []
    for block in blocks:
        block.attn.fused_attn = False
        hooks.append(block.attn.attn_drop.register_forward_hook(lambda _m, _i, out: maps.append(out.float())))
    model.eval()
    model.forward_features(normalised(images))  # type: ignore[operator]
    for hook in hooks:
        hook.remove()
    return torch.stack(maps)


def grid_distances(grid: int = SIDE // PATCH) -> torch.Tensor:
    """Distance between every two patches' centres, as a share of the image's side: float64 [tokens, tokens]."""
    row, column = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    places = torch.stack((row.flatten(), column.flatten()), 1).double() / grid
    return torch.cdist(places, places)


def attention_summary(model: nn.Module, pictures: Pictures) -> dict[str, list[float]]:
    """Mean per layer of `entropy` (share of its maximum), `distance` (share of the side) and CLS's `mask_mass`.

    Entropy is over all keys of all queries; distance between patches, CLS dropped and rows renormalised; the mass is
    the part of CLS's attention to patches that lies on the object's mask.
    """
    share = functional.avg_pool2d(pictures.masks[:, None].float(), PATCH).flatten(1)
    far = grid_distances().float()
    totals = torch.zeros(3, DEPTH, dtype=torch.float64)
    for images, part in zip(pictures.images.split(100), share.split(100), strict=True):
        maps = attention_maps(model, images)
        tokens = maps.shape[-1]
        entropy = -(maps * maps.clamp(min=1e-12).log()).sum(-1) / torch.tensor(float(tokens)).log()
        spatial = maps[..., 1:, 1:] / maps[..., 1:, 1:].sum(-1, keepdim=True)
        looked = maps[..., 0, 1:] / maps[..., 0, 1:].sum(-1, keepdim=True)
        values = (entropy.mean((2, 3)), (spatial * far).sum(-1).mean((2, 3)), (looked * part[:, None]).sum(-1).mean(2))
        totals += torch.stack([value.double().sum(1) for value in values])
    means = (totals / len(pictures.images)).tolist()
    return dict(zip(("entropy", "distance", "mask_mass"), means, strict=True))


def table(models: dict[str, nn.Module], train: Pictures, val: Pictures) -> list[dict[str, Any]]:
    """A row for each model and layer (from 1): k-NN top-1 of CLS and of the mean patch, spread, attention."""
    rows: list[dict[str, Any]] = []
    area = float(val.masks.double().mean())
    for name, model in models.items():
        attention = attention_summary(model, val)
        gallery, queries = vectors(model, train.images), vectors(model, val.images)
        top1 = [knn_by_layer(a, train.labels, b, val.labels) for a, b in zip(gallery, queries, strict=True)]
        rows += [
            {"model": name, "layer": layer + 1, "knn": top1[0][layer], "knn_patches": top1[1][layer],
             "spread": spread(queries[0, layer]),
             **{key: values[layer] for key, values in attention.items()}, "mask_area": area}
            for layer in range(DEPTH)
        ]  # fmt: skip
    return rows


def main() -> None:
    """Measure the shipped weights and an untrained ViT on the world's validation pictures."""
    torch.manual_seed(0)
    train, val = drawn("train", GALLERY_PER_CLASS), drawn("val", VAL_PER_CLASS)
    models = {"untrained": architecture("fs").eval(), "untrained-beit": architecture("beit").eval()}
    models |= {name: build(name) for name, demo in DEMO_MODELS.items() if demo.path.exists()}
    rows = table(models, train, val)
    CURVES.mkdir(exist_ok=True)
    with (CURVES / "evaluation.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([f"{v:.4f}" if isinstance(v, float) else v for v in row.values()] for row in rows)
    for name in models:
        mine = [row for row in rows if row["model"] == name]
        best = max(mine, key=lambda row: row["knn"])
        last = mine[-1]
        print(f"{name:15} k-NN last {last['knn']:.3f} best {best['knn']:.3f} (layer {best['layer']})"
              f"  of patches last {last['knn_patches']:.3f} best {max(row['knn_patches'] for row in mine):.3f}"
              f"  entropy {last['entropy']:.3f}  distance {last['distance']:.3f}"
              f"  CLS on mask {last['mask_mass']:.3f} of area {last['mask_area']:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
