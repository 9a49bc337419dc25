"""A View of several runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vitscope.store.reader import Run
from vitscope.store.text import printable
from vitscope.views import Column, View


def build(
    runs: Sequence[Run],
    *,
    name: str,
    title: str,
    coords: dict[str, list[Any]],
    fixed: dict[str, list[Any]],
    unit: str = "",
    values: np.ndarray | None = None,
    columns: dict[str, Column] | None = None,
    notes: Sequence[str] = (),
) -> View:
    """Like `select.build`: models and data sets are listed, and `spec` of several runs is {"runs": their specs}."""
    specs = [run.spec.to_json() for run in runs]
    return View(
        name=name,
        title=printable(title),
        model=", ".join(run.model for run in runs),
        dataset=", ".join(dict.fromkeys(run.dataset for run in runs)),
        images=min(run.images for run in runs),
        unit=unit,
        protocol=", ".join(dict.fromkeys(run.spec.protocol for run in runs)),
        dims=tuple(coords),
        coords=fixed | coords,
        values=values,
        columns=columns,
        spec=specs[0] if len(specs) == 1 else {"runs": specs},
        notes=[printable(note) for note in notes],
    )
