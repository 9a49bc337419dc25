"""DINO's full checkpoint {student, teacher, …}: the teacher's backbone is the model; its head and the student go."""

from __future__ import annotations

from vitscope.models.layouts.base import Converted, Layout, Tensors, holds, without

_BACKBONE = r"teacher\.(module\.)?backbone\."


def _convert(tensors: Tensors) -> Converted:
    kept, dropped = without(tensors, r"student\.|teacher\.(module\.)?head\.")
    return Converted({name.rpartition("backbone.")[2]: tensor for name, tensor in kept.items()}, dropped)


LAYOUT = Layout(
    "DINO, full checkpoint (its teacher)", lambda tensors: holds(tensors, _BACKBONE), _convert, frozenset({"DINO"})
)
