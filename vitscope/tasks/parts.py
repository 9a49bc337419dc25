"""Part-level clustering: how well k-means on part features of a layer finds PartImageNet's parts (paper Fig. 8)."""

from __future__ import annotations

from vitscope.data import partimagenet
from vitscope.data.masks import MaskedSet
from vitscope.tasks import Asked
from vitscope.tasks.regions import Regions

PER_SUPER_CLASS = 100  # images


class Parts(Regions):
    """Clusters of the parts of PartImageNet in every layer."""

    def read(self, asked: Asked) -> tuple[MaskedSet, tuple[str, ...]]:
        """So many images of each super-category: --per-class of them, else as many as in the paper."""
        count = asked.per_class or PER_SUPER_CLASS
        said = f"{count} images of each super-category, as in the paper; --per-class takes more or fewer."
        found = partimagenet.read(asked.root, per_super_class=count, limit=asked.limit)
        return found, () if asked.per_class else (said,)
