"""`show deviation`: how much heads differ, and how much queries differ, as the paper's code measures it."""

from __future__ import annotations

import numpy as np

from vitscope.errors import NotMeasured
from vitscope.store.reader import Run
from vitscope.views import Column, Options, View
from vitscope.views.select import build, fitting, select


def view(run: Run, options: Options) -> View:
    """Columns over_heads and over_positions with their spread over images (…_std), dims (layer, head), unit 1.

    over_heads is a number of a layer and stands beside each of its heads. A metric that was not measured leaves its
    columns out, with a note. Raises ViewError for layers, heads and options that do not exist, NotMeasured without any.
    """
    chosen = select(run, options, "deviation")
    columns: dict[str, Column] = {}
    missing: list[NotMeasured] = []
    images = 0
    both = (run.geometry.layers, run.geometry.heads)
    for name, metric, shape in (
        ("over_heads", "head-deviation", both[:1]),
        ("over_positions", "position-deviation", both),
    ):
        try:
            result = run.result(metric)
        except NotMeasured as error:
            missing.append(error)
            continue
        images = result.images
        for column, array in ((name, "mean"), (f"{name}_std", "std")):
            values = fitting(result, array, *shape).reshape(both[0], -1)
            per_head = chosen.pick(np.broadcast_to(values, both))
            columns[column] = Column(values=np.asarray(per_head, dtype=np.float64), unit="1")
    if not columns:
        raise missing[0]
    notes = ["over_heads is one number per layer, repeated for its heads."] if "over_heads" in columns else []
    return build(
        run,
        name="deviation",
        title=f"Deviation over heads and over positions{chosen}",
        images=images,
        coords=chosen.coords(),
        fixed=chosen.fixed(),
        columns=columns,
        notes=notes + [f"Left out: {error}" for error in missing],
    )
