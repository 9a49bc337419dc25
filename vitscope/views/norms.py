"""`show norms`: how long patch tokens are in every layer, and how many of them stand far out (artifact tokens)."""

from __future__ import annotations

import numpy as np

from vitscope.store.reader import Run
from vitscope.views import Column, Options, View
from vitscope.views.select import build, exists, fitting, grid_coords, refuse


def view(run: Run, options: Options) -> View:
    """Columns mean, median, outliers and outliers_std, dims (layer,), unit 1; with `options.layer` a map of means.

    mean and median are norms of block outputs over patches; outliers is the share of patches whose norm is far above
    that of their image, and outliers_std its spread over images. The map has dims (row, column): the mean norm of each
    patch over images. Raises ViewError for options that do not exist, NotMeasured.
    """
    refuse(options, "norms", uses=("layer",), among=("query", "image", "tokens", "taps", "exact", "head"))
    geometry = run.geometry
    exists(run, "layer", options.layer, geometry.layers)
    result = run.result("token-norms")
    mean = np.asarray(fitting(result, "mean", geometry.layers, geometry.patches), dtype=np.float64)
    if options.layer is not None:
        return build(
            run,
            name="norms",
            title=f"Norm of every patch token, layer {options.layer + 1}",
            images=result.images,
            coords=grid_coords(run),
            fixed={"layer": [options.layer + 1]},
            unit="1",
            values=mean[options.layer].reshape(geometry.rows, geometry.columns),
        )
    columns = {"mean": Column(values=mean.mean(axis=1), unit="1")}
    for name, array in (("median", "median"), ("outliers", "outliers"), ("outliers_std", "outliers-std")):
        values = np.asarray(fitting(result, array, geometry.layers), dtype=np.float64)
        columns[name] = Column(values=values, unit="1")
    return build(
        run,
        name="norms",
        title="Norms of patch tokens, and the share that stands far out",
        images=result.images,
        coords={"layer": list(range(1, geometry.layers + 1))},
        fixed={},
        columns=columns,
    )
