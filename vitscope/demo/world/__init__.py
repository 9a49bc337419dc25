"""A small world of objects made of parts, drawn from a seed, with all its ground truth, in six real on-disk formats.

Numpy is all that it needs.  The same files come out on every machine, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitscope.demo.world import coco, davis, imagenet, partimagenet, roxford, spair

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

WRITERS: dict[str, Any] = {
    "imagenet": imagenet, "coco": coco, "partimagenet": partimagenet,
    "roxford5k": roxford, "davis": davis, "spair": spair,
}  # fmt: skip
"""The modules that write one data set each: `COUNT` pictures by `write(root)`, which yields after each picture."""


def write(
    folder: Path, *, only: Collection[str] | None = None, progress: Callable[[int, int], None] | None = None
) -> dict[str, Path]:
    """Draw the world into `folder`, one data set a sub-folder, and return their roots by name.

    `only` names some of `WRITERS`; `progress` is called with (pictures drawn, pictures in all).
    Raises ValueError for a name that is not in `WRITERS`.
    """
    chosen = list(WRITERS) if only is None else [name for name in WRITERS if name in only]
    unknown = sorted(set(only or ()) - set(WRITERS))
    if unknown:
        raise ValueError(f"no data set called {', '.join(unknown)}: choose from {', '.join(WRITERS)}")
    total, done = sum(WRITERS[name].COUNT for name in chosen), 0
    for name in chosen:
        for _ in WRITERS[name].write(folder / name):
            done += 1
            if progress is not None:
                progress(done, total)
    return {name: folder / name for name in chosen}
