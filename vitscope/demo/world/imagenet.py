"""The world as ImageNet: class folders of portraits, `train/` and `val/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitscope.demo.world.compose import portrait
from vitscope.demo.world.kinds import KINDS
from vitscope.demo.world.png import write_png

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRAIN_PER_CLASS, VAL_PER_CLASS = 60, 25
COUNT = len(KINDS) * (TRAIN_PER_CLASS + VAL_PER_CLASS)


def write(root: Path) -> Iterator[None]:
    """Write `{train,val}/<wnid>/*.JPEG` and `LOC_synset_mapping.txt`; yields once for each picture."""
    number = 0
    for split, count in (("train", TRAIN_PER_CLASS), ("val", VAL_PER_CLASS)):
        for kind in KINDS:
            folder = root / split / kind.wordnet
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                number += 1
                name = f"{kind.wordnet}_{index}" if split == "train" else f"ILSVRC2012_val_{number:08d}"
                write_png(folder / f"{name}.JPEG", portrait(kind, split, index)[0].image)
                yield
    lines = "".join(f"{kind.wordnet} {kind.name}\n" for kind in KINDS)
    (root / "LOC_synset_mapping.txt").write_text(lines, encoding="utf-8", newline="\n")
