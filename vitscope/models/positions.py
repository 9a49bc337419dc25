"""The image size that a file's position tables were made for; they are resampled when that is asked for, never else."""

from __future__ import annotations

import math

from torch import Tensor, nn

from vitscope.models.names import patch_of

TABLE = "relative_position_bias_table"


def implied_size(
    module: nn.Module, tensors: dict[str, Tensor], image_size: tuple[int, int] | None
) -> tuple[int, int] | None:
    """The square image size (height, width) in pixels of the file's tables where it is not the model's; else None.

    `module` was built for `image_size`, or for its own where none was asked for. A table with a square number of
    places is one of a square grid, unless the model itself is not square.
    """
    patch = patch_of(module)
    grid = getattr(getattr(module, "patch_embed", None), "grid_size", None)
    edge = _edge(module, tensors)
    if patch is None or grid is None or edge is None or tuple(grid) == (edge, edge):
        return None
    if image_size is None and _places(module, tensors) == _own_places(module):
        return None
    return edge * patch[0], edge * patch[1]


def _places(module: nn.Module, tensors: dict[str, Tensor]) -> int | None:
    """Rows of the file's table; None where it has none, or the model."""
    for name, tensor in tensors.items():
        if name == "pos_embed" and tensor.ndim == 3 and getattr(module, "pos_embed", None) is not None:
            return tensor.shape[1]
        if name.endswith(TABLE) and tensor.ndim == 2:
            return tensor.shape[0]
    return None


def _own_places(module: nn.Module) -> int | None:
    return _places(module, module.state_dict())


def _edge(module: nn.Module, tensors: dict[str, Tensor]) -> int | None:
    """Patches along the edge of the square grid that the file's table is for; None where there is no such grid."""
    places = _places(module, tensors)
    if places is None:
        return None
    own = getattr(module, "pos_embed", None)
    if own is not None:
        square = places - (own.shape[1] - module.patch_embed.num_patches)  # type: ignore[union-attr,operator]
        edge = math.isqrt(max(square, 0))
        return edge if edge and edge * edge == square else None
    span = math.isqrt(max(places - 3, 0))  # (2·edge − 1)², and three rows for CLS, as in BEiT
    return (span + 1) // 2 if span % 2 and span * span == places - 3 else None
