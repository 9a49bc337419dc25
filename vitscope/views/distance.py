"""`show distance`: how far every head looks (paper section 4.3, Fig. 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vitscope.derive.distance import mean_distance, uniform_distance
from vitscope.errors import NotMeasured
from vitscope.views import Options, View
from vitscope.views.select import Selection, build, select

if TYPE_CHECKING:
    from vitscope.store.reader import Run


def view(run: Run, options: Options) -> View:
    """Mean attention distance, dims (layer, head), unit "image side"; its spread over images is in `show heads`.

    Where the metric was not measured it is derived from the mean spatial attention, which gives the same number.
    Raises ViewError for layers, heads and options that do not exist, NotMeasured when neither is there.
    """
    chosen = select(run, options, "distance")
    values, images = measured(run, chosen)
    return build(
        run,
        name="distance",
        title=f"Attention distance{chosen}",
        images=images,
        coords=chosen.coords(),
        unit="image side",
        values=values,
        notes=[f"A head that looks everywhere alike has distance {uniform_distance(run.geometry):.4f}."],
    )


def measured(run: Run, chosen: Selection) -> tuple[np.ndarray, int]:
    """Mean distance of the heads chosen, and the number of images; NotMeasured names the metric `distance`."""
    try:
        result = run.result("distance")
    except NotMeasured:
        if "spatial-attention" not in run.results():
            raise
        result = run.result("spatial-attention")
        part = chosen.part(result.array("mean"))
        return chosen.squeeze(mean_distance(part, run.geometry)), result.images
    return np.asarray(chosen.pick(result.array("mean")), dtype=np.float64), result.images
