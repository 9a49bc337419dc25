"""`show distance`: how far every head looks (paper section 4.3, Fig. 4)."""

from __future__ import annotations

import numpy as np

from vitscope.derive.distance import mean_distance, uniform_distance
from vitscope.errors import NotMeasured
from vitscope.store.reader import Run
from vitscope.views import Options, View
from vitscope.views.select import Selection, build, fitting, select, spatial


def view(run: Run, options: Options) -> View:
    """Mean attention distance, dims (layer, head), unit "image side"; its spread over images is in `show heads`.

    Where the metric was not measured it is derived from the mean spatial attention, which gives the same number.
    Raises ViewError for layers, heads and options that do not exist, NotMeasured when neither is there.
    """
    chosen = select(run, options, "distance")
    values, images = mean(chosen)
    return build(
        run,
        name="distance",
        title=f"Attention distance{chosen}",
        images=images,
        coords=chosen.coords(),
        fixed=chosen.fixed(),
        unit="image side",
        values=values,
        notes=[f"A head that looks everywhere alike has distance {uniform_distance(run.geometry):.4f}."],
    )


def mean(chosen: Selection) -> tuple[np.ndarray, int]:
    """Mean distance of the heads chosen in image sides, and of how many images; NotMeasured names `distance`."""
    run = chosen.run
    try:
        result = run.result("distance")
    except NotMeasured as error:
        try:
            result, attention = spatial(run)
        except NotMeasured:
            raise error from None
        return chosen.squeeze(mean_distance(chosen.part(attention), run.geometry)), result.images
    values = fitting(result, "mean", run.geometry.layers, run.geometry.heads)
    return np.asarray(chosen.pick(values), dtype=np.float64), result.images
