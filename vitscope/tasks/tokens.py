"""What tasks that compare tokens by direction have in common."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vitscope.errors import ModelError


def unit_length(tokens: Tensor) -> Tensor:
    """Tokens (..., D) divided by their length, float16, so that a product of two is their cosine.

    A token of zeros stays one. Raises ModelError for tokens that are not finite.
    """
    if not bool(tokens.isfinite().all()):
        raise ModelError(
            "features that are not finite cannot be compared: the activations overflow in this number format, so try "
            "--precision fp32 or another checkpoint."
        )
    return F.normalize(tokens.float(), dim=-1).half()
