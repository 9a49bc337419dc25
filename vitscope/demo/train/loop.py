"""The loop that all six methods share: batches, schedule, optimiser, curves, and a state that resumes exactly.

Everything random in an epoch follows from the seed and the epoch's number, so that a run that was killed and started
again does what the uninterrupted run would have done.
"""

from __future__ import annotations

import csv
import math
import time
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

import torch

from vitscope.demo.train.evaluate import cls_features, knn, spread
from vitscope.demo.train.optimiser import optimiser_for

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from vitscope.demo.train.optimiser import MuonAdamW
    from vitscope.demo.train.pictures import Pictures


@dataclass(frozen=True)
class Settings:
    """What a method is trained with; `rate` is the highest learning rate, in AdamW's units."""

    epochs: int
    batch: int = 64
    rate: float = 1e-3
    decay: float = 0.05
    warmup: float = 0.05
    """Share of all steps in which the rate climbs; afterwards it falls as a cosine to a hundredth."""


@dataclass(frozen=True)
class Row:
    """One line of a curve."""

    epoch: int
    loss: float
    rate: float
    spread: float
    knn_last: float
    knn_best: float
    best_layer: int
    seconds: float


class Method(Protocol):
    """What the loop asks of a method; all but `loss` and `after_step` come with `nn.Module`."""

    settings: Settings

    def exported(self) -> nn.Module:
        """The ViT that is evaluated and shipped."""
        ...

    def loss(self, pictures: Pictures, chosen: torch.Tensor, progress: float) -> torch.Tensor:
        """The mean loss of the chosen pictures (int64 [B]); `progress` runs from 0 to 1 over the training."""
        ...

    def after_step(self, progress: float) -> None:
        """What follows an optimiser step, such as a momentum update."""
        ...


def rate_at(progress: float, settings: Settings) -> float:
    """The learning rate at a share of all steps."""
    if progress < settings.warmup:
        return settings.rate * progress / settings.warmup
    along = (progress - settings.warmup) / (1 - settings.warmup)
    return settings.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * along)))


def unfuse_attention(module: nn.Module) -> None:
    """On a CPU, torch's fused attention is three times slower in bfloat16 backward than the plain one."""
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False


def fit(method: Any, train: Pictures, val: Pictures, *, state: Path, curve: Path, seed: int, say: Any = print) -> None:
    """Train a method (an nn.Module that is a `Method`) to its last epoch, from its saved state if there is one."""
    settings: Settings = method.settings
    device = train.images.device
    method.to(device).train()
    if device.type == "cpu":
        unfuse_attention(method)
    optimiser = optimiser_for(method, settings.rate, settings.decay)
    rows: list[Row] = []
    first = 0
    if state.exists():
        saved = torch.load(state, map_location=device, weights_only=True)
        method.load_state_dict(saved["method"])
        optimiser.load_state_dict(saved["optimiser"])
        rows = [Row(**row) for row in saved["rows"]]
        first = len(rows)
    for epoch in range(first, settings.epochs):
        row = _epoch(method, optimiser, train, val, epoch, seed)
        rows.append(row)
        _save(
            state,
            {"method": method.state_dict(), "optimiser": optimiser.state_dict(), "rows": [asdict(r) for r in rows]},
        )
        write_curve(curve, rows)
        say(f"{curve.stem} {row}", flush=True)


def _epoch(method: Any, optimiser: MuonAdamW, train: Pictures, val: Pictures, epoch: int, seed: int) -> Row:
    settings: Settings = method.settings
    started = time.perf_counter()
    torch.manual_seed(seed * 1000 + epoch)
    device = train.images.device
    order = torch.randperm(len(train.images))
    steps = len(order) // settings.batch
    total, rate = 0.0, 0.0
    for step in range(steps):
        progress = (epoch * steps + step) / (settings.epochs * steps)
        rate = rate_at((epoch * steps + step + 1) / (settings.epochs * steps), settings)
        for group in optimiser.param_groups:
            group["lr"] = rate
        chosen = order[step * settings.batch : (step + 1) * settings.batch].to(device)
        with torch.autocast(device.type, torch.bfloat16):
            loss = method.loss(train, chosen, progress)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in method.parameters() if p.grad is not None], 1.0)
        optimiser.step()
        method.after_step(progress)
        total += float(loss.detach())
    seconds = time.perf_counter() - started
    scores, wide = _scores(method.exported(), train.every(10), val)
    best = max(range(len(scores)), key=scores.__getitem__)
    return Row(epoch + 1, round(total / steps, 5), round(rate, 7), round(wide, 4), round(scores[-1], 4),
               round(scores[best], 4), best + 1, round(seconds, 1))  # fmt: skip


def _scores(model: nn.Module, train: Pictures, val: Pictures) -> tuple[list[float], float]:
    with torch.autocast(train.images.device.type, torch.bfloat16):
        gallery, queries = cls_features(model, train.images), cls_features(model, val.images)
    pairs = zip(gallery, queries, strict=True)
    return [knn(a, train.labels.cpu(), b, val.labels.cpu()) for a, b in pairs], spread(queries[-1])


def _save(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(content, part)
    part.replace(path)


def write_curve(path: Path, rows: list[Row]) -> None:
    """Write a method's curve as CSV, one line an epoch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Row))
        writer.writerows(tuple(asdict(row).values()) for row in rows)
