"""Images inside of parquet files, as the Hugging Face hub keeps ImageNet: `FILE.parquet/ROW` is the path of one.

Needs pyarrow, which is imported only here and only then. An image is read with the group of rows that it is in, of
which the last few are kept; files of the hub have about a hundred images in a group.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from vitscope.errors import DataError

SUFFIX = ".parquet"
BATCH = 1024  # rows whose names are read at a time
GROUPS = 4  # groups of rows that are kept


def holds(path: Path) -> bool:
    """Whether a path leads into a parquet file."""
    return path.parent.suffix == SUFFIX


def index(file: Path) -> list[tuple[str, int]]:
    """Name and label of the image in every row; raises DataError: no pyarrow, no such file or columns."""
    parquet = _parquet()
    try:
        whole = parquet.ParquetFile(file)
        if whole.metadata.num_rows > file.stat().st_size:  # runs of one value take no room, and endless memory
            raise ValueError(f"it claims {whole.metadata.num_rows:,} rows, more than it has bytes")
        names, labels = [], []
        for part in whole.iter_batches(BATCH, columns=["image.path", "label"]):
            names += [image["path"] for image in part.column("image").to_pylist()]
            labels += part.column("label").to_pylist()
    except Exception as error:  # pyarrow raises many classes
        raise DataError(f"{file} is not read as images with labels: {error}.") from None
    if not all(type(label) is int and isinstance(name, str | None) for name, label in zip(names, labels, strict=True)):
        raise DataError(f"{file} must have the columns image (bytes and path) and label (a whole number).")
    return [(name or "", label) for name, label in zip(names, labels, strict=True)]


def image(path: Path) -> bytes:
    """The bytes of the image at `FILE.parquet/ROW`; raises OSError, ValueError, or what pyarrow raises."""
    file, row = _open(path.parent), int(path.name)
    ends = list(accumulate(file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)))
    group = bisect_right(ends, row)
    first = ends[group - 1] if group else 0
    content = _group(path.parent, group)[row - first].as_py()
    if content is None:
        raise OSError("the row holds no image")
    return content


@lru_cache(maxsize=GROUPS)
def _open(file: Path) -> Any:
    return _parquet().ParquetFile(file)


@lru_cache(maxsize=GROUPS)
def _group(file: Path, group: int) -> Any:
    """The bytes of the images of a group of rows."""
    column = _open(file).read_row_group(group, columns=["image.bytes"]).column("image")
    return column.combine_chunks().field("bytes")


def _parquet() -> Any:
    try:
        import pyarrow.parquet  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        raise DataError(
            "the images are in parquet files, which only pyarrow reads: install vitscope[parquet], or unpack them into "
            "class folders."
        ) from None
    return pyarrow.parquet
