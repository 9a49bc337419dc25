"""Object-level clustering: how well k-means on object features of a layer finds COCO's categories (paper Fig. 8)."""

from __future__ import annotations

from vitscope.data import coco
from vitscope.data.masks import MaskedSet
from vitscope.errors import TaskError
from vitscope.tasks import Asked
from vitscope.tasks.regions import Regions

IMAGES = 1000  # of the validation split, in ascending order of their ids


class Objects(Regions):
    """Clusters of the objects of COCO in every layer."""

    def read(self, asked: Asked) -> tuple[MaskedSet, tuple[str, ...]]:
        """The first images of val2017; those without an object count too, as in the paper's code. Raises TaskError."""
        if asked.per_class is not None:
            raise TaskError("--per-class: images of COCO show objects of many classes; use --limit for fewer images.")
        if asked.limit is not None:
            return coco.read(asked.root, limit=asked.limit), ()
        found = coco.read(asked.root, limit=IMAGES)
        said = f"the first {IMAGES} images of val2017, as in the paper; --limit takes more or fewer."
        return found, (said,) if len(found.images) == IMAGES else ()
