"""`show aligned`: the AAAM of every head (paper section 4.2, Fig. 3)."""

from __future__ import annotations

from vitscope.derive.aligned import aligned, displacements
from vitscope.store.reader import Run
from vitscope.views import Options, View
from vitscope.views.select import build, select, spatial

NOTE = (
    "Rows and columns count tokens down and right of the query. A displacement that few patches can see is small "
    "by construction: divide by (rows − |row|)·(columns − |column|)/patches to correct for that."
)


def view(run: Run, options: Options) -> View:
    """AAAM, dims (layer, head, row, column); row and column are tokens down and right of the query, unit 1.

    As the paper defines it, in both protocols: a head sums to 1 and is not corrected for coverage.
    Raises ViewError for layers, heads and options that do not exist, NotMeasured without the spatial attention.
    """
    chosen = select(run, options, "aligned")
    result, mean = spatial(run)
    down, right = displacements(run.geometry)
    return build(
        run,
        name="aligned",
        title=f"Aligned aggregated attention (AAAM){chosen}",
        images=result.images,
        coords={**chosen.coords(), "row": down.tolist(), "column": right.tolist()},
        fixed=chosen.fixed(),
        unit="1",
        values=chosen.squeeze(aligned(chosen.part(mean), run.geometry)),
        notes=[NOTE],
    )
