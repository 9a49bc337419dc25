"""The loop that all six methods share: batches, schedule, optimiser, curves, and a state that resumes exactly.

Everything random in an epoch follows from the seed and the epoch's number, so that a run that was killed and started
again does what the uninterrupted run would have done.
"""

from __future__ import annotations

import csv
import time
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

import torch

from vitscope.demo.train.evaluate import cls_features, knn_by_layer, spread
from vitscope.demo.train.optimiser import optimiser_for

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from vitscope.demo.train.optimiser import MuonAdamW
    from vitscope.demo.train.pictures import Pictures


CLIMB = 100


@dataclass(frozen=True)
class Settings:
    """What a method is trained with; `rate` is the highest learning rate, in AdamW's units."""

    epochs: int
    batch: int = 64
    rate: float = 1e-3
    decay: float = 0.05
    cooldown: int = 2
    """Epochs at the end in which the rate falls to nothing; before, it is constant, after a climb of `CLIMB` steps.

    Nothing else depends on the number of epochs: a training may be given more of them, or fewer, while it runs.
    """


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

    def loss(self, pictures: Pictures, chosen: torch.Tensor, *, cooling: bool) -> torch.Tensor:
        """The mean loss of the chosen pictures (int64 [B]); `cooling` in the last epochs, when the rate falls."""
        ...

    def after_step(self) -> None:
        """What follows an optimiser step, such as a momentum update."""
        ...


def rate_at(step: int, steps: int, settings: Settings) -> float:
    """The learning rate at a step of the whole training, of which every epoch has `steps`."""
    left = (settings.epochs * steps - step) / (settings.cooldown * steps)
    return settings.rate * min(1.0, (step + 1) / CLIMB, left)


def unfuse_attention(module: nn.Module) -> None:
    """On a CPU, torch's fused attention is three times slower in bfloat16 backward than the plain one."""
    parts: Any = module.modules()
    for part in parts:
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
    cooling = epoch >= settings.epochs - settings.cooldown
    for step in range(steps):
        rate = rate_at(epoch * steps + step, steps, settings)
        for group in optimiser.param_groups:
            group["lr"] = rate
        chosen = order[step * settings.batch : (step + 1) * settings.batch].to(device)
        with torch.autocast(device.type, torch.bfloat16):
            loss = method.loss(train, chosen, cooling=cooling)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in method.parameters() if p.grad is not None], 1.0)
        optimiser.step()
        method.after_step()
        total += float(loss.detach())
    seconds = time.perf_counter() - started
    scores, wide = _scores(method.exported(), train.every(10), val)
    best = max(range(len(scores)), key=scores.__getitem__)
    return Row(epoch + 1, round(total / steps, 5), round(rate, 7), round(wide, 4), round(scores[-1], 4),
               round(scores[best], 4), best + 1, round(seconds, 1))  # fmt: skip


def _scores(model: nn.Module, train: Pictures, val: Pictures) -> tuple[list[float], float]:
    with torch.autocast(train.images.device.type, torch.bfloat16):
        gallery, queries = cls_features(model, train.images), cls_features(model, val.images)
    return knn_by_layer(gallery, train.labels.cpu(), queries, val.labels.cpu()), spread(queries[-1])


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
