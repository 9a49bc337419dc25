"""`show offset`: in which direction every head looks on average (offset heads: paper section 4.2, Fig. 3)."""

from __future__ import annotations

from vitscope.derive.offset import magnitude, offset
from vitscope.store.reader import Run
from vitscope.views import Column, Options, View
from vitscope.views.select import build, select, spatial


def view(run: Run, options: Options) -> View:
    """Columns x (right), y (down) and magnitude, dims (layer, head), unit "image side".

    Raises ViewError for layers, heads and options that do not exist, NotMeasured without the spatial attention.
    """
    chosen = select(run, options, "offset")
    result, mean = spatial(run)
    vectors = chosen.squeeze(offset(chosen.part(mean), run.geometry))
    return build(
        run,
        name="offset",
        title=f"Mean offset of attention{chosen}",
        images=result.images,
        coords=chosen.coords(),
        fixed=chosen.fixed(),
        columns={
            "x": Column(values=vectors[..., 0], unit="image side"),
            "y": Column(values=vectors[..., 1], unit="image side"),
            "magnitude": Column(values=magnitude(vectors), unit="image side"),
        },
        notes=[f"x points right, y down; one token is {run.geometry.step:.4f}."],
    )
