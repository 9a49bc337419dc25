"""What tasks that compare tokens by direction have in common."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def unit_length(tokens: Tensor) -> Tensor:
    """Tokens (..., D) divided by their length, float16, so that a product of two is their cosine.

    A token of zeros stays one.
    """
    return F.normalize(tokens.float(), dim=-1).half()
