"""What a trained ViT has learnt: k-NN of every layer, attention's entropy and distance, and where CLS looks.

`python -m vitscope.demo.train.evaluate` measures the shipped weights and writes `curves/evaluation.csv`.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from vitscope.demo.train.pictures import Pictures, cached, drawn, normalised
from vitscope.demo.zoo import DEMO_MODELS, DEPTH, PATCH, SIDE, architecture, build

if TYPE_CHECKING:
    from torch import nn

CURVES = Path(__file__).parents[1] / "curves"
NEIGHBOURS, TEMPERATURE = 20, 0.07


@torch.no_grad()
def cls_features(model: nn.Module, images: torch.Tensor, *, batch: int = 200) -> torch.Tensor:
    """The CLS token of every layer's output before the final norm: float32 [layers, N, width], on the CPU."""
    rows: list[list[torch.Tensor]] = [[] for _ in range(DEPTH)]
    blocks: Any = model.blocks
    hooks = [
        block.register_forward_hook(lambda _m, _i, out, row=row: row.append(out[:, 0].float().cpu()))
        for block, row in zip(blocks, rows, strict=True)
    ]
    training = model.training
    model.eval()
    for part in images.split(batch):
        model.forward_features(normalised(part))  # type: ignore[operator]
    model.train(training)
    for hook in hooks:
        hook.remove()
    return torch.stack([torch.cat(row) for row in rows])


def knn(gallery: torch.Tensor, labels: torch.Tensor, queries: torch.Tensor, truth: torch.Tensor) -> float:
    """Top-1 accuracy (0 to 1) of DINO's weighted k-NN: k = 20, T = .07, cosine; features [N, width]."""
    similarity = functional.normalize(queries, dim=1) @ functional.normalize(gallery, dim=1).T
    values, places = similarity.topk(min(NEIGHBOURS, len(gallery)), dim=1)
    votes = torch.zeros(len(queries), int(labels.max()) + 1)
    votes.scatter_add_(1, labels[places], (values / TEMPERATURE).exp())
    return float((votes.argmax(1) == truth).double().mean())


def knn_by_layer(model: nn.Module, train: Pictures, val: Pictures) -> list[float]:
    """k-NN top-1 on the validation pictures of every layer, first to last."""
    gallery, queries = cls_features(model, train.images), cls_features(model, val.images)
    truth = (train.labels.cpu(), val.labels.cpu())
    return [knn(a, truth[0], b, truth[1]) for a, b in zip(gallery, queries, strict=True)]


def spread(features: torch.Tensor) -> float:
    """How far features [N, width] are from collapse: 0 when all are equal, about 1 when they fill the sphere."""
    unit = functional.normalize(features, dim=1)
    return float(unit.std(0).square().sum().sqrt())
