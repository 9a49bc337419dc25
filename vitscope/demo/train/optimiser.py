"""AdamW for vectors and embeddings, Muon for the matrices inside the layers.

Muon (Jordan et al. 2024) replaces a matrix's momentum by the nearest orthogonal matrix, so that all its directions
learn at one speed.  On budgets of a few thousand steps a small ViT then learns in half the steps or fewer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn

MOMENTUM, NEWTON_STEPS = 0.95, 5
_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Roughly the nearest orthogonal matrices, by a quintic Newton-Schulz iteration; float [..., rows, columns]."""
    a, b, c = _QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.transpose(-2, -1) if tall else matrices
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(NEWTON_STEPS):
        gram = x @ x.transpose(-2, -1)
        x = a * x + (b * gram + c * gram @ gram) @ x
    x = x.to(matrices.dtype)
    return x.transpose(-2, -1) if tall else x


class MuonAdamW(torch.optim.Optimizer):
    """One optimiser with two kinds of groups; one `lr` serves both, in AdamW's units."""

    def __init__(self, groups: list[dict[str, Any]], rate: float) -> None:
        super().__init__(groups, {"lr": rate, "weight_decay": 0.0, "muon": False})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        assert closure is None
        for group in self.param_groups:
            used = [p for p in group["params"] if p.grad is not None]
            for p in used:
                p.mul_(1 - group["lr"] * group["weight_decay"])
            if group["muon"]:
                self._muon(used, group["lr"])
            else:
                for p in used:
                    self._adam(p, group["lr"])

    def _muon(self, used: list[Any], rate: float) -> None:
        by_shape: dict[torch.Size, list[Any]] = {}
        for p in used:
            by_shape.setdefault(p.shape, []).append(p)
        for shape, same in by_shape.items():
            pushed = []
            for p in same:
                kept = self.state[p].setdefault("momentum", torch.zeros_like(p))
                kept.lerp_(p.grad, 1 - MOMENTUM)
                pushed.append(torch.lerp(p.grad, kept, MOMENTUM))
            # AdamW's update has entries of about 0.2 to 0.4; an orthogonal matrix is scaled to match
            scale = 0.3 * max(shape) ** 0.5
            for p, update in zip(same, orthogonal(torch.stack(pushed)), strict=True):
                p.add_(update, alpha=-rate * scale)

    def _adam(self, p: Any, rate: float) -> None:
        state = self.state[p]
        if not state:
            state |= {"mean": torch.zeros_like(p), "square": torch.zeros_like(p), "steps": 0}
        state["steps"] += 1
        state["mean"].lerp_(p.grad, 0.1)
        state["square"].lerp_(p.grad.square(), 0.05)
        mean = state["mean"] / (1 - 0.9 ** state["steps"])
        square = state["square"] / (1 - 0.95 ** state["steps"])
        p.addcdiv_(mean, square.sqrt().add_(1e-8), value=-rate)


def optimiser_for(module: nn.Module, rate: float, decay: float) -> MuonAdamW:
    """Muon for the matrices of attention and MLP in ViT layers, AdamW for the rest; vectors do not decay."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        small = parameter.ndim < 2 or "token" in name or "pos_embed" in name or "bias_table" in name
        inner = parameter.ndim == 2 and ("blocks." in name or "layers." in name or "decoder." in name)
        (vectors if small else matrices if inner else others).append(parameter)
    return MuonAdamW(
        [{"params": matrices, "muon": True, "weight_decay": decay}, {"params": others, "weight_decay": decay},
         {"params": vectors}], rate)  # fmt: skip
